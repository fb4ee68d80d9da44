"""What every step of one run shares."""

from __future__ import annotations

import dataclasses

from towline.aio.clock import Clock
from towline.controllers.run.log import RunLog
from towline.controllers.run.workspace import Workspace
from towline.pipeline.model import PipelineSpec
from towline.store import Run, Store


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunScope:
    """One run while it is carried out.

    Attributes:
        run: Its record, with the pinned commit.
        origin: Commit of the run that stands at the head of the chain of runs.
        spec: Its pipeline.
        workspace: Its folders.
        log: Its log.
        instance: Cookie of this Towline.
    """

    run: Run
    origin: str
    spec: PipelineSpec
    workspace: Workspace
    log: RunLog
    store: Store
    clock: Clock
    instance: str

    async def mark(self, name: str, detail: str) -> None:
        """Notes in the lineage of the commit that a point was reached."""
        await self.store.lineage.mark(self.origin, name, self.clock.now(), detail)
