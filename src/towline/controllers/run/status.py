"""Writes the status of Pipelines, the one thing that the CI side changes in the cluster."""

from __future__ import annotations

import asyncio
from typing import Any

from towline.aio.clock import Clock, rfc3339
from towline.aio.workqueue import WorkQueue
from towline.controllers.run.pipelines import PipelineRegister, key_of
from towline.controllers.run.ports import KubeObjects
from towline.kube.refs import GroupVersionKind
from towline.kube.status import ApiError
from towline.pipeline.model import GROUP, KIND, VERSION
from towline.store import Run, Store

PIPELINE = GroupVersionKind(GROUP, VERSION, KIND)
_MANAGER = "towline-runs"
_COUNTED = {
    "queued": "queued",
    "running": "running",
    "succeeded": "SUCCESS",
    "unstable": "UNSTABLE",
    "failed": "FAILURE",
    "aborted": "ABORTED",
}


class StatusWriter:
    """Brings `status` of Pipelines up to date.

    Args:
        client: The Kubernetes API.
        store: The runs.
        pipelines: The specs.
        clock: Times of conditions.
    """

    def __init__(
        self, client: KubeObjects, store: Store, pipelines: PipelineRegister, clock: Clock
    ) -> None:
        self._client = client
        self._store = store
        self._pipelines = pipelines
        self._clock = clock
        self._queue: WorkQueue[str] = WorkQueue(base=0.5)
        self._written: dict[str, dict[str, Any]] = {}

    async def run(self) -> None:
        """Works until cancelled."""
        self.all_dirty()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._queue.run(self._reconcile, workers=1, name="pipeline-status"))

    def dirty(self, pipeline: str) -> None:
        """The pipeline's status may be old."""
        self._queue.add(pipeline)

    def all_dirty(self) -> None:
        """Every status may be old."""
        for spec in self._pipelines.all():
            self.dirty(key_of(spec))
        for namespace, name in self._pipelines.malformed():
            self.dirty(f"{namespace}/{name}")

    async def _reconcile(self, pipeline: str) -> None:
        namespace, _, name = pipeline.partition("/")
        status = await self._status(pipeline)
        if status is None or self._written.get(pipeline) == status:
            return
        body = {"status": {**status, "conditions": [self._stamped(status["conditions"][0])]}}
        try:
            await self._client.patch(
                PIPELINE, namespace, name, body, manager=_MANAGER, subresource="status"
            )
        except ApiError as error:
            if error.reason != "NotFound":
                raise
        self._written[pipeline] = status

    async def _status(self, pipeline: str) -> dict[str, Any] | None:
        spec = self._pipelines.get(pipeline)
        if spec is None:
            namespace, _, name = pipeline.partition("/")
            error = self._pipelines.malformed().get((namespace, name))
            if error is None:
                return None
            return {"conditions": [_condition("False", "InvalidSpec", str(error))]}
        runs = await self._store.runs.list(pipeline, limit=1)
        condition = _condition("True", "Valid", "")
        status: dict[str, Any] = {"observedGeneration": spec.generation, "conditions": [condition]}
        if runs:
            status["lastRun"] = _last_run(runs[0])
            counts = await self._store.runs.counts(pipeline)
            status["runs"] = {name: counts.get(key, 0) for name, key in _COUNTED.items()}
        return status

    def _stamped(self, condition: dict[str, Any]) -> dict[str, Any]:
        return {**condition, "lastTransitionTime": rfc3339(self._clock.now())}


def _condition(status: str, reason: str, message: str) -> dict[str, Any]:
    return {"type": "Ready", "status": status, "reason": reason, "message": message}


def _last_run(run: Run) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "number": run.number,
        "id": run.id,
        "trigger": run.trigger,
        "branch": run.ref.removeprefix("refs/heads/") or None,
        "result": run.result or None,
        "state": run.state,
        "commit": run.commit or None,
        "startedAt": rfc3339(run.started_at) if run.started_at else None,
        "finishedAt": rfc3339(run.finished_at) if run.finished_at else None,
        "message": run.error or None,
    }
    return facts
