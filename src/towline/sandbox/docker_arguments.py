"""The arguments of `docker build` and `docker run` that pipelines may give, as data. Pure.

Options are on a list; everything else is refused by name, above all what would open the host:
mounts, devices, namespaces, privileges.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

import msgspec

from towline.errors import InputError


class BuildArguments(msgspec.Struct, frozen=True, kw_only=True):
    """What `docker build` was asked.

    Attributes:
        context: Directory of the build, relative to where it is called.
        file: Dockerfile, relative to where it is called; empty for the context's own.
        arguments: Build arguments.
        labels: Labels of the image.
        tags: Further names of the image.
        target: Stage to stop at; empty for the last.
        no_cache: Whether every step runs.
        pull: Whether base images are looked up anew.
        platform: Wanted platform; empty for the machine's own.
    """

    context: str
    file: str = ""
    arguments: dict[str, str] = {}
    labels: dict[str, str] = {}
    tags: tuple[str, ...] = ()
    target: str = ""
    no_cache: bool = False
    pull: bool = False
    platform: str = ""


class RunArguments(msgspec.Struct, frozen=True, kw_only=True):
    """What `docker run` was asked.

    Attributes:
        env: Environment variables.
        volumes: Mounts as (source, target, options).
        user: User or user:group; empty for the image's own.
        workdir: Directory; empty for the workspace.
        entrypoint: None for the image's own, an empty string for none.
    """

    env: dict[str, str] = {}
    volumes: tuple[tuple[str, str, str], ...] = ()
    user: str = ""
    workdir: str = ""
    entrypoint: str | None = None


_BUILD_VALUES = {
    "-f": "file",
    "--file": "file",
    "--build-arg": "arguments",
    "--label": "labels",
    "-t": "tags",
    "--tag": "tags",
    "--target": "target",
    "--platform": "platform",
    "--progress": "",
    "--network": "",
}
_BUILD_FLAGS = {
    "--no-cache": "no_cache",
    "--pull": "pull",
    "--rm": "",
    "--force-rm": "",
    "-q": "",
    "--quiet": "",
    "--compress": "",
}
_RUN_VALUES = {
    "-e": "env",
    "--env": "env",
    "-v": "volumes",
    "--volume": "volumes",
    "-u": "user",
    "--user": "user",
    "-w": "workdir",
    "--workdir": "workdir",
    "--entrypoint": "entrypoint",
    "--name": "",
    "-p": "",
    "--publish": "",
    "--network": "",
    "--net": "",
    "--memory": "",
    "-m": "",
    "--cpus": "",
}
_RUN_FLAGS = {"--rm": "", "-t": "", "-i": "", "-it": "", "-d": "", "--init": "", "--tty": ""}
_NETWORKS = {"host", "default", "bridge"}


def parse_build(arguments: Sequence[str], *, field: str = "docker.build") -> BuildArguments:
    """Reads the arguments of `docker build`.

    Raises:
        InputError: An option is not allowed or unknown, or the context is missing.
    """
    values, flags, rest = _scan(arguments, _BUILD_VALUES, _BUILD_FLAGS, field)
    if len(rest) != 1:
        raise InputError(
            f"needs exactly one build context, got {len(rest)}",
            field=field,
            hint="the last argument is the directory, often '.'",
        )
    if "://" in rest[0] or rest[0] == "-":
        raise InputError(f"a build context must be a directory, not {rest[0]!r}", field=field)
    return BuildArguments(
        context=rest[0],
        file=_last(values, "file"),
        arguments=dict(_pair(item, "--build-arg", field) for item in values.get("arguments", ())),
        labels=dict(_pair(item, "--label", field) for item in values.get("labels", ())),
        tags=tuple(values.get("tags", ())),
        target=_last(values, "target"),
        no_cache="no_cache" in flags,
        pull="pull" in flags,
        platform=_last(values, "platform"),
    )


def parse_run(arguments: Sequence[str], *, field: str = "docker.inside") -> RunArguments:
    """Reads the arguments of `docker run` that stand before the image.

    Raises:
        InputError: An option is not allowed or unknown.
    """
    values, _, rest = _scan(arguments, _RUN_VALUES, _RUN_FLAGS, field)
    if rest:
        raise InputError(f"unexpected argument {rest[0]!r}", field=field)
    return RunArguments(
        env=dict(_pair(item, "--env", field) for item in values.get("env", ())),
        volumes=tuple(_volume(item, field) for item in values.get("volumes", ())),
        user=_last(values, "user"),
        workdir=_last(values, "workdir"),
        entrypoint=_last(values, "entrypoint") if "entrypoint" in values else None,
    )


def _scan(
    arguments: Sequence[str], takes: dict[str, str], flags: dict[str, str], field: str
) -> tuple[dict[str, list[str]], set[str], list[str]]:
    values: dict[str, list[str]] = {}
    seen: set[str] = set()
    rest: list[str] = []
    pending = list(arguments)
    while pending:
        word = pending.pop(0)
        name, equals, value = word.partition("=")
        if not word.startswith("-") or word == "-":
            rest.append(word)
        elif word in flags or (equals and name in flags and value in {"true", "false"}):
            if value != "false":
                seen.add(flags[name])
        elif name in takes:
            if not equals:
                if not pending:
                    raise InputError(f"option {name} needs a value", field=field)
                value = pending.pop(0)
            _check_network(name, value, field)
            values.setdefault(takes[name], []).append(value)
        else:
            raise InputError(
                f"option {name} is not allowed here",
                field=field,
                hint="allowed: " + ", ".join(sorted({*takes, *flags})),
            )
    return values, seen, rest


def _check_network(name: str, value: str, field: str) -> None:
    if name in {"--network", "--net"} and value not in _NETWORKS:
        raise InputError(f"option {name}={value} is not allowed here", field=field)


def _pair(text: str, option: str, field: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise InputError(f"{option} {text!r} is not NAME=VALUE", field=field)
    return name, value


def _volume(text: str, field: str) -> tuple[str, str, str]:
    source, _, rest = text.partition(":")
    target, _, options = rest.partition(":")
    if not posixpath.isabs(source) or not posixpath.isabs(target):
        raise InputError(f"a volume must be /SOURCE:/TARGET, not {text!r}", field=field)
    if not set(filter(None, options.split(","))) <= {"ro", "rw", "z", "Z"}:
        raise InputError(f"volume options {options!r} are not allowed", field=field)
    return posixpath.normpath(source), posixpath.normpath(target), options


def _last(values: dict[str, list[str]], name: str) -> str:
    return values.get(name, [""])[-1]
