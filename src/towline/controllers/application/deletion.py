"""Cascading deletion: objects go wave by wave, highest first, then the finalizer."""

from __future__ import annotations

import logging
from collections.abc import Collection

from towline.aio.clock import Clock, rfc3339
from towline.argo.application import parse_application
from towline.argo.names import (
    APPLICATION,
    BACKGROUND_FINALIZER,
    CASCADE_FINALIZERS,
    CLEANUP,
    DELETION_APPROVED,
    FIELD_MANAGER,
    HELM_RESOURCE_POLICY,
)
from towline.argo.status import Condition, ConditionType, merge_conditions
from towline.controllers.application.apply import Applier
from towline.controllers.application.comparing import Comparer
from towline.controllers.application.delete_hooks import DeleteHooks
from towline.controllers.application.draft import Draft
from towline.controllers.application.memory import Memory
from towline.controllers.application.ports import ClusterApi, LiveCache
from towline.errors import TowlineError
from towline.gitops.hooks import DeletePhase, is_delete_hook, is_hook
from towline.gitops.options import annotation_options
from towline.gitops.order import wave_of
from towline.gitops.tracking import CRD
from towline.kube.status import ApiError
from towline.kubeclient.objects import CachedObject

_RETRY_SECONDS = 5.0
_LOOK_SECONDS = 30.0  # the watch tells of changes earlier

_log = logging.getLogger("towline.engine")


class Deleter:
    """Removes what an application owns before the application itself goes.

    Args:
        client: The API.
        cache: Takes in answers.
        comparer: Knows what the application owns.
        applier: Deletes objects.
        hooks: Runs hooks around the deletion.
        clock: Time.
    """

    def __init__(
        self,
        *,
        client: ClusterApi,
        cache: LiveCache,
        comparer: Comparer,
        applier: Applier,
        hooks: DeleteHooks,
        clock: Clock,
    ) -> None:
        self._client = client
        self._cache = cache
        self._comparer = comparer
        self._applier = applier
        self._hooks = hooks
        self._clock = clock

    async def step(self, draft: Draft, memory: Memory) -> float | None:
        """Takes the deletion as far as it goes now; the watch brings the next step."""
        try:
            return await self._step(draft, memory)
        except TowlineError as error:
            await self._report(draft, error)
            return _RETRY_SECONDS

    async def _step(self, draft: Draft, memory: Memory) -> float | None:
        held = set(draft.app.finalizers)
        before, after = DeletePhase.PRE_DELETE, DeletePhase.POST_DELETE
        if before.finalizer in held:
            if not await self._hooks.run(draft.app, memory, before):
                return _LOOK_SECONDS
            await self._release(draft, {before.finalizer})
        if cascade := CASCADE_FINALIZERS & held:
            if await self._cascade(draft, memory, background=BACKGROUND_FINALIZER in cascade):
                return None
            await self._release(draft, cascade)
        if after.finalizer in held:
            if not await self._hooks.run(draft.app, memory, after):
                return _LOOK_SECONDS
            await self._release(draft, {after.finalizer})
        for phase in (before, after):
            if phase.finalizer + CLEANUP in held:
                if not await self._hooks.clean_up(draft.app, memory, phase):
                    return _LOOK_SECONDS
                await self._release(draft, {phase.finalizer + CLEANUP})
        return None

    async def _cascade(self, draft: Draft, memory: Memory, *, background: bool) -> bool:
        """Deletes the highest wave; whether something is left to wait for."""
        app = draft.app
        project = self._comparer.project(app)
        owned = [
            obj
            for obj in self._comparer.owned(app)
            if obj.uid not in memory.deleted or obj.deletion_timestamp
            if project is None or self._comparer.permitted(project, obj.gvk, obj.key.name)
        ]
        doomed = [
            obj
            for obj in owned
            if _is_doomed(obj)
            and obj.uid != app.uid
            and not is_delete_hook(obj.annotations, DeletePhase.POST_DELETE)
        ]
        if any(obj.deletion_timestamp for obj in doomed):
            return True
        if any(_needs_confirmation(obj) for obj in doomed) and not _is_approved(draft):
            return True
        if not doomed:
            return False
        wave = max(wave_of(obj.annotations) for obj in doomed)
        for obj in doomed:
            if wave_of(obj.annotations) == wave:
                if is_hook(obj.annotations):
                    await self._applier.release(obj)
                propagation = "Background" if background else "Foreground"
                await self._applier.delete(obj, propagation=propagation)
        return True

    async def _release(self, draft: Draft, finalizers: Collection[str]) -> None:
        app = draft.app
        left = [one for one in app.finalizers if one not in finalizers]
        patch = {"metadata": {"resourceVersion": app.resource_version, "finalizers": left or None}}
        try:
            answer = await self._client.patch(
                APPLICATION, app.namespace, app.name, patch, manager=FIELD_MANAGER
            )
        except ApiError as error:
            if error.reason != "NotFound":
                raise
        else:
            draft.app = parse_application(answer)
        if not left:
            _log.info("application deleted app=%s", app.qualified_name)

    async def _report(self, draft: Draft, error: TowlineError) -> None:
        now = rfc3339(self._clock.now())
        found = [Condition(ConditionType.DELETION_ERROR, error.message)]
        before = draft.status.get("conditions") or []
        draft.status["conditions"] = merge_conditions(
            before, (ConditionType.DELETION_ERROR,), found, now
        )
        await draft.write(self._client, self._cache)


def _is_doomed(obj: CachedObject) -> bool:
    return (
        obj.gvk.group_kind != CRD
        and "Delete=false" not in annotation_options(obj.annotations)
        and obj.annotations.get(HELM_RESOURCE_POLICY) != "keep"
    )


def _needs_confirmation(obj: CachedObject) -> bool:
    options = annotation_options(obj.annotations)
    return bool(options & {"Delete=confirm", "Prune=confirm"})


def _is_approved(draft: Draft) -> bool:
    approved = draft.app.annotations.get(DELETION_APPROVED) or ""
    asked = str(draft.app.raw["metadata"].get("deletionTimestamp") or "")
    return bool(approved) and approved >= asked
