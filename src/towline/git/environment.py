"""The closed environment of every git child process. Pure: values in, a dictionary out.

Nothing is inherited. No system or user configuration is read, no prompt can appear, no hook, file
system monitor or filter of a repository runs, and only the transports that the call needs exist.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

import msgspec

_CONFIG: tuple[tuple[str, str], ...] = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.symlinks", "true"),
    ("protocol.file.allow", "never"),
    ("transfer.fsckObjects", "true"),
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "1024"),
    ("http.lowSpeedTime", "30"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("submodule.recurse", "false"),
    ("advice.detachedHead", "false"),
    ("init.defaultBranch", "main"),
)


class GitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine contributes to git's environment.

    Attributes:
        path: Directories in which programs are found.
        ca_bundle: File with the certificates to trust, or an empty string for the default.
        proxies: Proxy variables (`https_proxy`, `no_proxy`...) that git shall honour.
        known_hosts: File with ssh host keys; unknown hosts are refused.
    """

    path: str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    ca_bundle: str = ""
    proxies: Mapping[str, str] = {}
    known_hosts: str = "/etc/ssh/ssh_known_hosts"


def build_environment(
    settings: GitSettings,
    *,
    instance: str,
    protocols: Iterable[str] = (),
    config: Mapping[str, str] | None = None,
    ssh_key: str = "",
    extra: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The whole environment of one call.

    Args:
        settings: The machine's part.
        instance: Cookie by which leftovers of a killed process tree are recognised.
        protocols: Transports that the call may use; none by default.
        config: Further configuration, may hold secrets (this is not visible in the arguments).
        ssh_key: Path of the private key file for ssh.
        extra: Further variables of the caller.

    Returns:
        Name to value.
    """
    allowed = tuple(protocols)
    entries = [*_CONFIG, *(config or {}).items()]
    if "file" in allowed:
        entries.append(("protocol.file.allow", "always"))
    environment = {
        "PATH": settings.path,
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "TOWLINE_INSTANCE": instance,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_ALLOW_PROTOCOL": ":".join(allowed) or "none",
        "GIT_SSH_COMMAND": _ssh_command(settings.known_hosts, ssh_key),
        "GIT_CONFIG_COUNT": str(len(entries)),
    }
    for index, (key, value) in enumerate(entries):
        environment[f"GIT_CONFIG_KEY_{index}"] = key
        environment[f"GIT_CONFIG_VALUE_{index}"] = value
    if settings.ca_bundle:
        environment["GIT_SSL_CAINFO"] = settings.ca_bundle
    environment.update(settings.proxies)
    environment.update(extra or {})
    return environment


def _ssh_command(known_hosts: str, key: str) -> str:
    words = ["ssh", "-F", "/dev/null", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]
    words += ["-o", f"UserKnownHostsFile={known_hosts}", "-o", "IdentitiesOnly=yes"]
    words += ["-o", "ConnectTimeout=10"]
    if key:
        words += ["-i", key]
    return shlex.join(words)
