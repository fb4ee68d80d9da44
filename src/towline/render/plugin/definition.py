"""The ConfigManagementPlugin (`plugin.yaml`) of Argo CD as typed values.

Three annotations of ours say what a plugin may have beyond the default: `towline.dev/network`
(`"true"`), `towline.dev/reads` (`repository` for the whole tree instead of the application's
folder) and `towline.dev/variables` (the build variables that it is given, all by default; a plugin
that is not given the revision does not run again for each commit).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from towline.argo.application import decode
from towline.argo.manifest import content_digest
from towline.errors import InputError
from towline.text.yaml import load_documents

API_VERSION: Final = "argoproj.io/v1alpha1"
KIND: Final = "ConfigManagementPlugin"
NETWORK: Final = "towline.dev/network"
READS: Final = "towline.dev/reads"
VARIABLES: Final = "towline.dev/variables"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")


class _Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class _Command(_Wire, frozen=True, kw_only=True):
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()

    @property
    def argv(self) -> tuple[str, ...]:
        return (*self.command, *self.args) if self.command else ()


class _Find(_Command, frozen=True, kw_only=True):
    glob: str = ""


class _Discover(_Wire, frozen=True, kw_only=True):
    file_name: str = ""
    find: _Find = _Find()


class _Parameters(_Wire, frozen=True, kw_only=True):
    static: tuple[dict[str, Any], ...] = ()
    dynamic: _Command = _Command()


class _Spec(_Wire, frozen=True, kw_only=True):
    version: str = ""
    init: _Command = _Command()
    generate: _Command = _Command()
    discover: _Discover = _Discover()
    parameters: _Parameters = _Parameters()
    preserve_file_mode: bool = False
    provide_git_creds: bool = False


class _Metadata(_Wire, frozen=True, kw_only=True):
    name: str = ""
    annotations: dict[str, str] = {}


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """By what a plugin recognises its applications; the first that is set decides.

    Attributes:
        file_name: Shell pattern of a file, relative to the application's folder.
        glob: Pattern with `**` and braces.
        command: Prints something in a folder that is the plugin's.
    """

    file_name: str = ""
    glob: str = ""
    command: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.file_name or self.glob or self.command)


class Plugin(msgspec.Struct, frozen=True, kw_only=True):
    """One plugin.

    Attributes:
        name: Its name.
        version: Its version, or empty.
        init: Command to run before `generate`, or empty.
        generate: Command that prints manifests.
        discovery: By what it recognises its applications.
        preserve_file_mode: Whether executable files stay executable.
        network: Whether it may use the network.
        whole_repository: Whether it reads the whole tree, not the application's folder only.
        variables: Build variables that it is given; None for all of them.
        digest: Identity of everything that it declares.
    """

    name: str
    version: str
    init: tuple[str, ...]
    generate: tuple[str, ...]
    discovery: Discovery
    preserve_file_mode: bool
    network: bool
    whole_repository: bool
    variables: tuple[str, ...] | None
    digest: str

    @property
    def address(self) -> str:
        """The name by which applications ask for it: `NAME`, or `NAME-VERSION`."""
        return f"{self.name}-{self.version}" if self.version else self.name


def read_plugins(text: str, *, file: str) -> list[Plugin]:
    """The plugins of a file: definitions, and ConfigMaps that hold definitions.

    Raises:
        InputError: One is malformed, or asks for what no plugin gets.
    """
    return [
        _plugin(value, place)
        for document in load_documents(text, file=file)
        for value, place in _definitions(document.value, file)
    ]


def _definitions(value: Any, file: str) -> Iterator[tuple[dict[str, Any], str]]:
    if value is None:
        return
    if not isinstance(value, dict):
        raise InputError("a plugin must be a mapping", file=file)
    if value.get("kind") != "ConfigMap":
        yield value, file
        return
    for key, text in (value.get("data") or {}).items():
        place = f"{file}#{key}"
        for document in load_documents(str(text), file=place):
            yield from _definitions(document.value, place)


def _plugin(value: dict[str, Any], file: str) -> Plugin:
    try:
        metadata = decode(value.get("metadata") or {}, _Metadata, at="metadata")
        spec = decode(value.get("spec") or {}, _Spec, at="spec")
        _check(value, metadata, spec)
        return Plugin(
            name=metadata.name,
            version=spec.version,
            init=spec.init.argv,
            generate=spec.generate.argv,
            discovery=_discovery(spec.discover),
            preserve_file_mode=spec.preserve_file_mode,
            network=_choice(metadata, NETWORK, {"": False, "false": False, "true": True}),
            whole_repository=_choice(
                metadata, READS, {"": False, "application": False, "repository": True}
            ),
            variables=_variables(metadata),
            digest=content_digest(value),
        )
    except InputError as error:
        raise InputError(
            f"invalid plugin configuration file. {error.message}",
            file=file,
            field=error.field,
            hint=error.hint,
        ) from error


def _check(value: dict[str, Any], metadata: _Metadata, spec: _Spec) -> None:
    if value.get("apiVersion") != API_VERSION:
        raise InputError(f"apiVersion should be {API_VERSION}", field="apiVersion")
    if value.get("kind") != KIND:
        raise InputError(f"kind should be {KIND}, found {value.get('kind')}", field="kind")
    if not metadata.name:
        raise InputError("metadata.name should be non-empty.", field="metadata.name")
    for field, text in (("metadata.name", metadata.name), ("spec.version", spec.version)):
        if text and not _NAME.fullmatch(text):
            raise InputError(f"{text!r} has characters that no name has", field=field)
    if not spec.generate.command:
        raise InputError("spec.generate command should be non-empty", field="spec.generate")
    if spec.provide_git_creds:
        raise InputError(
            "plugins get no credentials",
            field="spec.provideGitCreds",
            hint="remove it; a plugin reads the files of the application's commit",
        )


def _discovery(written: _Discover) -> Discovery:
    for field, pattern in (("fileName", written.file_name), ("find.glob", written.find.glob)):
        if pattern.startswith("/") or ".." in pattern.split("/") or "\0" in pattern:
            raise InputError(
                f"{pattern!r} leads out of the application's folder", field=f"spec.discover.{field}"
            )
    return Discovery(file_name=written.file_name, glob=written.find.glob, command=written.find.argv)


def _choice(metadata: _Metadata, name: str, choices: dict[str, bool]) -> bool:
    text = metadata.annotations.get(name, "")
    if text not in choices:
        allowed = ", ".join(repr(choice) for choice in choices if choice)
        raise InputError(f"{text!r} is none of {allowed}", field=f"metadata.annotations.{name}")
    return choices[text]


def _variables(metadata: _Metadata) -> tuple[str, ...] | None:
    text = metadata.annotations.get(VARIABLES)
    if text is None:
        return None
    return tuple(sorted({name.strip() for name in text.split(",") if name.strip()}))
