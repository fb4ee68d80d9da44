"""Hooks around an application's deletion: created, waited for, cleaned up."""

from __future__ import annotations

from typing import Any

from towline.argo.application import Application
from towline.argo.names import FIELD_MANAGER
from towline.argo.status import HealthCode
from towline.controllers.application.apply import Applier
from towline.controllers.application.comparing import Comparer
from towline.controllers.application.memory import Memory
from towline.controllers.application.ports import ClusterApi, LiveCache
from towline.controllers.application.sources import SourceReader
from towline.errors import TowlineError
from towline.gitops.health import Health
from towline.gitops.hooks import DeletePhase, is_delete_hook, is_spent
from towline.gitops.targets import Target
from towline.gitops.tracking import with_tracking
from towline.kube.refs import ObjectKey
from towline.kube.status import ApiError
from towline.kubeclient.objects import CachedObject

_ENDED = (HealthCode.HEALTHY, HealthCode.DEGRADED, HealthCode.UNKNOWN)


class DeleteHooks:
    """Runs PreDelete and PostDelete hooks.

    Args:
        client: The API.
        cache: Takes in answers.
        sources: Manifests, rendered at the time of deletion.
        comparer: Knows live objects and their health.
        applier: Deletes objects.
    """

    def __init__(
        self,
        *,
        client: ClusterApi,
        cache: LiveCache,
        sources: SourceReader,
        comparer: Comparer,
        applier: Applier,
    ) -> None:
        self._client = client
        self._cache = cache
        self._sources = sources
        self._comparer = comparer
        self._applier = applier

    async def run(self, app: Application, memory: Memory, phase: DeletePhase) -> bool:
        """Creates what is missing and waits for the rest; whether all have ended well.

        Raises:
            TowlineError: A hook failed (it was deleted and will be tried again), or cannot be made.
        """
        live = {obj.key: obj for obj in self._live(app, memory, phase)}
        missing = [hook for hook in await self._hooks(app, memory, phase) if _key(hook) not in live]
        for hook in missing:
            await self._create(hook)
        if missing:
            return False
        states = {key: self._state(memory, obj) for key, obj in live.items()}
        broken = [key for key, state in states.items() if state is HealthCode.DEGRADED]
        for key in broken:
            await self._delete(live[key], memory)
        if broken:
            names = ", ".join(sorted(f"{key.namespace}/{key.name}" for key in broken))
            raise TowlineError(f"{phase.value} hook(s) failed: {names}")
        return all(state in _ENDED for state in states.values())

    async def clean_up(self, app: Application, memory: Memory, phase: DeletePhase) -> bool:
        """Deletes hooks by their policies; whether nothing is left to wait for.

        Raises:
            TowlineError: Refused, or not now.
        """
        live = self._live(app, memory, phase)
        states = {self._state(memory, obj) for obj in live}
        outcome = HealthCode.DEGRADED if HealthCode.DEGRADED in states else HealthCode.HEALTHY
        spent = [obj for obj in live if is_spent(obj.annotations, outcome)]
        for obj in spent:
            if not obj.deletion_timestamp:
                await self._delete(obj, memory)
        return not spent

    def _live(self, app: Application, memory: Memory, phase: DeletePhase) -> list[CachedObject]:
        return [
            obj
            for obj in self._comparer.owned(app)
            if is_delete_hook(obj.annotations, phase)
            and (obj.uid not in memory.deleted or obj.deletion_timestamp)
        ]

    async def _hooks(
        self, app: Application, memory: Memory, phase: DeletePhase
    ) -> list[dict[str, Any]]:
        pinned = await self._sources.pin(app, memory, fresh=False)
        rendered = await self._sources.render(app, memory, pinned)
        targets = await self._comparer.targets(app, memory, rendered.result)
        return [
            self._named(app, hook, phase, pinned.first)
            for hook in targets.hooks
            if is_delete_hook(hook.annotations, phase)
        ]

    def _named(
        self, app: Application, hook: Target, phase: DeletePhase, revision: str
    ) -> dict[str, Any]:
        """The hook; one with a generated name gets the same name at every turn."""
        meta = hook.object["metadata"]
        if meta.get("name"):
            return hook.object
        name = f"{meta.get('generateName') or ''}{revision[:7]}-{phase}".lower()
        named = {**hook.object, "metadata": {**meta, "name": name}}
        return with_tracking(named, self._comparer.instance(app), app.spec.destination.namespace)

    async def _create(self, hook: dict[str, Any]) -> None:
        try:
            self._cache.put(await self._client.create(hook, manager=FIELD_MANAGER))
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise

    async def _delete(self, obj: CachedObject, memory: Memory) -> None:
        await self._applier.delete(obj)
        memory.deleted.add(obj.uid)

    def _state(self, memory: Memory, obj: CachedObject) -> HealthCode:
        if obj.deletion_timestamp:
            return HealthCode.PROGRESSING
        health: Health | None = self._comparer.health(memory, obj)
        return HealthCode.HEALTHY if health is None else health.status


def _key(hook: dict[str, Any]) -> ObjectKey:
    group, _, _ = str(hook["apiVersion"]).rpartition("/")
    meta = hook["metadata"]
    return ObjectKey(group, str(hook["kind"]), meta.get("namespace") or "", meta["name"])
