"""Configuration, parsed once: flags > `TOWLINE_*` environment > `towline.toml` > defaults.

Every setting is a field here; `docs/reference/settings.md` lists them for people.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from towline.errors import SettingsError

EMBEDDED = "embedded"


class RegistrySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where image references really lead.

    Attributes:
        mirrors: Registry host -> `HOST:PORT[/PREFIX]` or `embedded`. Pushes to the host go there;
            pulls ask there first. None stands for the default of the embedded set-up,
            `docker.io` -> `embedded`, and for no mirrors elsewhere.
    """

    mirrors: dict[str, str] | None = None


class GitSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where repository URLs really lead.

    Attributes:
        aliases: Host -> base URL that takes its place, for mirrors and air-gapped sites;
            `embedded` stands for the local forge.
    """

    aliases: dict[str, str] = {}


class ImageSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base images.

    Attributes:
        stand_ins: Whether a base image whose registry does not answer may be replaced by one made
            from this machine's own packages.
        registry_timeout: Seconds to wait for a registry to answer before that.
    """

    stand_ins: bool = True
    registry_timeout: float = 5.0


class BuildSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Image builds.

    Attributes:
        isolation: `auto`, `oci` or `chroot`.
        pip_conf: pip configuration mounted into builds; empty for the machine's own.
        ca_bundle: CA certificates mounted into builds; empty for the machine's own.
        confine: `auto` runs `sh` steps on the host where they do not see the data folder, as far
            as the machine allows; `off` runs them as they are.
    """

    isolation: str = "auto"
    pip_conf: str = ""
    ca_bundle: str = ""
    confine: Literal["auto", "off"] = "auto"


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The GitOps engine.

    Attributes:
        namespace: Where Applications, AppProjects and Pipelines live.
        poll_seconds: Interval of the safety-net poll of each repository; 0 turns it off.
        poll_jitter_seconds: Random part added to it.
        remote_bases: Whether kustomizations may name other repositories and files on the web, as
            far as their project's `sourceRepos` permit.
        allowed_hosts: Hosts of charts and remote files that may have private addresses.
        plugins_dir: Folder of `plugin.yaml` files; empty for `plugins` in the data folder.
    """

    namespace: str = "argocd"
    poll_seconds: float = 120.0
    poll_jitter_seconds: float = 60.0
    remote_bases: bool = False
    allowed_hosts: tuple[str, ...] = ()
    plugins_dir: str = ""


class DrydockSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The embedded cluster.

    Attributes:
        node: `podman` or `none`.
        sync: `full` (every acknowledged write survives a power cut) or `normal`.
    """

    node: str = "podman"
    sync: str = "full"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings of `towline up`.

    Attributes:
        data: Folder of everything that Towline keeps.
        listen: `HOST:PORT` of the web server; port 0 picks a free one and keeps it.
        kubeconfig: Cluster to work on; empty starts Drydock.
        ci: Whether pipelines, registry and local forge run.
        ui: Whether pages are served.
    """

    data: str = ".towline"
    listen: str = "127.0.0.1:0"
    kubeconfig: str = ""
    ci: bool = True
    ui: bool = True
    registry: RegistrySettings = RegistrySettings()
    git: GitSettings = GitSettings()
    images: ImageSettings = ImageSettings()
    build: BuildSettings = BuildSettings()
    engine: EngineSettings = EngineSettings()
    drydock: DrydockSettings = DrydockSettings()

    @property
    def data_dir(self) -> Path:
        """The data folder, absolute."""
        return Path(self.data).expanduser().absolute()

    @property
    def mirrors(self) -> dict[str, str]:
        """Registry mirrors with the default of the set-up filled in."""
        if self.registry.mirrors is not None:
            return self.registry.mirrors
        return {} if self.kubeconfig else {"docker.io": EMBEDDED}


_SECTIONS = ("registry", "git", "images", "build", "engine", "drydock")


def load_settings(
    flags: Mapping[str, Any], environment: Mapping[str, str], *, config: Path | None = None
) -> Settings:
    """Merges the sources of settings.

    Args:
        flags: Values given on the command line; nested ones with dots (`registry.mirrors`); None
            means not given.
        environment: The process environment; `TOWLINE_REGISTRY_MIRRORS` sets `registry.mirrors`.
        config: Settings file; without it `towline.toml` in the data folder is read if present.

    Raises:
        SettingsError: When a source is malformed; names the setting and where it came from.
    """
    given = {key: value for key, value in flags.items() if value is not None}
    from_environment = _from_environment(environment)
    data = given.get("data") or from_environment.get("data") or ".towline"
    path = config or Path(str(data)).expanduser() / "towline.toml"
    merged: dict[str, Any] = {}
    if path.exists():
        merged = _from_file(path)
    elif config is not None:
        raise SettingsError(f"settings file {config} does not exist")
    for source in (from_environment, given):
        for key, value in source.items():
            _put(merged, key, value)
    try:
        return msgspec.convert(merged, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(
            f"settings: {error}", hint="see docs/reference/settings.md for names and types"
        ) from error


def parse_mapping(text: str, *, setting: str) -> dict[str, str]:
    """Reads `KEY=VALUE,KEY=VALUE`.

    Raises:
        SettingsError: When an item has no `=`.
    """
    result: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = item.partition("=")
        if not equals or not key.strip():
            raise SettingsError(f"{setting}: {item!r} is not KEY=VALUE")
        result[key.strip()] = value.strip()
    return result


def parse_list(text: str, *, setting: str) -> tuple[str, ...]:
    """Reads `ONE,TWO`; the name of the setting does not matter."""
    del setting
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def split_address(text: str) -> tuple[str, int]:
    """Reads `HOST:PORT`.

    Raises:
        SettingsError: When it is not one.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise SettingsError(f"{text!r} is not HOST:PORT", hint="such as 127.0.0.1:0")
    return host, int(port)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            return tomllib.load(stream)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    types: dict[tuple[str, str], Callable[..., Any]] = {
        ("registry", "mirrors"): parse_mapping,
        ("git", "aliases"): parse_mapping,
        ("engine", "allowed_hosts"): parse_list,
    }
    result: dict[str, Any] = {}
    for name, text in environment.items():
        if not name.startswith("TOWLINE_"):
            continue
        key = name.removeprefix("TOWLINE_").lower()
        section, _, field = key.partition("_")
        if section in _SECTIONS and field:
            parse = types.get((section, field))
            result[f"{section}.{field}"] = parse(text, setting=name) if parse else text
        elif key in Settings.__struct_fields__ and key not in _SECTIONS:
            result[key] = text
    return result


def _put(target: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, last = dotted.split(".")
    for parent in parents:
        target = target.setdefault(parent, {})
    target[last] = value
