"""The Pipelines of the cluster as validated specs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from towline.controllers.run.ports import PipelineObjects
from towline.errors import InputError
from towline.pipeline.model import PipelineSpec, parse_pipeline

_log = logging.getLogger("towline.pipelines")


def key_of(spec: PipelineSpec) -> str:
    """`NAMESPACE/NAME`, under which runs are kept."""
    return f"{spec.namespace}/{spec.name}"


class PipelineRegister:
    """Reads Pipelines from an informer; malformed ones are kept apart with their error.

    Args:
        objects: The informer of Pipelines.
    """

    def __init__(self, objects: PipelineObjects) -> None:
        self._objects = objects
        self._parsed: dict[tuple[str, str], tuple[str, PipelineSpec | InputError]] = {}

    async def synced(self, timeout: float | None = None) -> None:
        """Returns once the first list is in."""
        await self._objects.synced(timeout)

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls back after every change; returns the way out."""
        return self._objects.subscribe(lambda *_: callback())

    def all(self) -> list[PipelineSpec]:
        """The well-formed ones."""
        return [found for found in self._read().values() if isinstance(found, PipelineSpec)]

    def malformed(self) -> dict[tuple[str, str], InputError]:
        """Errors by (namespace, name)."""
        return {key: found for key, found in self._read().items() if isinstance(found, InputError)}

    def get(self, key: str) -> PipelineSpec | None:
        """The Pipeline with that `NAMESPACE/NAME`."""
        return next((spec for spec in self.all() if key_of(spec) == key), None)

    def by_job(self, namespace: str, job: str) -> PipelineSpec | None:
        """The Pipeline of that namespace with that job name."""
        return next(
            (spec for spec in self.all() if spec.namespace == namespace and spec.job_name == job),
            None,
        )

    def jobs(self, namespace: str) -> dict[str, tuple[str, ...]]:
        """Job names of a namespace with the names of their parameters."""
        return {
            spec.job_name: spec.parameter_names
            for spec in self.all()
            if spec.namespace == namespace
        }

    def _read(self) -> dict[tuple[str, str], PipelineSpec | InputError]:
        present: dict[tuple[str, str], tuple[str, PipelineSpec | InputError]] = {}
        for item in self._objects.list():
            body = item.body()
            meta = body.get("metadata") or {}
            key = (str(meta.get("namespace", "")), str(meta.get("name", "")))
            known = self._parsed.get(key)
            if known is not None and known[0] == item.resource_version:
                present[key] = known
            else:
                present[key] = (item.resource_version, _parse(key, body))
        self._parsed = present
        return {key: found for key, (_, found) in present.items()}


def _parse(key: tuple[str, str], body: dict[str, Any]) -> PipelineSpec | InputError:
    try:
        return parse_pipeline(body)
    except InputError as error:
        _log.warning("pipeline is malformed pipeline=%s/%s error=%s", *key, error)
        return error
