"""Reconciles roles and bindings before they are applied, as Argo CD does by `kubectl auth`."""

from __future__ import annotations

from typing import Final

import orjson

from towline.controllers.application.ports import ClusterApi, LiveCache, Obj
from towline.errors import TransientError
from towline.gitops.live import LiveObject
from towline.gitops.rbac import Reconciliation, Step, reconcile, told
from towline.kube.refs import GroupVersionKind
from towline.kube.status import ApiError
from towline.kubeclient.objects import cached_object

_TRIES: Final = 5
_FAILED: Final = "error running rbacReconcile: error running kubectl auth reconcile: "


class RbacReconciler:
    """Brings live roles and bindings to where an apply can go on.

    Args:
        client: The API.
        cache: Takes in the answers.
        manager: Name under which fields are written.
    """

    def __init__(self, client: ClusterApi, cache: LiveCache, manager: str) -> None:
        self._client = client
        self._cache = cache
        self._manager = manager

    async def reconcile(
        self, name: str, gvk: GroupVersionKind, target: Obj, live: LiveObject | None, *, dry: bool
    ) -> tuple[str, LiveObject | None]:
        """Reconciles one object.

        Args:
            name: The object as kubectl prints it.
            gvk: Its kind.
            target: What is wanted.
            live: What is there.
            dry: Change nothing.

        Returns:
            kubectl's words, and the object as it is afterwards.

        Raises:
            ApiError: Refused.
            TransientError: Not now.
        """
        present = live.body() if live is not None else None
        meta = target["metadata"]
        for _ in range(_TRIES):
            outcome = reconcile(target, present)
            if dry or outcome.step is Step.NONE or outcome.protected:
                return told(name, outcome, dry_run=dry), live
            try:
                answer = await self._write(gvk, outcome, present)
            except ApiError as error:
                if error.reason not in {"AlreadyExists", "Conflict", "NotFound"} or (
                    error.reason == "NotFound" and present is None
                ):
                    raise ApiError(_FAILED + error.message, reason=error.reason) from error
                present = await self._client.get(gvk, meta.get("namespace") or "", meta["name"])
                continue
            self._cache.put(answer)
            return told(name, outcome, dry_run=False), cached_object(orjson.dumps(answer), gvk)
        raise TransientError(f"{gvk.kind} {meta['name']} keeps changing")

    async def _write(
        self, gvk: GroupVersionKind, outcome: Reconciliation, present: Obj | None
    ) -> Obj:
        if outcome.step is Step.UPDATE:
            return await self._client.replace(outcome.object, manager=self._manager)
        if present is not None:
            meta = present["metadata"]
            await self._client.delete(
                gvk, meta.get("namespace") or "", meta["name"], uid=str(meta.get("uid") or "")
            )
        return await self._client.create(outcome.object, manager=self._manager)
