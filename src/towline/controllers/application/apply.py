"""Applies and prunes single objects the way `kubectl apply` does, and says so in its words."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import orjson

from towline.argo.application import without_nulls
from towline.argo.names import FIELD_MANAGER, HOOK_FINALIZER, LAST_APPLIED, PLAIN_MANAGER
from towline.argo.status import Phase, ResultCode
from towline.controllers.application.ports import ClusterApi, LiveCache, Obj
from towline.controllers.application.rbac import RbacReconciler
from towline.errors import TransientError
from towline.gitops.diff import Schemas, last_applied, three_way_patch
from towline.gitops.live import LiveObject
from towline.gitops.migration import migrated
from towline.gitops.options import annotation_options, switched_on, value_of
from towline.gitops.rbac import is_rbac
from towline.gitops.tasks import Task, TaskResult
from towline.kube.refs import GroupVersionKind, ObjectKey
from towline.kube.status import ApiError

_log = logging.getLogger("towline.engine")

_CONFLICT_TRIES: Final = 5
_NOT_DECLARED: Final = (
    # kubectl's text, which names its command twice; run as a library it has no name.
    f"Warning: resource {{resource}} is missing the {LAST_APPLIED} annotation which is required by"
    "  apply.  apply should only be used on resources created declaratively by either"
    "  create --save-config or  apply. The missing annotation will be patched automatically."
)
_ENDING: Final = (
    "Warning: Detected changes to resource {resource} which is currently being deleted."
)
_PROPAGATION: Final = {"foreground": "Foreground", "background": "Background", "orphan": "Orphan"}


class ApplyOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of one operation.

    Attributes:
        options: Its sync options.
        prune: Whether objects may be removed.
        dry_run: Whether nothing is to be changed.
        force: Delete and create anew what cannot be changed in place.
        deletion_approved: Whether a person confirmed deletions.
        migrate_from: The client-side applier whose fields server-side apply takes over; empty for
            none.
    """

    options: frozenset[str]
    prune: bool = False
    dry_run: bool = False
    force: bool = False
    deletion_approved: bool = False
    migrate_from: str = ""


class _Way(msgspec.Struct, frozen=True):
    """How one object is applied."""

    name: str
    validation: str
    replace: bool
    server_side: bool
    force: bool


def _way(task: Task, options: ApplyOptions) -> _Way:
    own = annotation_options(task.annotations)
    live = annotation_options(task.live.annotations) if task.live else frozenset[str]()
    return _Way(
        name=object_name(task.gvk, task.key.object),
        validation="Ignore" if "Validate=false" in own | options.options else "Strict",
        replace=switched_on("Replace", options.options, own, live),
        server_side="ServerSideApply=false" not in own
        and switched_on("ServerSideApply", options.options, own),
        force=options.force or switched_on("Force", own),
    )


