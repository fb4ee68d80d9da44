"""Runs git as a hardened child process: closed environment, own process group, bounds, no shell."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from towline.aio.pipes import hand_over
from towline.errors import LimitError, SettingsError, TransientError
from towline.git.credentials import GitCredentials, header_config
from towline.git.environment import GitSettings, build_environment
from towline.git.failures import failure
from towline.git.urls import DEFAULT_POLICY, RepoURL, UrlPolicy, parse_url

_TAIL = 16 * 1024
_CHUNK = 64 * 1024
_GRACE = 2.0


class GitLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one child process.

    Attributes:
        output: Bytes that it may write to its standard output.
        file: Bytes of the largest file that it may write.
        memory: Bytes of address space.
        cpu: Seconds of processor time.
    """

    output: int = 64 << 20
    file: int = 2 << 30
    memory: int = 8 << 30
    cpu: int = 600


DEFAULT_LIMITS = GitLimits()


class Git:
    """The git program, run safely.

    Args:
        instance: Cookie that marks the children of this process tree (`TOWLINE_INSTANCE`).
        policy: Which transports repository URLs may use.
        settings: What the machine contributes to the environment.
        program: Name or path of git.
        limits: Bounds of a child unless a call says otherwise.
        timeout: Seconds that a child may take unless a call says otherwise.
    """

    def __init__(
        self,
        instance: str,
        *,
        policy: UrlPolicy = DEFAULT_POLICY,
        settings: GitSettings | None = None,
        program: str = "git",
        limits: GitLimits = DEFAULT_LIMITS,
        timeout: float = 120.0,
    ) -> None:
        self._instance = instance
        self._policy = policy
        self._settings = settings or GitSettings()
        self._program = program
        self._limits = limits
        self._timeout = timeout

    @property
    def settings(self) -> GitSettings:
        """What the machine contributes to the environment."""
        return self._settings

    def url(self, text: str) -> RepoURL:
        """The repository URL, checked against the policy.

        Raises:
            InputError: It is not a repository URL.
            DeniedError: Its transport is not allowed.
        """
        return parse_url(text, self._policy)

    def environment(
        self,
        *,
        protocols: Iterable[str] = (),
        config: Mapping[str, str] | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """The hardened environment, for callers that start git in their own way."""
        return build_environment(
            self._settings,
            instance=self._instance,
            protocols=protocols,
            config=config,
            extra=extra,
        )

    async def run(
        self,
        args: Sequence[str],
        *,
        cwd: Path | str | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        stdin: bytes = b"",
        limits: GitLimits | None = None,
        url: RepoURL | None = None,
        credentials: GitCredentials | None = None,
        protocols: Sequence[str] = (),
        config: Mapping[str, str] | None = None,
    ) -> bytes:
        """Runs one git command to its end.

        Args:
            args: Subcommand and arguments. Whatever a person chose belongs after
                `--end-of-options` or `--`.
            cwd: Working directory; `/` when not given.
            env: Variables besides the hardened environment.
            timeout: Seconds until it is stopped.
            stdin: What it reads.
            limits: Its bounds.
            url: The repository that it talks to; its scheme becomes the one allowed transport.
            credentials: For `url`; handed over in the environment.
            protocols: Transports to allow when there is no `url`.
            config: Further git configuration, handed over in the environment.

        Returns:
            What it wrote to its standard output.

        Raises:
            TransientError: Network trouble or the time-out.
            DeniedError: Authentication or authorisation failed.
            NotFoundError: The repository or object does not exist.
            LimitError: It wrote more than it may.
            CommandError: Anything else that it reports as failure.
        """
        settings = dict(config or {})
        if url is not None:
            protocols = (url.scheme,)
        if url is not None and credentials is not None:
            settings.update(header_config(url, credentials))
        secrets = credentials.secrets if credentials else ()
        key = credentials.ssh_private_key if credentials else ""
        with _ssh_key(key) as key_file:
            environment = build_environment(
                self._settings,
                instance=self._instance,
                protocols=protocols,
                config=settings,
                ssh_key=key_file,
                extra=env,
            )
            seconds = self._timeout if timeout is None else timeout
            bounds = limits or self._limits
            argv = [self._program, *args]
            async with spawn(argv, env=environment, cwd=str(cwd or "/"), limits=bounds) as child:
                try:
                    async with asyncio.timeout(seconds):
                        output, errors = await _communicate(child, stdin, bounds.output)
                except TimeoutError:
                    raise TransientError(
                        f"git {_name(args)} took more than {seconds:g} s"
                    ) from None
        code = child.returncode
        if code:
            raise failure(_name(args), code, errors, secrets)
        return output


@contextlib.asynccontextmanager
async def spawn(
    argv: Sequence[str], *, env: Mapping[str, str], cwd: str, limits: GitLimits
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A child in its own process group with piped streams; nothing of it survives the block.

    Raises:
        SettingsError: The program does not exist.
        TransientError: The system has no room for a child.
    """
    try:
        child = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise SettingsError(f"cannot start {argv[0]}: {error.strerror}: {error.filename}") from None
    except OSError as error:
        raise TransientError(f"cannot start {argv[0]}: {error.strerror}") from error
    try:
        _limit(child.pid, limits)
        yield child
    finally:
        await _reap(child)


async def drain(stream: asyncio.StreamReader, *, keep: int = _TAIL) -> bytes:
    """Reads a stream to its end and returns its last bytes."""
    tail = b""
    while chunk := await stream.read(_CHUNK):
        tail = (tail + chunk)[-keep:]
    return tail


async def _communicate(
    child: asyncio.subprocess.Process, stdin: bytes, limit: int
) -> tuple[bytes, bytes]:
    if child.stdin is None or child.stdout is None or child.stderr is None:
        raise RuntimeError("the child was started without pipes")
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_feed(child.stdin, stdin))
            output = group.create_task(_collect(child.stdout, limit))
            errors = group.create_task(drain(child.stderr))
            group.create_task(child.wait())
    except* LimitError as errors_group:
        raise errors_group.exceptions[0] from None
    return output.result(), errors.result()


async def _feed(stream: asyncio.StreamWriter, data: bytes) -> None:
    try:
        if data:
            await hand_over(stream, data)
    finally:
        stream.close()


async def _collect(stream: asyncio.StreamReader, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := await stream.read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise LimitError(f"git wrote more than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _limit(pid: int, limits: GitLimits) -> None:
    bounds = (
        (resource.RLIMIT_FSIZE, limits.file),
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_CPU, limits.cpu),
        (resource.RLIMIT_CORE, 0),
    )
    for kind, value in bounds:
        with contextlib.suppress(ProcessLookupError):
            _, hard = resource.prlimit(pid, kind)
            bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.prlimit(pid, kind, (bound, bound))


async def _reap(child: asyncio.subprocess.Process) -> None:
    try:
        if child.returncode is None:
            _signal(child.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GRACE):
                    await _settle(child)
    finally:
        if child.returncode is None:
            _signal(child.pid, signal.SIGKILL)
            await _settle(child)


async def _settle(child: asyncio.subprocess.Process) -> None:
    """Waits for the end; what is still in the pipes is read, else they would stay open."""
    if child.stdin is not None:
        child.stdin.close()
    for stream in (child.stdout, child.stderr):
        if stream is not None:
            await drain(stream)
    await child.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


@contextlib.contextmanager
def _ssh_key(key: str) -> Iterator[str]:
    if not key:
        yield ""
        return
    with tempfile.NamedTemporaryFile(prefix="towline-ssh-") as file:
        file.write(key.strip().encode() + b"\n")
        file.flush()
        yield file.name


def _name(args: Sequence[str]) -> str:
    return next((arg for arg in args if not arg.startswith("-")), "")
