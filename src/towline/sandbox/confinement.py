"""Confinement of scripts on the host: they see this machine read-only, and not what is ours.

A script that runs as our user could read every file of ours. Bubblewrap gives it namespaces of its
own in which the data folder, logins of our user, and sockets of daemons are not there; the network
is shared unless the caller takes it away. Where the kernel or a missing program does not allow
that, scripts run as they are and `refusal` says why.
"""

from __future__ import annotations

import os
import pwd
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from towline.errors import TowlineError
from towline.sandbox import process

Mode = Literal["auto", "off"]

_PROBE_SECONDS = 5.0
_LOGINS = (
    *(".ssh", ".gnupg", ".kube", ".docker", ".config/containers", ".netrc", ".pgpass"),
    *(".aws", ".azure", ".config/gcloud", ".config/gh", ".npmrc", ".pypirc"),
    *(".git-credentials", ".config/git/credentials"),
)
# Sockets in /run lead to daemons that do what root asks for.
_OF_THE_MACHINE = ("/run", "/etc/kubernetes", "/etc/rancher", "/etc/shadow", "/etc/gshadow")
# The kernel lets user 0 write here without any capability, in whatever namespace.
_KERNEL = ("sys", "sysrq-trigger", "bus", "fs", "irq", "acpi", "scsi", "mtrr")
_SCRATCH = ("/tmp", "/var/tmp")  # noqa: S108  # replaced by a folder of the caller
_RESOLVER = Path("/etc/resolv.conf")
# Files of root stay as root finds them; nothing that reaches beyond the namespace.
_CAPABILITIES = ("CAP_DAC_OVERRIDE", "CAP_FOWNER")
# Other owners do not exist inside: tar as root would fail to hand files over to them.
_ENVIRONMENT = {"TAR_OPTIONS": "--no-same-owner"}
# When the command ends the kernel kills what it left. What still writes (`> >(tee log)`) gets a
# second; the glob finds the first process of the namespace and this shell when nothing is left.
_KEEPER = (
    'trap : INT TERM; "$@"; code=$?; tries=0; '
    'while set -- /proc/[0-9]*; [ $# -gt 2 ] && [ "$tries" -lt 20 ]; '
    "do sleep 0.05; tries=$((tries + 1)); done; exit $code"
)


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What a confined command may reach of what is hidden.

    Attributes:
        writable: Folders that it reads and writes. Each is a mount of its own, so that it cannot
            be replaced by a link.
        readable: Folders that it reads.
        scratch: Folder that stands for `/tmp` and `/var/tmp`.
        network: Whether it shares this machine's network; otherwise it has none.
    """

    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    scratch: Path
    network: bool = True


class Confinement:
    """Puts commands into namespaces of their own.

    Args:
        hidden: Folders and files that no confined command sees; absent ones are left out.
        mode: `off` confines nothing.
        path: Where bwrap is looked for.

    Attributes:
        refusal: Why commands are not confined; empty when they are. Known after `prepare`.
    """

    def __init__(
        self, hidden: Iterable[Path], *, mode: Mode = "auto", path: str = process.DEFAULT_PATH
    ) -> None:
        self._hidden = tuple(hidden)
        self._mode = mode
        self._bwrap = shutil.which("bwrap", path=path)
        self._env = shutil.which("env", path=process.DEFAULT_PATH) or "env"
        self.refusal = "not prepared"

    async def prepare(self) -> None:
        """Finds out by one small command whether it works here."""
        self.refusal = await self._find_refusal()

    def wrap(
        self, argv: Sequence[str], env: Mapping[str, str], view: View, cwd: Path
    ) -> tuple[list[str], Mapping[str, str]]:
        """Argument list and environment that run a command confined; unchanged when refused."""
        if self.refusal:
            return [*argv], env
        return self._argv(argv, view, cwd), {**_ENVIRONMENT, **env}

    async def _find_refusal(self) -> str:
        if self._mode == "off":
            return "turned off by build.confine"
        if self._bwrap is None:
            return "bwrap is not installed (package bubblewrap)"
        argv = self._argv(["/bin/true"], View(scratch=Path(_SCRATCH[0])), Path("/"))
        try:
            done = await process.run(argv, env={}, timeout=_PROBE_SECONDS)
        except (TowlineError, OSError) as error:
            return f"the probe failed: {error}"
        if done.exit_code == 0:
            return ""
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else f"the probe ended with code {done.exit_code}"

    def _argv(self, argv: Sequence[str], view: View, cwd: Path) -> list[str]:
        # Interrupt and terminate go to the whole group: bwrap outlives them, the command decides.
        return [
            *(self._env, "--ignore-signal=INT,TERM", self._bwrap or "bwrap"),
            *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"),
            *(() if view.network else ("--unshare-net",)),
            *("--die-with-parent", "--cap-drop", "ALL", *_capabilities()),
            *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", *_kernel()),
            *self._mounts(view),
            *("--chdir", str(cwd), "--"),
            *(self._env, "--default-signal=INT,TERM", "/bin/sh", "-c", _KEEPER, "sh", *argv),
        ]

    def _mounts(self, view: View) -> Iterator[str]:
        """Mounts, outer folders before those in them, so that the inner ones are seen."""
        scratch = [place for place in map(os.path.realpath, _SCRATCH) if Path(place).is_dir()]
        plan: dict[str, tuple[str, ...]] = {
            place: ("--bind", str(view.scratch), place) for place in scratch
        }
        ours = [path.resolve() for path in self._hidden]
        others = (path for path in _foreign_secrets() if not _below(path, scratch))
        for path in (*ours, *others):
            if path.is_dir():
                plan[str(path)] = ("--tmpfs", str(path))
            elif path.exists() and not _below(path, scratch):
                plan[str(path)] = ("--ro-bind", "/dev/null", str(path))
        covered = [*plan]
        for path in (*_own_programs(), *_resolver()):
            if _below(path, covered):
                plan[str(path)] = ("--ro-bind", str(path), str(path))
        plan |= {str(path): ("--ro-bind", str(path), str(path)) for path in view.readable}
        plan |= {str(path): ("--bind", str(path), str(path)) for path in view.writable}
        for place in sorted(plan, key=lambda text: len(Path(text).parts)):
            yield from plan[place]
        for path in ours:
            if path.is_dir():
                yield from ("--remount-ro", str(path))


def _capabilities() -> Iterator[str]:
    if os.geteuid() == 0:
        for name in _CAPABILITIES:
            yield from ("--cap-add", name)


def _kernel() -> Iterator[str]:
    for place in (Path("/proc") / name for name in _KERNEL):
        if place.exists():
            yield from ("--ro-bind", str(place), str(place))


def _foreign_secrets() -> Iterator[Path]:
    """Logins of our user, and what root may use on this machine; links are followed."""
    homes = {Path("~").expanduser(), Path(pwd.getpwuid(os.geteuid()).pw_dir)}
    logins = (home / name for home in homes for name in _LOGINS)
    for place in (*logins, *map(Path, _OF_THE_MACHINE)):
        yield place.resolve()


def _own_programs() -> Iterator[Path]:
    """The interpreter, its packages, and us: the git of scripts runs by them."""
    package = Path(__file__).resolve().parents[1]
    yield from (Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve(), package)


def _resolver() -> Iterator[Path]:
    """The file behind the link by which some systems configure name look-up."""
    if _RESOLVER.is_symlink() and _RESOLVER.exists():
        yield _RESOLVER.resolve()


def _below(path: Path, places: Iterable[str]) -> bool:
    return any(path.is_relative_to(place) for place in places)
