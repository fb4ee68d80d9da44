"""A recording executor: answers commands from a table, keeps what happened in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from towline.pipeline import commands as c
from towline.pipeline.jenkins.context import RunContext, RunOutcome, ScmFacts
from towline.pipeline.jenkins.run import run_jenkinsfile
from towline.text.groovy import parse

Answer = Callable[[Any, c.StepContext], Any]


class Recorder:
    """Implements `Executor` in memory.

    `shell` maps a part of a script to an exit code, (exit code, output) or an exception. A script
    that holds `hang` never ends; then time-outs expire after some turns of the loop.
    """

    def __init__(
        self, shell: Mapping[str, Any] | None = None, *, hang: str = "", **answers: Any
    ) -> None:
        self.hang = hang
        self.shell = dict(shell or {})
        self.answers = answers
        self.commands: list[Any] = []
        self.contexts: list[c.StepContext] = []
        self.lines: list[str] = []
        self.stages: list[tuple[str, str]] = []
        self.files: dict[str, str] = {}

    async def execute(self, command: c.Command, context: c.StepContext) -> Any:
        self.commands.append(command)
        self.contexts.append(context)
        await asyncio.sleep(0)
        if self.hang and isinstance(command, c.Sh) and self.hang in command.script:
            await asyncio.Event().wait()
        answer = self.answers.get(type(command).__name__)
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            return answer(command, context)
        return answer if answer is not None else self._default(command)

    def _default(self, command: c.Command) -> Any:  # noqa: C901, PLR0911  # one line per command
        match command:
            case c.Sh():
                return self._sh(command)
            case c.Checkout():
                return c.CheckedOut(
                    url=command.url or "http://forge/app.git", commit="c" * 40, branch="main"
                )
            case c.DockerBuild():
                return c.ImageBuilt(image=command.image, image_id="sha256:1")
            case c.DockerPush():
                return c.ImagePushed(
                    reference=command.target, stored=command.target, digest="sha256:2"
                )
            case c.ContainerStart():
                return f"container-{len(self.commands)}"
            case c.BuildJob():
                return c.JobResult(job=command.job, number=5, result="SUCCESS")
            case c.BindCredentials(kind="string"):
                return c.BoundCredentials(text="t0ken-value")
            case c.BindCredentials(kind="file"):
                return c.BoundCredentials(path="/ws@tmp/secret")
            case c.BindCredentials():
                return c.BoundCredentials(username="robot", password="s3cr3t-pass")
            case c.ReadFile():
                if command.path not in self.files:
                    raise c.StepFailed(f"{command.path} does not exist")
                return self.files[command.path]
            case c.WriteFile():
                self.files[command.path] = command.text
            case c.FileExists():
                return command.path in self.files
            case c.Archive():
                return 1
        return None

    def _sh(self, command: c.Sh) -> c.ShResult:
        for part, answer in self.shell.items():
            if part in command.script:
                if isinstance(answer, Exception):
                    raise answer
                code, output = answer if isinstance(answer, tuple) else (answer, "")
                return c.ShResult(exit_code=code, stdout=output)
        return c.ShResult(exit_code=0)

    async def parallel(
        self, branches: Sequence[Callable[[], Awaitable[Any]]], *, fail_fast: bool
    ) -> list[Any]:
        return await asyncio.gather(*(branch() for branch in branches), return_exceptions=True)

    async def with_timeout(self, seconds: float, body: Callable[[], Awaitable[Any]]) -> Any:
        task = asyncio.ensure_future(body())
        if self.hang:
            for _ in range(20):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            raise c.StepFailed("Timeout has been exceeded", result="ABORTED", interruption=True)
        return await task

    def log(self, text: str, context: c.StepContext) -> None:
        self.lines += text.splitlines()

    def stage(self, change: c.StageChanged) -> None:
        self.stages.append((change.name, change.status))

    def now_millis(self) -> int:
        return 1_700_000_000_000

    # What tests look at

    def of(self, kind: type) -> list[Any]:
        return [command for command in self.commands if isinstance(command, kind)]

    @property
    def scripts(self) -> list[str]:
        return [command.script for command in self.of(c.Sh)]

    @property
    def echoes(self) -> list[str]:
        return [line for line in self.lines if not line.startswith("[Pipeline]")]


async def run(
    source: str, executor: Recorder | None = None, **context: Any
) -> tuple[RunOutcome, Recorder]:
    """Runs a file in memory."""
    executor = executor or Recorder()
    values = {
        "job": "job",
        "number": 7,
        "env": {"WORKSPACE": "/ws", "PATH": "/bin", "HOME": "/h"},
        "scm": ScmFacts(url="http://forge/app.git", branch="main", commit="c" * 40),
        **context,
    }
    outcome = await run_jenkinsfile(parse(source, "Jenkinsfile"), RunContext(**values), executor)
    return outcome, executor
