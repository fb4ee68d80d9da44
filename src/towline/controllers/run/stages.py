"""Records stage changes in order, without holding up the run."""

from __future__ import annotations

import asyncio

from towline.controllers.run.log import RunLog
from towline.pipeline.commands import StageChanged
from towline.store.history import Stages


class StageRecorder:
    """A queue of changes between a run and the store.

    Args:
        stages: The store's table.
        run: Id of the run.
        log: Masks messages.
    """

    def __init__(self, stages: Stages, run: str, log: RunLog) -> None:
        self._stages = stages
        self._run = run
        self._log = log
        self._queue: asyncio.Queue[StageChanged | None] = asyncio.Queue()

    def note(self, change: StageChanged) -> None:
        """Takes a change."""
        self._queue.put_nowait(change)

    def end(self) -> None:
        """Lets `record` return once everything is written."""
        self._queue.put_nowait(None)

    async def record(self) -> None:
        """Writes changes until `end`."""
        while (change := await self._queue.get()) is not None:
            message = self._log.mask(change.message)
            await self._stages.put(self._run, change.stage_id, change.name, change.status, message)
