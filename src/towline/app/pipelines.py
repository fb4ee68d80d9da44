"""Pipelines and runs for the web."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from towline.controllers.run import RunController
from towline.errors import NotFoundError
from towline.kubeclient.informer import Informer
from towline.store import Run, Stage, Store


class PipelineViews:
    """Implements `web.ports.Pipelines`."""

    def __init__(self, store: Store, informer: Informer, controller: RunController) -> None:
        self._store = store
        self._informer = informer
        self._controller = controller

    def all(self) -> list[dict[str, Any]]:
        """Every Pipeline object."""
        return [item.body() for item in self._informer.list()]

    async def runs(self, pipeline: str, limit: int) -> list[Run]:
        """Latest runs, of one pipeline (name or job name) or of all."""
        if not pipeline:
            return await self._store.runs.list(limit=limit)
        spec = self._controller.find(pipeline)
        return await self._store.runs.list(f"{spec.namespace}/{spec.name}", limit=limit)

    async def run(self, run_id: str) -> Run | None:
        """One run."""
        return await self._store.runs.get(run_id)

    async def stages(self, run_id: str) -> Sequence[Stage]:
        """Stages of a run in order."""
        return await self._store.stages.of(run_id)

    async def log(self, run_id: str, offset: int) -> tuple[bytes, int]:
        """Log bytes from an offset, and where to go on."""
        return await self._store.logs.tail(run_id, offset)

    async def start(self, pipeline: str, parameters: dict[str, str], *, user: str) -> Run:
        """Queues a run."""
        return await self._controller.request(pipeline, parameters, user=user)

    async def cancel(self, run_id: str) -> None:
        """Asks a run to stop."""
        await self._store.runs.request_cancel(run_id)


class NoPipelines:
    """The port where no CI runs (`--no-ci`)."""

    def all(self) -> list[dict[str, Any]]:
        """None."""
        return []

    async def runs(self, pipeline: str, limit: int) -> list[Run]:
        """None."""
        del pipeline, limit
        return []

    async def run(self, run_id: str) -> Run | None:
        """None."""
        del run_id
        return None

    async def stages(self, run_id: str) -> Sequence[Stage]:
        """None."""
        del run_id
        return []

    async def log(self, run_id: str, offset: int) -> tuple[bytes, int]:
        """Nothing."""
        del run_id
        return b"", offset

    async def start(self, pipeline: str, parameters: dict[str, str], *, user: str) -> Run:
        """Refuses."""
        del parameters, user
        raise NotFoundError(f"there is no pipeline {pipeline}", hint="CI is off (--no-ci)")

    async def cancel(self, run_id: str) -> None:
        """Nothing to stop."""
        del run_id
