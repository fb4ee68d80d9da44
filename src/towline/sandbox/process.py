"""Child processes: closed environment, bounded output, own process group, no survivors.

A child is killed by the kernel when this process dies (parent-death signal), and carries a cookie
in its environment by which `leftovers.reap` finds what it started.
"""

from __future__ import annotations

import asyncio
import functools
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from towline.errors import LimitError, NotFoundError
from towline.sandbox.child import Child, ChildProtocol, Grace, Stream

__all__ = [
    "COOKIE",
    "DEFAULT_PATH",
    "Child",
    "Completed",
    "Grace",
    "Limits",
    "Stream",
    "run",
    "spawn",
]

COOKIE = "TOWLINE_INSTANCE"
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

OnOutput = Callable[[Stream, bytes], None]

_DRAIN_SECONDS = 1.0


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a child; None leaves what this process has.

    Attributes:
        address_space: Bytes of virtual memory.
        file_size: Bytes of the largest file it may write.
        open_files: File descriptors.
        processes: Processes of its user.
        cpu_seconds: Processor time.
        captured: Bytes kept per stream when nobody listens; the first ones are kept.
    """

    address_space: int | None = None
    file_size: int | None = None
    open_files: int | None = None
    processes: int | None = None
    cpu_seconds: int | None = None
    captured: int = 1 << 20


class Completed(msgspec.Struct, frozen=True, kw_only=True):
    """How a child ended; negative exit codes are signals.

    Attributes:
        stdout: What it wrote, when nobody listened, up to the limit.
        truncated: Whether more was written than was kept.
    """

    exit_code: int
    stdout: bytes = b""
    stderr: bytes = b""
    truncated: bool = False


async def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    limits: Limits | None = None,
    instance: str = "",
    piped: bool = True,
    stdin: bool = False,
    merge: bool = False,
) -> Child:
    """Starts a child.

    Args:
        argv: Program and arguments; the program is found on the PATH of `env`.
        env: Its whole environment: nothing is inherited.
        cwd: Its directory.
        limits: Its bounds.
        instance: Value of the cookie; empty for none.
        piped: Whether its output is read by us; otherwise it is discarded.
        stdin: Whether we write its standard input.
        merge: Whether its standard error goes the way of its standard output.

    Raises:
        NotFoundError: There is no such program.
    """
    closed = {"PATH": DEFAULT_PATH, **env}
    if instance:
        closed[COOKIE] = instance
    program = shutil.which(argv[0], path=closed["PATH"])
    if program is None:
        raise NotFoundError(f"program not found: {argv[0]}", hint="is its package installed?")
    output = asyncio.subprocess.PIPE if piped else asyncio.subprocess.DEVNULL
    transport, protocol = await asyncio.get_running_loop().subprocess_exec(
        ChildProtocol,
        *_wrapped([program, *argv[1:]], limits),
        env=closed,
        cwd=cwd,
        stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.STDOUT if merge and piped else output,
        start_new_session=True,
    )
    if not piped:
        for ended in protocol.ended.values():
            ended.set()
    elif merge:
        protocol.ended["stderr"].set()
    return Child(transport, protocol, Path(argv[0]).name)


async def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdin: bytes | None = None,
    timeout: float | None = None,
    on_output: OnOutput | None = None,
    merge: bool = False,
    limits: Limits | None = None,
    instance: str = "",
    grace: Grace = Grace(),  # noqa: B008  # a frozen value
) -> Completed:
    """Runs a child to its end; whatever it left in its group is killed.

    Cancellation interrupts, terminates, then kills the group before it goes on.

    Args:
        argv: Program and arguments.
        env: Its whole environment.
        cwd: Its directory.
        stdin: What it reads; nothing when None.
        timeout: Seconds it may take.
        on_output: Called with each chunk as it comes; without it output is captured.
        merge: Whether standard error is read as standard output.
        limits: Its bounds.
        instance: Value of the cookie.
        grace: Patience when it has to be stopped.

    Raises:
        LimitError: It took longer than `timeout`.
        NotFoundError: There is no such program.
    """
    child = await spawn(
        argv,
        env=env,
        cwd=cwd,
        limits=limits,
        instance=instance,
        stdin=stdin is not None,
        merge=merge,
    )
    capture = _Capture((limits or Limits()).captured)
    try:
        async with asyncio.timeout(timeout):
            code = await _communicate(child, stdin, on_output or capture.take)
    except TimeoutError as error:
        await asyncio.shield(child.stop(grace))
        raise LimitError(f"{child.name} did not end within {timeout:g} s") from error
    except BaseException:
        await asyncio.shield(child.stop(grace))
        raise
    return Completed(
        exit_code=code,
        stdout=bytes(capture.kept["stdout"]),
        stderr=bytes(capture.kept["stderr"]),
        truncated=capture.truncated,
    )


class _Capture:
    def __init__(self, most: int) -> None:
        self.kept: dict[Stream, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self.truncated = False
        self._most = most

    def take(self, stream: Stream, chunk: bytes) -> None:
        kept = self.kept[stream]
        room = self._most - len(kept)
        kept += chunk[:room]
        self.truncated = self.truncated or len(chunk) > room


async def _communicate(child: Child, stdin: bytes | None, take: OnOutput) -> int:
    streams: tuple[Stream, ...] = ("stdout", "stderr")
    for name in streams:
        child.attach(name, functools.partial(take, name))
    if stdin is not None:
        child.feed(stdin)
    code = await child.wait()
    # A daemon that the child left behind may hold the pipes open: it ends with the child.
    await child.drained(_DRAIN_SECONDS)
    child.kill_group()
    await child.drained(_DRAIN_SECONDS)
    child.close()
    if child.failure is not None:
        raise child.failure
    return code


def _wrapped(argv: list[str], limits: Limits | None) -> list[str]:
    """Puts small exec shims in front: the parent-death signal and the limits."""
    front: list[str] = []
    if setpriv := shutil.which("setpriv", path=DEFAULT_PATH):
        front += [setpriv, "--pdeathsig", "KILL", "--"]
    options = _limit_options(limits)
    if options and (prlimit := shutil.which("prlimit", path=DEFAULT_PATH)):
        front += [prlimit, *options]
    return [*front, *argv]


def _limit_options(limits: Limits | None) -> list[str]:
    if limits is None:
        return []
    values = {
        "as": limits.address_space,
        "fsize": limits.file_size,
        "nofile": limits.open_files,
        "nproc": limits.processes,
        "cpu": limits.cpu_seconds,
    }
    return [f"--{name}={value}" for name, value in values.items() if value is not None]
