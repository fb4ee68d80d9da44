"""Create, update and patch: decided against the newest state, then queued for commit.

Nothing here waits between reading the newest version and queueing the next one, so that no two
writes can be decided on the basis of the same version.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

from towline.aio.clock import Clock, rfc3339
from towline.drydock.admission import (
    accounts,
    limits,
    namespaces,
    pods,
    quota,
    services,
    volumes,
)
from towline.drydock.admission.services import AllocationError, ServicePlan
from towline.drydock.refusals import (
    already_exists,
    bad_request,
    conflict,
    not_found,
    unpatchable,
)
from towline.drydock.registry import definitions, metadata, parts, pipeline, strategy, versions
from towline.drydock.registry.kinds import Kinds, ServedKind
from towline.drydock.registry.options import Outcome, WriteOptions
from towline.drydock.registry.scale import scale_of, with_scale
from towline.drydock.registry.target import Target
from towline.drydock.storage import Record, Store, StoreKey
from towline.kube.refs import GroupKind
from towline.kube.schema.defaults import with_job_selector
from towline.kube.schema.fielderror import invalid as invalid_field
from towline.kube.schema.fielderror import invalid_status
from towline.kube.ssa.apply import qualified, server_side_apply, track_update
from towline.kube.status import ApiError

Obj = dict[str, Any]
Staged = tuple[Outcome, asyncio.Future[Record] | None]
"""What a write leads to, and the commit to wait for (None when nothing is stored)."""

_NAME_TRIES = 8


class Writes:
    """The deciding half of every write.

    Args:
        store: Where versions are.
        kinds: What is served.
        clock: For timestamps and uids.
        rng: For generated names and choices.
        plan: The services' address space.
        accounts: Whether pods need a ServiceAccount and get its token.
    """

    def __init__(
        self,
        store: Store,
        kinds: Kinds,
        clock: Clock,
        rng: Random,
        plan: ServicePlan,
        *,
        accounts: bool = False,
    ) -> None:
        self._store = store
        self._kinds = kinds
        self._clock = clock
        self._rng = rng
        self._plan = plan
        self._accounts = accounts

    # Create

    def create(self, kind: ServedKind, namespace: str, body: Any, options: WriteOptions) -> Staged:
        """A new object.

        Raises:
            ApiError: It exists, is invalid, or must not be here.
        """
        obj = self._new(kind, namespace, pipeline.accept(kind, body))
        shaped = pipeline.shape(kind, obj, options.field_validation, options.strict_problems)
        tracked = self._tracked(kind, None, shaped.obj, options, "")
        # What admission adds belongs to nobody, so it comes after the tracking.
        return self._store_new(kind, self._admit_new(kind, tracked), options, shaped.warnings)

    def _tracked(
        self, kind: ServedKind, old: Obj | None, new: Obj, options: WriteOptions, subresource: str
    ) -> Obj:
        return track_update(
            old,
            new,
            options.manager,
            schema=kind.schema,
            api_version=kind.gvk.api_version,
            now=self._now(),
            subresource=subresource,
            reset_fields=parts.reset_fields(kind, subresource),
        )

    def _new(self, kind: ServedKind, namespace: str, obj: Obj) -> Obj:
        if not strategy.keeps_status_on_create(kind):
            obj.pop("status", None)
        for _ in range(_NAME_TRIES):
            made = metadata.for_create(
                kind, obj, namespace, uid=self._clock.uuid(), now=self._now(), rng=self._rng
            )
            name = made["metadata"].get("name")
            given = (obj.get("metadata") or {}).get("name")
            if given or not isinstance(name, str):
                return made
            if self._store.head(self._key(kind, made)) is None:
                return made
        raise already_exists(kind.url_resource, name, generated=True)

    def _admit_new(self, kind: ServedKind, obj: Obj) -> Obj:
        meta = obj["metadata"]
        if kind.namespaced:
            key = StoreKey(strategy.NAMESPACES, "", meta["namespace"])
            space = self._store.head(key)
            namespaces.check_entry(
                None if space is None else space.obj,
                meta["namespace"],
                kind.url_resource,
                meta.get("name", ""),
            )
        if kind.resource == strategy.NAMESPACES:
            return namespaces.prepare(obj)
        if kind.resource == strategy.PODS:
            bounded = limits.apply_defaults(obj, self._limit_ranges(meta["namespace"]))
            return self._admit_pod(pods.prepare(bounded))
        if kind.resource == strategy.JOBS:
            return with_job_selector(obj)
        if kind.resource == strategy.CLAIMS:
            classes = (one.obj for one in self._store.head_records(strategy.STORAGE_CLASSES))
            return volumes.prepare_claim(obj, classes)
        if kind.resource == strategy.VOLUMES:
            return volumes.prepare_volume(obj)
        return obj

    def _admit_pod(self, pod: Obj) -> Obj:
        if not self._accounts:
            return pod
        key = StoreKey(accounts.ACCOUNTS, pod["metadata"]["namespace"], accounts.account_name(pod))
        live = self._store.head(key)
        return accounts.prepare(pod, None if live is None else live.obj, self._rng)

    def _store_new(
        self, kind: ServedKind, obj: Obj, options: WriteOptions, warnings: tuple[str, ...]
    ) -> Staged:
        if options.guard is not None:
            options.guard(None, obj)
        warnings = (*warnings, *pipeline.check(kind, obj, None))
        key = self._key(kind, obj)
        present = self._store.head(key)
        if present is not None:
            going = bool(present.obj["metadata"].get("deletionTimestamp"))
            raise already_exists(kind.url_resource, key.name, going=going)
        if kind.resource in (strategy.PODS, strategy.CLAIMS):
            for found in self._limit_ranges(key.namespace):
                limits.check(found, kind.resource, obj)
        self._check_quotas(kind, obj, None)
        warnings = (*warnings, *metadata.finalizer_warnings(kind, obj, None))
        warnings = (*warnings, *strategy.inert_warnings(kind))
        obj = self._allocate(kind, obj, None)
        if kind.resource == strategy.CUSTOM_RESOURCE_DEFINITIONS:
            obj = definitions.established(obj, self._kinds, self._now())
        return self._commit(kind, obj, options, warnings, created=True)

    def _limit_ranges(self, namespace: str) -> list[Obj]:
        if not self._store.count(limits.RANGES):
            return []
        records = self._store.head_records(limits.RANGES)
        return [one.obj for one in records if one.key.namespace == namespace]

    def _check_quotas(self, kind: ServedKind, new: Obj, old: Obj | None) -> None:
        if not kind.namespaced or not self._store.count(quota.QUOTAS):
            return
        key = self._key(kind, new)
        found = [
            one.obj
            for one in self._store.head_records(quota.QUOTAS)
            if one.key.namespace == key.namespace
        ]
        if not found:
            return
        others = [
            one.obj
            for one in self._store.head_records(kind.resource)
            if one.key.namespace == key.namespace and one.key != key
        ]
        for one in found:
            quota.check(one, kind.resource, new, old, others)

    # Update

    def update(self, target: Target, body: Any, options: WriteOptions) -> Staged:
        """Replaces an object, or the part of it that a subresource is.

        Raises:
            ApiError: It is gone, changed meanwhile, or the new state is invalid.
        """
        kind = target.kind
        live = self._store.head(target.key)
        if not target.subresource and isinstance(body, dict):
            metadata.check_address(kind, body, target.namespace, target.name)
        if live is None:
            if target.subresource or not strategy.creates_on_update(kind):
                raise not_found(kind.url_resource, target.name)
            return self.create(kind, target.namespace, body, options)
        if target.subresource == "scale":
            old = versions.to_served(kind, live.obj)
            new = with_scale(kind, old, body if isinstance(body, dict) else {})
        else:
            new = pipeline.accept(kind, body)
            self._check_version(kind, new, target.name)
        return self._replace(target, live, new, options, put=True)

    def _check_version(self, kind: ServedKind, new: Obj, name: str) -> None:
        meta = metadata.meta_of(new)
        if not meta.get("resourceVersion") and strategy.needs_version_on_update(kind):
            error = invalid_field("metadata.resourceVersion", 0, "must be specified for an update")
            raise invalid_status(GroupKind(kind.gvk.group, kind.plural), name, [error])

    def change(self, target: Target, edit: Callable[[Obj], Obj], options: WriteOptions) -> Staged:
        """Replaces an object by what `edit` makes of its newest version (and must not change).

        Raises:
            ApiError: It is gone, or the new state is invalid.
        """
        kind = target.kind
        live = self._live(target)
        old = versions.to_served(kind, live.obj)
        if target.subresource == "scale":
            new = with_scale(kind, old, edit(scale_of(kind, old)))
        else:
            return self._replace_patched(target, live, edit(old), options)
        return self._replace(target, live, new, options)

    def _replace_patched(
        self, target: Target, live: Record, new: Obj, options: WriteOptions
    ) -> Staged:
        kind = target.kind
        try:
            accepted = pipeline.accept(kind, new)
            if not kind.custom:
                pipeline.shape(kind, accepted, options.field_validation)
        except ApiError as error:
            if kind.custom or error.reason != "BadRequest":
                raise
            why = error.message.partition(f" cannot be handled as a {kind.gvk.kind}: ")
            raise unpatchable(new, why[2] or error.message) from error
        return self._replace(target, live, accepted, options)

    def _live(self, target: Target) -> Record:
        live = self._store.head(target.key)
        if live is None:
            raise not_found(target.kind.url_resource, target.name)
        return live

    def _replace(
        self,
        target: Target,
        live: Record,
        new: Obj,
        options: WriteOptions,
        *,
        put: bool = False,
    ) -> Staged:
        kind, subresource = target.kind, target.subresource
        old = versions.to_served(kind, live.obj)
        part = parts.writable_part(kind, old, new, subresource)
        new = metadata.for_update(kind, old, part, replace=put)
        shaped = pipeline.shape_again(
            kind, new, old, options.field_validation, options.strict_problems
        )
        tracked = self._tracked(kind, old, shaped.obj, options, subresource)
        admitted = self._admit_update(kind, old, tracked, subresource)
        return self._store_update(
            kind, live, admitted, options, shaped.warnings, subresource=subresource
        )

    def bind(self, target: Target, edit: Callable[[Obj], Obj], options: WriteOptions) -> Staged:
        """Writes specification and status of a pod at once, as binding it to a node does.

        Raises:
            ApiError: It is gone, or `edit` refuses.
        """
        live = self._live(target)
        # The node is the one thing that only a binding may set: it is not checked as an update.
        return self._commit(target.kind, edit(live.obj), options, ())

    def _admit_update(self, kind: ServedKind, old: Obj, new: Obj, subresource: str) -> Obj:
        if kind.resource == strategy.SERVICES and not subresource:
            return services.carry_over(old, new)
        if kind.resource == strategy.PODS and not subresource:
            return pods.retolerate(new)
        if kind.resource == strategy.VOLUMES and subresource == "status":
            return volumes.note_phase(old, new, self._now())
        if kind.resource == strategy.NAMESPACES and not subresource:
            # The content finalizers belong to the `finalize` path.
            return {**new, "spec": old.get("spec") or {}}
        return new

    def _store_update(
        self,
        kind: ServedKind,
        live: Record,
        new: Obj,
        options: WriteOptions,
        warnings: tuple[str, ...],
        *,
        subresource: str = "",
    ) -> Staged:
        old = versions.to_served(kind, live.obj)
        meta = new["metadata"]
        counted = strategy.has_generation(kind) and subresource != "status"
        if counted and strategy.spec_changed(kind, old, new):
            new = {
                **new,
                "metadata": {**meta, "generation": int(old["metadata"].get("generation") or 0) + 1},
            }
        if parts.same(old, new):
            return Outcome(live.obj, live.raw, warnings=warnings), None
        if options.guard is not None:
            options.guard(old, new)
        warnings = (*warnings, *pipeline.check(kind, new, old))
        if kind.resource in (strategy.SERVICES, strategy.CLAIMS) and not subresource:
            self._check_quotas(kind, new, old)
        warnings = (*warnings, *metadata.finalizer_warnings(kind, new, old))
        new = self._allocate(kind, new, old)
        if kind.resource == strategy.CUSTOM_RESOURCE_DEFINITIONS:
            new = definitions.established(new, self._kinds, self._now())
        if parts.finished(kind, new):
            return self._commit_removal(kind, new, options, warnings)
        return self._commit(kind, new, options, warnings)

    # Server-side apply

    def apply(self, target: Target, config: Obj, options: WriteOptions) -> Staged:
        """Server-side apply: creates the object or merges the configuration into it.

        Raises:
            ApiError: Conflicts with other managers, or the result is invalid.
        """
        kind, subresource = target.kind, target.subresource
        self._check_config(target, config)
        live = self._store.head(target.key)
        parts.check_known(kind, config)
        if live is None:
            if subresource:
                raise not_found(kind.url_resource, target.name)
            return self._apply_new(target, config, options)
        old = versions.to_served(kind, live.obj)
        given = metadata.meta_of(config)
        merged = server_side_apply(
            old,
            parts.config_part(kind, config, subresource),
            options.manager,
            schema=kind.schema,
            force=options.force,
            api_version=kind.gvk.api_version,
            now=self._now(),
            subresource=subresource,
            reset_fields=parts.reset_fields(kind, subresource),
        )
        checked = metadata.meta_of(merged)
        for field in ("uid", "resourceVersion"):
            if given.get(field):
                checked[field] = given[field]
        merged = metadata.for_update(
            kind, old, parts.writable_part(kind, old, {**merged, "metadata": checked}, subresource)
        )
        completed = self._admit_update(kind, old, pipeline.complete(kind, merged), subresource)
        return self._store_update(
            kind, live, completed, options, options.strict_problems, subresource=subresource
        )

    def _check_config(self, target: Target, config: Any) -> None:
        kind, name = target.kind, target.name
        gvk = kind.gvk
        if not isinstance(config, dict):
            raise bad_request("error decoding YAML: the patch is not an object")
        said = (config.get("apiVersion"), config.get("kind"))
        if said != (gvk.api_version, gvk.kind):
            raise bad_request(
                f"invalid object type: {qualified(str(said[0] or ''))}, Kind={said[1] or ''}"
            )
        meta = config.get("metadata") or {}
        if meta.get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        if meta.get("name", name) != name:
            raise bad_request(
                f"the name of the object ({meta['name']}) does not match the name on the URL"
                f" ({name})"
            )
        namespace = meta.get("namespace", target.namespace)
        if kind.namespaced and namespace != target.namespace:
            raise bad_request(metadata.OTHER_NAMESPACE)

    def _apply_new(self, target: Target, config: Obj, options: WriteOptions) -> Staged:
        kind, name = target.kind, target.name
        meta = metadata.meta_of(config)
        if meta.get("uid"):
            raise conflict(
                kind.url_resource,
                name,
                "uid mismatch: the provided object specified a uid"
                f" {meta['uid']}, and no existing object was found",
            )
        config = {**config, "metadata": {**meta, "name": name}}
        merged = server_side_apply(
            None,
            config,
            options.manager,
            schema=kind.schema,
            force=options.force,
            api_version=kind.gvk.api_version,
            now=self._now(),
            reset_fields=parts.reset_fields(kind, ""),
        )
        obj = self._new(kind, target.namespace, merged)
        admitted = self._admit_new(kind, pipeline.complete(kind, obj))
        return self._store_new(kind, admitted, options, options.strict_problems)

    # Common ends

    def _allocate(self, kind: ServedKind, obj: Obj, old: Obj | None) -> Obj:
        if kind.resource != strategy.SERVICES:
            return obj
        key = self._key(kind, obj)
        others = [r.obj for r in self._store.head_records(kind.resource) if r.key != key]
        own = services.in_use([] if old is None else [old])
        try:
            return services.allocate(obj, self._plan, services.in_use(others), own, self._rng)
        except AllocationError as refused:
            raise pipeline.invalid(kind, obj, [refused.error]) from refused

    def _commit(
        self,
        kind: ServedKind,
        obj: Obj,
        options: WriteOptions,
        warnings: tuple[str, ...],
        *,
        created: bool = False,
    ) -> Staged:
        stored = versions.to_stored(kind, obj)
        if options.dry_run:
            return Outcome(stored, created=created, warnings=warnings), None
        pending = self._store.put(self._key(kind, obj), stored)
        return Outcome(stored, created=created, warnings=warnings), pending

    def _commit_removal(
        self, kind: ServedKind, obj: Obj, options: WriteOptions, warnings: tuple[str, ...]
    ) -> Staged:
        stored = versions.to_stored(kind, obj)
        pending = None if options.dry_run else self._store.remove(self._key(kind, obj), stored)
        return Outcome(stored, deleted=True, warnings=warnings), pending

    def _key(self, kind: ServedKind, obj: Obj) -> StoreKey:
        meta = obj["metadata"]
        namespace = meta.get("namespace", "") if kind.namespaced else ""
        return StoreKey(kind.resource, namespace, meta.get("name", ""))

    def _now(self) -> str:
        return rfc3339(self._clock.now())
