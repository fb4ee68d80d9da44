"""The `sh` step: a script in the workspace, on the host or in a container."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from towline.controllers.run.containers import Containers
from towline.controllers.run.log import LogStream
from towline.controllers.run.scope import RunScope
from towline.pipeline.commands import Sh, ShResult, StepContext, StepFailed
from towline.sandbox import process
from towline.sandbox.confinement import Confinement

_MOST_CAPTURED = 1 << 20


class _Pushed(msgspec.Struct, frozen=True):
    """One line of what the git wrapper noted."""

    repository: str
    ref: str
    commit: str


class Shell:
    """Runs shell scripts of one run.

    Args:
        scope: The run.
        containers: Where scripts run that are not for the host.
        confinement: Where those for the host run.
    """

    def __init__(self, scope: RunScope, containers: Containers, confinement: Confinement) -> None:
        self._scope = scope
        self._containers = containers
        self._confinement = confinement
        self._serial = itertools.count(1)

    async def run(self, command: Sh, context: StepContext) -> ShResult:
        """Runs the script and returns how it ended.

        Raises:
            StepFailed: The captured output is too large.
            InputError: The directory leaves the workspace.
        """
        cwd = self._scope.workspace.inside(context.cwd)
        cwd.mkdir(parents=True, exist_ok=True)
        script = self._script(command.script)
        argv = _interpreter(command.script, script)
        env: Mapping[str, str] = {**context.env, process.COOKIE + "_RUN": self._scope.run.id}
        if context.container is not None:
            argv, env = self._containers.exec_argv(context.container, argv, env, str(cwd))
        else:
            argv, env = self._confinement.wrap(argv, env, self._scope.workspace.view, cwd)
        captured = bytearray()
        stream = self._scope.log.stream()
        try:
            done = await process.run(
                argv,
                env=env,
                cwd=cwd,
                on_output=_taker(stream, captured if command.capture else None),
                merge=not command.capture,
                instance=self._scope.instance,
            )
        finally:
            stream.close()
            script.unlink(missing_ok=True)
            await self._note_pushes()
        return self._result(command, done.exit_code, captured)

    def _result(self, command: Sh, code: int, captured: bytearray) -> ShResult:
        if len(captured) > _MOST_CAPTURED:
            raise StepFailed(f"the script wrote more than {_MOST_CAPTURED} bytes to be returned")
        stdout = captured.decode("utf-8", "replace")
        if command.capture and code != 0 and stdout:
            self._scope.log.line(stdout)
        return ShResult(exit_code=code, stdout=stdout)

    def _script(self, text: str) -> Path:
        return self._scope.workspace.put(f"script-{next(self._serial)}.sh", text, mode=0o755)

    async def _note_pushes(self) -> None:
        """Records what the script pushed; the first push of a run is a mark of the delivery."""
        for line in self._scope.workspace.take_pushes().splitlines():
            try:
                pushed = msgspec.json.decode(line, type=_Pushed)
            except msgspec.MsgspecError:
                continue  # not from the wrapper: the script wrote there
            await self._scope.store.commits.add(
                self._scope.run.id, pushed.repository, pushed.ref, pushed.commit
            )
            await self._scope.mark("manifest", pushed.commit)


def _interpreter(text: str, script: Path) -> list[str]:
    """Jenkins's way: `sh -xe`, unless the script names its interpreter."""
    if text.startswith("#!"):
        words = shlex.split(text.partition("\n")[0][2:])
        if words:
            return [*words, str(script)]
    return ["/bin/sh", "-xe", str(script)]


def _taker(
    stream: LogStream, captured: bytearray | None
) -> Callable[[process.Stream, bytes], None]:
    def take(name: process.Stream, chunk: bytes) -> None:
        if captured is None or name == "stderr":
            stream.take(chunk)
        elif len(captured) <= _MOST_CAPTURED:
            captured.extend(chunk)

    return take
