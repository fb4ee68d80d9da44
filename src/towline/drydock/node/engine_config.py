"""Podman's configuration files for this node, so that the machine's own stay unused. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

_NOFILE = 1048576
_NPROC = 32768


class EnginePaths(msgspec.Struct, frozen=True):
    """Where the engine keeps its things, all below one folder.

    Attributes:
        root: The folder.
        socket: The service's unix socket; elsewhere when the folder's path is too long for one.
    """

    root: Path
    socket: Path

    @property
    def graph(self) -> Path:
        """Images and container layers."""
        return self.root / "graph"

    @property
    def run(self) -> Path:
        """Mounts and sockets of running containers."""
        return self.root / "run"

    @property
    def tmp(self) -> Path:
        """Podman's state until the next boot."""
        return self.root / "tmp"

    @property
    def config(self) -> Path:
        """Generated configuration."""
        return self.root / "config"

    def environment(self) -> dict[str, str]:
        """Variables that make podman read our files only."""
        return {
            "CONTAINERS_CONF": str(self.config / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.config / "storage.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(self.config / "registries.conf"),
            "REGISTRY_AUTH_FILE": str(self.config / "auth.json"),
        }


class EngineTraits(msgspec.Struct, frozen=True):
    """What this machine can do.

    Attributes:
        runtime: `runc` or `crun`.
        driver: `overlay` or `vfs`.
        limits: Whether control groups are writable.
        nofile: Hard limit of open files.
        nproc: Hard limit of processes; 0 for none.
    """

    runtime: str
    driver: str
    limits: bool
    nofile: int
    nproc: int


def containers_conf(paths: EnginePaths, traits: EngineTraits) -> str:
    """containers.conf. Limits stay within the caller's: raising them is not always allowed.

    File locks instead of shared memory keep several engines on one machine apart.
    """
    nofile = min(traits.nofile, _NOFILE)
    limits = [f"nofile={nofile}:{nofile}"]
    if traits.nproc:
        nproc = min(traits.nproc, _NPROC)
        limits.append(f"nproc={nproc}:{nproc}")
    return "\n".join(
        [
            "[containers]",
            f"default_ulimits = {_list(limits)}",
            'log_driver = "k8s-file"',
            "[engine]",
            f"runtime = {_text(traits.runtime)}",
            'cgroup_manager = "cgroupfs"',
            'events_logger = "file"',
            'lock_type = "file"',
            f"static_dir = {_text(str(paths.graph / 'libpod'))}",
            f"tmp_dir = {_text(str(paths.tmp))}",
            f"volume_path = {_text(str(paths.root / 'volumes'))}",
            "[network]",
            'network_backend = "netavark"',
            f"network_config_dir = {_text(str(paths.root / 'networks'))}",
            "",
        ]
    )


def storage_conf(paths: EnginePaths, traits: EngineTraits) -> str:
    """storage.conf."""
    return "\n".join(
        [
            "[storage]",
            f"driver = {_text(traits.driver)}",
            f"graphroot = {_text(str(paths.graph))}",
            f"runroot = {_text(str(paths.run))}",
            "",
        ]
    )


def registries_conf(mirrors: Mapping[str, str], insecure: tuple[str, ...]) -> str:
    """registries.conf: each mirrored host asks its mirror first."""
    lines = ['unqualified-search-registries = ["docker.io"]', 'short-name-mode = "disabled"']
    plain = set(insecure)
    for host, location in sorted(mirrors.items()):
        lines += ["[[registry]]", f"prefix = {_text(host)}", f"location = {_text(host)}"]
        if _is_plain(host, plain):
            lines.append("insecure = true")
        lines += ["[[registry.mirror]]", f"location = {_text(location)}"]
        if _is_plain(location, plain):
            lines.append("insecure = true")
    hosts = {location.partition("/")[0] for location in mirrors.values()} | plain
    for host in sorted(hosts - set(mirrors)):
        if _is_plain(host, plain):
            lines += ["[[registry]]", f"location = {_text(host)}", "insecure = true"]
    return "\n".join(lines) + "\n"


def _is_plain(location: str, insecure: set[str]) -> bool:
    host = location.partition("/")[0]
    name = host.partition(":")[0]
    return host in insecure or name == "localhost" or name.startswith("127.")


def _text(value: str) -> str:
    """A TOML string; JSON's escapes are a subset of TOML's."""
    return msgspec.json.encode(value).decode()


def _list(values: list[str]) -> str:
    return f"[{', '.join(_text(value) for value in values)}]"
