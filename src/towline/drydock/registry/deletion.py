"""Delete: graceful for pods, held by finalizers, with the propagation policy as finalizers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from towline.aio.clock import Clock, parse_rfc3339, rfc3339
from towline.drydock.refusals import conflict, forbidden, not_found
from towline.drydock.registry import strategy
from towline.drydock.registry.kinds import ServedKind
from towline.drydock.registry.options import DeleteOptions, Outcome
from towline.drydock.registry.target import Target
from towline.drydock.registry.writes import Staged
from towline.drydock.storage import Record, Store
from towline.kube.schema.fielderror import invalid_status, not_supported

Obj = dict[str, Any]

_ORPHAN = "orphan"
_FOREGROUND = "foregroundDeletion"
CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"
_POLICIES = ("Foreground", "Background", "Orphan")
_DEFAULT_POD_GRACE = 30
_ORPHAN_WARNING = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background"
    " to remove them or set propagationPolicy=Orphan to suppress this warning"
)


class Deletes:
    """The deciding half of every deletion.

    Args:
        store: Where versions are.
        clock: For timestamps.
        has_instances: Whether a custom resource definition still has objects.
    """

    def __init__(self, store: Store, clock: Clock, has_instances: Callable[[Obj], bool]) -> None:
        self._store = store
        self._clock = clock
        self._has_instances = has_instances

    def delete(self, target: Target, options: DeleteOptions) -> Staged:
        """Deletes, or starts to.

        Raises:
            ApiError: It is gone, protected, or a precondition does not hold.
        """
        kind = target.kind
        live = self._store.head(target.key)
        if live is None:
            raise not_found(kind.url_resource, target.name)
        self._check(kind, live.obj, options)
        warnings: tuple[str, ...] = ()
        if kind.resource == strategy.JOBS and not options.propagation:
            warnings = (_ORPHAN_WARNING,)
        if kind.resource == strategy.PODS:
            staged = self._pod(live, options)
        else:
            staged = self._plain(kind, live, options)
        outcome, pending = staged
        return outcome._replace(warnings=warnings), pending

    def _check(self, kind: ServedKind, obj: Obj, options: DeleteOptions) -> None:
        meta = obj["metadata"]
        name = meta["name"]
        protected = strategy.PROTECTED_NAMESPACES
        if kind.resource == strategy.NAMESPACES and name in protected:
            raise forbidden(kind.url_resource, name, "this namespace may not be deleted")
        if options.propagation and options.propagation not in _POLICIES:
            error = not_supported("propagationPolicy", options.propagation, (*_POLICIES, "nil"))
            gvk = kind.gvk._replace(group="meta.k8s.io", kind="DeleteOptions")
            raise invalid_status(gvk.group_kind, "", [error])
        self._check_preconditions(kind, meta, options)

    def _check_preconditions(self, kind: ServedKind, meta: Obj, options: DeleteOptions) -> None:
        for said, found, what, guess in (
            (options.uid, meta["uid"], "UID", "deleted and then recreated"),
            (options.resource_version, meta["resourceVersion"], "ResourceVersion", "modified"),
        ):
            if said and said != found:
                raise conflict(
                    kind.url_resource._replace(group=kind.gvk.group, resource=kind.gvk.kind),
                    meta["name"],
                    f"the {what} in the precondition ({said}) does not match the {what} in record"
                    f" ({found}). The object might have been {guess}",
                )

    def _plain(self, kind: ServedKind, live: Record, options: DeleteOptions) -> Staged:
        obj = live.obj
        meta = obj["metadata"]
        if meta.get("deletionTimestamp"):
            return self._plain_again(kind, live, options)
        finalizers = self._finalizers(kind, meta, options.propagation)
        if kind.resource == strategy.CUSTOM_RESOURCE_DEFINITIONS and self._has_instances(obj):
            finalizers = [*finalizers, CLEANUP_FINALIZER]
        meta = {**meta, "finalizers": finalizers}
        if not finalizers:
            del meta["finalizers"]
        if not self._held(kind, meta, obj):
            return self._remove(live, {**obj, "metadata": meta}, options)
        marked = {**obj, "metadata": self._marked(meta, grace=0)}
        if kind.resource == strategy.NAMESPACES:
            del marked["metadata"]["deletionGracePeriodSeconds"]
            marked["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}
        return self._keep(live, marked, options)

    def _plain_again(self, kind: ServedKind, live: Record, options: DeleteOptions) -> Staged:
        """Another policy may still lift the wait that the first one set."""
        obj, meta = live.obj, live.obj["metadata"]
        if options.propagation:
            finalizers = self._finalizers(kind, meta, options.propagation)
            meta = {**meta, "finalizers": finalizers}
            obj = {**obj, "metadata": meta}
        if not self._held(kind, meta, obj):
            return self._remove(live, obj, options)
        if meta.get("finalizers") == live.obj["metadata"].get("finalizers"):
            return Outcome(live.obj, live.raw), None
        return self._keep(live, obj, options)

    def _held(self, kind: ServedKind, meta: Obj, obj: Obj) -> bool:
        if meta.get("finalizers"):
            return True
        is_namespace = kind.resource == strategy.NAMESPACES
        return is_namespace and bool((obj.get("spec") or {}).get("finalizers"))

    def _finalizers(self, kind: ServedKind, meta: Obj, propagation: str) -> list[str]:
        present = list(meta.get("finalizers") or [])
        if not propagation:
            if _ORPHAN in present or _FOREGROUND in present:
                return present
            propagation = "Orphan" if strategy.orphans_by_default(kind) else "Background"
        kept = [each for each in present if each not in (_ORPHAN, _FOREGROUND)]
        match propagation:
            case "Orphan":
                return [*kept, _ORPHAN]
            case "Foreground":
                return [*kept, _FOREGROUND]
            case _:
                return kept

    def _pod(self, live: Record, options: DeleteOptions) -> Staged:
        pod = live.obj
        meta = pod["metadata"]
        grace = self._pod_grace(pod, options.grace)
        if meta.get("deletionTimestamp"):
            return self._pod_again(live, pod, grace, options)
        finalizers = list(meta.get("finalizers") or [])
        if options.propagation in ("Orphan", "Foreground"):
            added = _ORPHAN if options.propagation == "Orphan" else _FOREGROUND
            finalizers = [each for each in finalizers if each != added] + [added]
        elif options.propagation == "Background":
            finalizers = [each for each in finalizers if each not in (_ORPHAN, _FOREGROUND)]
        meta = {**meta, "finalizers": finalizers}
        if not finalizers:
            del meta["finalizers"]
        marked = {**pod, "metadata": self._marked(meta, grace=grace)}
        if grace == 0 and not finalizers:
            return self._remove(live, marked, options)
        return self._keep(live, marked, options)

    def _pod_again(self, live: Record, pod: Obj, grace: int, options: DeleteOptions) -> Staged:
        meta = pod["metadata"]
        pending = int(meta.get("deletionGracePeriodSeconds") or 0)
        shorter = options.grace is not None and grace < pending
        if (grace == 0 and (shorter or pending == 0)) and not meta.get("finalizers"):
            ended = {**meta, "deletionGracePeriodSeconds": 0}
            return self._remove(live, {**pod, "metadata": ended}, options)
        if not shorter:
            return Outcome(pod, live.raw), None
        end = parse_rfc3339(meta["deletionTimestamp"]) - dt.timedelta(seconds=pending - grace)
        meta = {**meta, "deletionTimestamp": rfc3339(end), "deletionGracePeriodSeconds": grace}
        return self._keep(live, {**pod, "metadata": meta}, options)

    def _pod_grace(self, pod: Obj, asked: int | None) -> int:
        spec, status = pod.get("spec") or {}, pod.get("status") or {}
        grace = asked
        if grace is None:
            grace = spec.get("terminationGracePeriodSeconds", _DEFAULT_POD_GRACE)
        if not spec.get("nodeName") or status.get("phase") in ("Succeeded", "Failed"):
            return 0
        return 1 if grace < 0 else int(grace)

    def _marked(self, meta: Obj, *, grace: int) -> Obj:
        end = self._clock.now() + dt.timedelta(seconds=grace)
        marked = {**meta, "deletionTimestamp": rfc3339(end), "deletionGracePeriodSeconds": grace}
        if marked.get("generation"):
            marked["generation"] = int(marked["generation"]) + 1
        return marked

    def _keep(self, live: Record, obj: Obj, options: DeleteOptions) -> Staged:
        pending = None if options.dry_run else self._store.put(live.key, obj)
        return Outcome(obj), pending

    def _remove(self, live: Record, obj: Obj, options: DeleteOptions) -> Staged:
        pending = None if options.dry_run else self._store.remove(live.key, obj)
        return Outcome(obj, deleted=True), pending
