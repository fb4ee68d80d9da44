"""What a running pipeline asks of the world, as data, and what comes back.

The interpreter decides, an `Executor` carries out. Every command carries the `StepContext` in which
it was called; nothing else of the interpreter's state crosses this line.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec


class StepContext(msgspec.Struct, frozen=True, kw_only=True):
    """Where a command was called from and with what surroundings.

    Attributes:
        step_id: Path of the call in the run, stable when the same script runs again,
            such as `0.2.1`; keys recorded results.
        stage: Name of the innermost stage, or an empty string.
        line: 1-based line in the pipeline file.
        env: The scope's environment, whole (nothing is inherited).
        cwd: Directory relative to the workspace root, `.` for the root itself.
        container: Container to run in (from `ContainerStarted`), or None for the host.
        secrets: Values to be masked in everything that this command writes.
    """

    step_id: str
    stage: str
    line: int
    env: Mapping[str, str]
    cwd: str = "."
    container: str | None = None
    secrets: frozenset[str] = frozenset()


class Sh(msgspec.Struct, frozen=True, kw_only=True):
    """Run a shell script in the workspace. Result: `ShResult`."""

    script: str
    capture: bool = False
    label: str = ""


class ShResult(msgspec.Struct, frozen=True, kw_only=True):
    """Exit status and, when captured, standard output as it was written."""

    exit_code: int
    stdout: str = ""


class Checkout(msgspec.Struct, frozen=True, kw_only=True):
    """Put a revision into the current directory. Result: `CheckedOut`.

    `url` empty means the repository and the revision that the run was started for.
    `local_branch` empty leaves a detached HEAD, as Jenkins does.
    """

    url: str = ""
    revision: str = ""
    credentials_id: str = ""
    local_branch: str = ""


class CheckedOut(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of a checkout, for the `GIT_*` variables."""

    url: str
    commit: str
    branch: str
    author_name: str = ""
    author_email: str = ""
    message: str = ""


class DockerBuild(msgspec.Struct, frozen=True, kw_only=True):
    """Build an image; `arguments` are those of `docker build`. Result: `ImageBuilt`."""

    image: str
    arguments: tuple[str, ...] = (".",)


class ImageBuilt(msgspec.Struct, frozen=True, kw_only=True):
    """A local image: its name and content id."""

    image: str
    image_id: str


class DockerTag(msgspec.Struct, frozen=True, kw_only=True):
    """Give a local image another local name. Result: None."""

    image: str
    target: str


class DockerPull(msgspec.Struct, frozen=True, kw_only=True):
    """Fetch an image. Result: None."""

    image: str
    registry: str = ""
    credentials_id: str = ""


class DockerPush(msgspec.Struct, frozen=True, kw_only=True):
    """Push local image `image` as `target` (registry prefix included). Result: `ImagePushed`."""

    image: str
    target: str
    registry: str = ""
    credentials_id: str = ""


class ImagePushed(msgspec.Struct, frozen=True, kw_only=True):
    """What the registry holds now.

    Attributes:
        reference: As the pipeline named it.
        stored: Where it was really pushed (after mirrors), without scheme.
        digest: `sha256:...` of the manifest.
    """

    reference: str
    stored: str
    digest: str


class ContainerStart(msgspec.Struct, frozen=True, kw_only=True):
    """Start a container with the workspace mounted at its own path. Result: its name."""

    image: str
    arguments: tuple[str, ...] = ()
    registry: str = ""
    credentials_id: str = ""
    command: tuple[str, ...] = ()
    keep_alive: bool = True


class ContainerStop(msgspec.Struct, frozen=True, kw_only=True):
    """Stop and remove a container. Result: None."""

    container: str


class BuildJob(msgspec.Struct, frozen=True, kw_only=True):
    """Start another pipeline. Result: `JobResult`; once per (run, step_id)."""

    job: str
    parameters: Mapping[str, str]
    wait: bool = True


class JobResult(msgspec.Struct, frozen=True, kw_only=True):
    """The downstream run; `result` is empty when it was not waited for."""

    job: str
    number: int
    result: str
    url: str = ""


class BindCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """Open credentials for a block. Result: `BoundCredentials`.

    `kind` is the binding's name: `string`, `usernamePassword`, `usernameColonPassword`, `file`,
    `sshUserPrivateKey`, `gitUsernamePassword`.
    """

    kind: str
    credentials_id: str


class BoundCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """An opened credential: the parts that its kind has.

    `path` names a file readable by the run only, deleted by `ReleaseCredentials`.
    """

    username: str = ""
    password: str = ""
    text: str = ""
    path: str = ""
    passphrase: str = ""


class ReleaseCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """Delete files that `BindCredentials` made. Result: None."""

    path: str


class ReadFile(msgspec.Struct, frozen=True, kw_only=True):
    """Read a text file of the workspace. Result: str."""

    path: str


class WriteFile(msgspec.Struct, frozen=True, kw_only=True):
    """Write a text file of the workspace. Result: None."""

    path: str
    text: str


class FileExists(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the path exists in the workspace. Result: bool."""

    path: str


class DeleteDir(msgspec.Struct, frozen=True, kw_only=True):
    """Delete the content of the current directory. Result: None."""


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """Keep files of the workspace with the run. Result: number of files kept."""

    includes: tuple[str, ...]
    excludes: tuple[str, ...] = ()


class Sleep(msgspec.Struct, frozen=True, kw_only=True):
    """Wait. Result: None."""

    seconds: float


Command = (
    Sh
    | Checkout
    | DockerBuild
    | DockerTag
    | DockerPull
    | DockerPush
    | ContainerStart
    | ContainerStop
    | BuildJob
    | BindCredentials
    | ReleaseCredentials
    | ReadFile
    | WriteFile
    | FileExists
    | DeleteDir
    | Archive
    | Sleep
)


class StageChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A stage began or ended. `status`: running, success, unstable, failure, aborted, skipped."""

    stage_id: str
    name: str
    status: str
    message: str = ""


class StepFailed(Exception):  # noqa: N818  # a Jenkins term: the step failed, the run goes on
    """A command failed in a way that the pipeline may catch.

    Attributes:
        result: Result that an uncaught failure gives the run: FAILURE, ABORTED, UNSTABLE...
        interruption: Whether it is an interruption in Jenkins's sense (abort, time-out,
            downstream result).
    """

    def __init__(
        self, message: str, *, result: str = "FAILURE", interruption: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.result = result
        self.interruption = interruption


class Executor(Protocol):
    """Carries out commands. Implemented by the run controller and by test fakes."""

    async def execute(self, command: Command, context: StepContext) -> Any:
        """Carries out one command.

        Returns:
            The result type that the command's docstring names.

        Raises:
            StepFailed: When it failed in a way that the pipeline may catch.
        """
        ...

    async def parallel(
        self, branches: Sequence[Callable[[], Awaitable[Any]]], *, fail_fast: bool
    ) -> list[Any]:
        """Runs branches at the same time; returns each one's value or its exception, in order."""
        ...

    async def with_timeout(self, seconds: float, body: Callable[[], Awaitable[Any]]) -> Any:
        """Runs the body; on expiry cancels it and raises an interruption with result ABORTED."""
        ...

    def log(self, text: str, context: StepContext) -> None:
        """Appends lines to the run's log (echo, step traces, errors)."""
        ...

    def stage(self, change: StageChanged) -> None:
        """Tells that a stage began or ended."""
        ...

    def now_millis(self) -> int:
        """Wall time in milliseconds since 1970, for `System.currentTimeMillis()` and dates."""
        ...