class Applier:
    """Carries out tasks on the cluster.

    Args:
        client: The API.
        cache: Takes in the answers.
        schemas: Schemas of built-in kinds, for strategic patches.
    """

    def __init__(self, client: ClusterApi, cache: LiveCache, schemas: Schemas) -> None:
        self._client = client
        self._cache = cache
        self._schemas = schemas
        self._rbac = RbacReconciler(client, cache, PLAIN_MANAGER)

    async def apply(self, task: Task, options: ApplyOptions) -> TaskResult:
        """Applies a task's object; a refusal becomes its result."""
        if task.target is None:
            raise ValueError("a prune task has nothing to apply")
        try:
            message = await self._apply(task, task.target, options)
        except (ApiError, TransientError) as error:
            return TaskResult(ResultCode.SYNC_FAILED, _failure(task, error), Phase.FAILED)
        except Exception as error:  # noqa: BLE001  # one strange manifest must not stop the others
            _log.exception("apply broke object=%s", task.key.object)
            text = f"the manifest cannot be applied: {type(error).__name__}"
            return TaskResult(ResultCode.SYNC_FAILED, text, Phase.FAILED)
        state = Phase.SUCCEEDED if options.dry_run else Phase.RUNNING
        return TaskResult(ResultCode.SYNCED, message, state)

    async def prune(self, task: Task, options: ApplyOptions) -> TaskResult | None:
        """Removes a task's object; None while it waits for a person's confirmation."""
        own = annotation_options(task.annotations)
        policy = value_of(own, "Prune") or value_of(options.options, "Prune")
        if not options.prune:
            return _skipped("ignored (requires pruning)")
        if policy == "false":
            return _skipped("ignored (no prune)")
        if options.dry_run:
            return TaskResult(ResultCode.PRUNED, "pruned (dry run)", Phase.SUCCEEDED)
        if policy == "confirm" and not options.deletion_approved:
            return None
        chosen = value_of(options.options, "PrunePropagationPolicy").lower()
        try:
            if task.live is not None and not task.live.deletion_timestamp:
                await self.delete(task.live, propagation=_PROPAGATION.get(chosen, "Foreground"))
        except (ApiError, TransientError) as error:
            return TaskResult(ResultCode.SYNC_FAILED, _failure(task, error), Phase.FAILED)
        return TaskResult(ResultCode.PRUNED, "pruned", Phase.SUCCEEDED)

    async def delete(self, live: LiveObject, *, propagation: str = "Foreground") -> None:
        """Deletes a live object, this very one.

        Raises:
            ApiError: Refused.
            TransientError: Not now.
        """
        key = live.key
        try:
            await self._client.delete(
                live.gvk, key.namespace, key.name, propagation=propagation, uid=live.uid
            )
        except ApiError as error:
            if error.reason != "Conflict":  # another object has taken the name: ours is gone
                raise

    async def release(self, live: LiveObject) -> None:
        """Takes our finalizer off a hook object, so that it can be deleted.

        Raises:
            ApiError: Refused.
            TransientError: Not now.
        """
        finalizers = (live.body().get("metadata") or {}).get("finalizers") or []
        if HOOK_FINALIZER not in finalizers:
            return
        left = [one for one in finalizers if one != HOOK_FINALIZER]
        patch = {"metadata": {"uid": live.uid, "finalizers": left or None}}
        key = live.key
        try:
            answer = await self._client.patch(
                live.gvk, key.namespace, key.name, patch, manager=FIELD_MANAGER
            )
        except ApiError as error:
            if error.reason not in {"NotFound", "Conflict"}:
                raise
            return
        self._cache.put(answer)

    async def _apply(self, task: Task, target: Obj, options: ApplyOptions) -> str:
        way = _way(task, options)
        if not is_rbac(target):
            return await self._carry_out(task, target, options, way)
        told, live = await self._rbac.reconcile(
            way.name, task.gvk, _plain(target), task.live, dry=options.dry_run
        )
        task = msgspec.structs.replace(task, live=live)
        return told + await self._carry_out(task, target, options, way)

    async def _carry_out(self, task: Task, target: Obj, options: ApplyOptions, way: _Way) -> str:
        wanted = self._wanted(target, task.gvk)
        if options.dry_run:
            return f"{way.name} {self._foretell(task, wanted)} (dry run)"
        if way.replace:
            return await self._replace(task.live, target, way)
        if way.server_side:
            if task.live is not None and options.migrate_from:
                await self._migrate(task.live, options.migrate_from)
            answer = await self._client.apply(
                _plain(target), manager=FIELD_MANAGER, force=True, field_validation=way.validation
            )
            self._cache.put(answer)
            return f"{way.name} serverside-applied"
        return f"{way.name} {await self._client_side(task, wanted, way)}"

    async def _migrate(self, live: LiveObject, source: str) -> None:
        """Takes over the fields of a client-side applier, unless the object is gone."""
        present: Obj | None = live.body()
        key = live.key
        for _ in range(_CONFLICT_TRIES):
            meta = present["metadata"] if present is not None else {}
            entries = migrated(meta.get("managedFields") or [], source)
            if entries is None:
                return
            patch = [
                {"op": "replace", "path": "/metadata/managedFields", "value": entries},
                {
                    "op": "replace",
                    "path": "/metadata/resourceVersion",
                    "value": meta["resourceVersion"],
                },
            ]
            try:
                answer = await self._client.patch(
                    live.gvk, key.namespace, key.name, patch, type="json", manager=FIELD_MANAGER
                )
            except ApiError as error:
                if error.reason not in {"Conflict", "NotFound"}:
                    raise
                present = await self._client.get(live.gvk, key.namespace, key.name)
            else:
                self._cache.put(answer)
                return
        raise TransientError(f"{key.kind} {key.name} keeps changing")

    async def _client_side(self, task: Task, wanted: Obj, way: _Way) -> str:
        live = task.live.body() if task.live is not None else None
        for _ in range(_CONFLICT_TRIES):
            try:
                if live is None:
                    await self._create(wanted, way.validation)
                    return "created"
                return await self._patch(task, wanted, live, way.validation)
            except ApiError as error:
                if way.force and live is not None and error.reason == "Invalid":
                    return await self._recreate(task, wanted, way.validation)
                if error.reason not in {"AlreadyExists", "Conflict", "NotFound"}:
                    raise
                if error.reason == "NotFound" and live is None:
                    raise  # the namespace or the kind is missing, not the object
                key = task.key.object
                live = await self._client.get(task.gvk, key.namespace, key.name)
        raise TransientError(f"{task.key.object.kind} {task.key.object.name} keeps changing")

    async def _patch(self, task: Task, wanted: Obj, live: Obj, validation: str) -> str:
        schema = self._schemas(task.gvk)
        patch = three_way_patch(last_applied(live) or {}, wanted, live, schema)
        if not patch:
            return "unchanged"
        key = task.key.object
        answer = await self._client.patch(
            task.gvk,
            key.namespace,
            key.name,
            patch,
            type="merge" if schema is None else "strategic",
            manager=FIELD_MANAGER,
            field_validation=validation,
        )
        self._cache.put(answer)
        return "configured" + self._warnings(task, live)

    def _warnings(self, task: Task, live: Obj) -> str:
        """What kubectl remarks about an object that it has patched."""
        found = self._client.discovery.known(task.gvk)
        resource = f"{found.plural if found else task.gvk.kind}/{task.key.object.name}"
        text = ""
        if last_applied(live) is None:
            text += f". {_NOT_DECLARED.format(resource=resource)}"
        if live["metadata"].get("deletionTimestamp"):
            text += f". {_ENDING.format(resource=resource)}"
        return text

    async def _create(self, obj: Obj, validation: str, *, manager: str = FIELD_MANAGER) -> None:
        answer = await self._client.create(obj, manager=manager, field_validation=validation)
        self._cache.put(answer)

    async def _replace(self, live: LiveObject | None, target: Obj, way: _Way) -> str:
        if live is None or way.force:
            if live is not None:
                await self.delete(live, propagation="Background")
            await self._create(_plain(target), way.validation, manager=PLAIN_MANAGER)
            return f"{way.name} {'created' if live is None else 'replaced'}"
        meta = {**_plain(target)["metadata"], "resourceVersion": live.resource_version}
        answer = await self._client.replace(
            {**target, "metadata": meta}, manager=PLAIN_MANAGER, field_validation=way.validation
        )
        self._cache.put(answer)
        updated = live.gvk.kind in {"CustomResourceDefinition", "Namespace"}
        return f"{live.gvk.kind}/{live.key.name} updated" if updated else f"{way.name} replaced"

    async def _recreate(self, task: Task, wanted: Obj, validation: str) -> str:
        if task.live is not None:
            await self.delete(task.live, propagation="Background")
        await self._create(wanted, validation)
        return "configured"

    def _foretell(self, task: Task, wanted: Obj) -> str:
        if task.live is None:
            return "created"
        live = task.live.body()
        schema = self._schemas(task.gvk)
        patch = three_way_patch(last_applied(live) or {}, wanted, live, schema)
        return "configured" if patch else "unchanged"

    def _wanted(self, target: Obj, gvk: GroupVersionKind) -> Obj:
        """The target with the record of itself that a later three-way merge needs."""
        plain = _plain(target)
        if self._schemas(gvk) is not None:
            # For built-in kinds null is absent, and their status is not ours to write.
            plain = {k: v for k, v in without_nulls(plain).items() if k != "status"}
        meta = plain["metadata"]
        notes = {k: v for k, v in (meta.get("annotations") or {}).items() if k != LAST_APPLIED}
        recorded = {**plain, "metadata": {**meta, "annotations": notes}}
        text = orjson.dumps(recorded, option=orjson.OPT_SORT_KEYS).decode() + "\n"
        return {
            **plain,
            "metadata": {**meta, "annotations": {**notes, LAST_APPLIED: text}},
        }


def object_name(gvk: GroupVersionKind, key: ObjectKey) -> str:
    """An object as kubectl prints it: `deployment.apps/web`."""
    kind = f"{gvk.kind}.{gvk.group}" if gvk.group else gvk.kind
    return f"{kind.lower()}/{key.name}"


def _plain(target: Mapping[str, Any]) -> Obj:
    """The target without what only a server may set."""
    hidden = {"creationTimestamp", "managedFields", "resourceVersion", "uid", "generation"}
    meta = {k: v for k, v in target["metadata"].items() if k not in hidden}
    return {**target, "metadata": meta}


def _skipped(message: str) -> TaskResult:
    return TaskResult(ResultCode.PRUNE_SKIPPED, message, Phase.SUCCEEDED)


def _failure(task: Task, error: ApiError | TransientError) -> str:
    """The error's text; about a Secret only the fields, since messages may quote values."""
    if task.gvk.group_kind != ("", "Secret") or not isinstance(error, ApiError):
        return error.message
    causes = error.details.get("causes") or []
    fields = sorted({str(c.get("field")) for c in causes if c.get("field")})
    where = f": {', '.join(fields)}" if fields else ""
    return f'Secret "{task.key.object.name}" was refused ({error.reason or error.code}){where}'
