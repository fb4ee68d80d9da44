"""Carries out the commands of one run. Implements `towline.pipeline.commands.Executor`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from towline.controllers.run.checkouts import Checkouts
from towline.controllers.run.containers import Containers
from towline.controllers.run.credentials import BoundFiles, Credentials
from towline.controllers.run.files import Files
from towline.controllers.run.images import Images
from towline.controllers.run.interruption import Interruption
from towline.controllers.run.jobs import Jobs
from towline.controllers.run.scope import RunScope
from towline.controllers.run.shell import Shell
from towline.controllers.run.stages import StageRecorder
from towline.errors import TowlineError
from towline.pipeline import commands as ask
from towline.pipeline.commands import StageChanged, StepContext, StepFailed


class RunExecutor:
    """The world as one run may touch it.

    Args:
        scope: The run.
        shell: Scripts.
        checkouts: Work trees.
        images: Image steps.
        containers: Containers of steps.
        jobs: Other pipelines.
        credentials: Logins and secrets.
        files: Files of the workspace.
        stages: Takes stage changes.
        interruption: Stops commands on request.
    """

    def __init__(
        self,
        scope: RunScope,
        *,
        shell: Shell,
        checkouts: Checkouts,
        images: Images,
        containers: Containers,
        jobs: Jobs,
        credentials: Credentials,
        files: Files,
        stages: StageRecorder,
        interruption: Interruption,
    ) -> None:
        self._scope = scope
        self._shell = shell
        self._checkouts = checkouts
        self._images = images
        self._containers = containers
        self._jobs = jobs
        self._credentials = credentials
        self._bound = BoundFiles(scope.workspace)
        self._files = files
        self._stages = stages
        self._interruption = interruption

    async def execute(self, command: ask.Command, context: StepContext) -> Any:
        """Carries out one command.

        Raises:
            StepFailed: When it failed in a way that the pipeline may catch.
        """
        self._scope.log.add_secrets(context.secrets)
        try:
            with self._interruption.guard():
                return await self._execute(command, context)
        except TowlineError as error:
            raise StepFailed(self._scope.log.mask(str(error))) from error
        except OSError as error:
            raise StepFailed(self._scope.log.mask(f"{type(error).__name__}: {error}")) from error

    async def _execute(self, command: ask.Command, context: StepContext) -> Any:
        result: Any = None
        match command:
            case ask.Sh():
                result = await self._shell.run(command, context)
            case ask.Checkout():
                result = await self._checkouts.run(command, context)
            case ask.BuildJob():
                result = await self._jobs.run(command, context)
            case ask.ContainerStart():
                result = await self._containers.start(command, context)
            case ask.ContainerStop():
                await self._containers.stop(command.container)
            case ask.BindCredentials():
                result = await self._bind(command)
            case ask.ReleaseCredentials():
                self._bound.release(command.path)
            case ask.Sleep():
                await self._scope.clock.sleep(command.seconds)
            case ask.DockerBuild() | ask.DockerPush() | ask.DockerTag() | ask.DockerPull():
                result = await self._image(command, context)
            case _:
                result = await self._file(command, context.cwd)
        return result

    async def _bind(self, command: ask.BindCredentials) -> ask.BoundCredentials:
        found = await self._credentials.open(command.credentials_id)
        self._scope.log.add_secrets(found.secrets)
        return self._bound.bind(command, found)

    async def _image(
        self,
        command: ask.DockerBuild | ask.DockerPush | ask.DockerTag | ask.DockerPull,
        context: StepContext,
    ) -> Any:
        match command:
            case ask.DockerBuild():
                return await self._images.build(command, context)
            case ask.DockerPush():
                return await self._images.push(command, context)
            case ask.DockerTag():
                return await self._images.tag(command)
            case ask.DockerPull():
                return await self._images.pull(command)

    async def _file(
        self,
        command: ask.ReadFile | ask.WriteFile | ask.FileExists | ask.DeleteDir | ask.Archive,
        cwd: str,
    ) -> Any:
        match command:
            case ask.ReadFile():
                return self._files.read(cwd, command.path)
            case ask.WriteFile():
                return self._files.write(cwd, command.path, command.text)
            case ask.FileExists():
                return self._files.exists(cwd, command.path)
            case ask.DeleteDir():
                return await asyncio.to_thread(self._files.delete, cwd)
            case ask.Archive():
                return await asyncio.to_thread(self._files.archive, cwd, command)

    async def parallel(
        self, branches: Sequence[Callable[[], Awaitable[Any]]], *, fail_fast: bool
    ) -> list[Any]:
        """Runs branches at the same time; returns each one's value or its exception, in order."""
        aborted = StepFailed("Failed in another branch", result="ABORTED", interruption=True)
        outcomes: list[Any] = [aborted] * len(branches)
        tasks: list[asyncio.Task[None]] = []

        async def branch(index: int, body: Callable[[], Awaitable[Any]]) -> None:
            try:
                outcomes[index] = await body()
            except Exception as error:  # noqa: BLE001  # a branch's failure is its outcome
                outcomes[index] = error
                if fail_fast:
                    for other in tasks:
                        if other is not asyncio.current_task():
                            other.cancel()

        async with asyncio.TaskGroup() as group:
            for index, body in enumerate(branches):
                tasks.append(group.create_task(branch(index, body)))
        return outcomes

    async def with_timeout(self, seconds: float, body: Callable[[], Awaitable[Any]]) -> Any:
        """Runs the body; on expiry cancels it and raises an interruption with result ABORTED."""
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await body()
        except TimeoutError:
            if not limit.expired():
                raise
            raise StepFailed(
                "Timeout has been exceeded", result="ABORTED", interruption=True
            ) from None

    def log(self, text: str, context: StepContext) -> None:
        """Appends lines to the run's log."""
        self._scope.log.add_secrets(context.secrets)
        self._scope.log.line(text)

    def stage(self, change: StageChanged) -> None:
        """Tells that a stage began or ended."""
        self._stages.note(change)

    def now_millis(self) -> int:
        """Wall time in milliseconds since 1970."""
        return int(self._scope.clock.now().timestamp() * 1000)
