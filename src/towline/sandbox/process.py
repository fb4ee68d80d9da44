"""Child processes: closed environment, bounded output, own process group, no survivors.

A child is killed by the kernel when this process dies (parent-death signal), and carries a cookie
in its environment by which `leftovers.reap` finds what it started.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from towline.errors import LimitError, NotFoundError

COOKIE = "TOWLINE_INSTANCE"
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

Stream = Literal["stdout", "stderr"]
OnOutput = Callable[[Stream, bytes], None]

_CHUNK = 65_536
_DRAIN_SECONDS = 1.0
_log = logging.getLogger("towline.sandbox")


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


class Grace(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds between interrupt, terminate and kill."""

    interrupt: float = 3.0
    terminate: float = 2.0


class Child:
    """A running child that owns its process group. Made by `spawn`."""

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        self._process = process
        self.name = name

    @property
    def pid(self) -> int:
        """Its process id, which is also its group's."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.returncode

    async def wait(self) -> int:
        """Waits for its end and returns the exit code."""
        return await self._process.wait()

    async def stop(self, grace: Grace = Grace()) -> int:  # noqa: B008  # a frozen value
        """Interrupts, terminates, then kills the whole group; returns the exit code."""
        for number, patience in (
            (signal.SIGINT, grace.interrupt),
            (signal.SIGTERM, grace.terminate),
        ):
            if self._process.returncode is not None:
                break
            self._signal(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), patience)
        self._signal(signal.SIGKILL)
        return await self._process.wait()

    def kill_group(self) -> None:
        """Kills what is left of the group at once."""
        self._signal(signal.SIGKILL)

    async def read(self, stream: Stream, take: Callable[[bytes], None]) -> None:
        """Hands over everything that the child writes to the stream, until its end."""
        reader = self._process.stdout if stream == "stdout" else self._process.stderr
        if reader is None:
            return
        while chunk := await reader.read(_CHUNK):
            take(chunk)

    async def feed(self, data: bytes) -> None:
        """Writes the child's standard input and closes it."""
        writer = self._process.stdin
        if writer is None:
            return
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            writer.write(data)
            await writer.drain()
        writer.close()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await writer.wait_closed()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


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
    process = await asyncio.create_subprocess_exec(
        *_wrapped([program, *argv[1:]], limits),
        env=closed,
        cwd=cwd,
        stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.STDOUT if merge and piped else output,
        start_new_session=True,
    )
    return Child(process, Path(argv[0]).name)


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
    async with asyncio.TaskGroup() as group:
        readers = [
            group.create_task(child.read("stdout", lambda chunk: take("stdout", chunk))),
            group.create_task(child.read("stderr", lambda chunk: take("stderr", chunk))),
        ]
        if stdin is not None:
            group.create_task(child.feed(stdin))
        code = await child.wait()
        # A daemon that the child left behind may hold the pipes open: it ends with the child.
        await asyncio.wait(readers, timeout=_DRAIN_SECONDS)
        child.kill_group()
        await asyncio.wait(readers, timeout=_DRAIN_SECONDS)
        for reader in readers:
            reader.cancel()
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
