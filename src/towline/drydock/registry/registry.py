"""The registry: one place where objects are read, written and watched with the API's semantics.

It is the embedded cluster's `Cluster` for controllers and node, and what the HTTP side calls.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from random import Random
from typing import Any

from towline.aio.clock import Clock, rfc3339
from towline.drydock.admission import accounts
from towline.drydock.admission.services import ServicePlan
from towline.drydock.cluster import ClusterEvent
from towline.drydock.refusals import unknown_resource
from towline.drydock.registry import definitions, strategy, subscription
from towline.drydock.registry.deletion import CLEANUP_FINALIZER, Deletes
from towline.drydock.registry.kinds import Kinds, ServedKind
from towline.drydock.registry.options import DeleteOptions, Outcome, WriteOptions
from towline.drydock.registry.recorder import Happening, Recorder
from towline.drydock.registry.target import Target
from towline.drydock.registry.writes import Staged, Writes
from towline.drydock.storage import DELETED, Change, Record, Store, StoreKey
from towline.kube.refs import GroupResource
from towline.kube.schema.catalog import Catalog
from towline.kube.status import ApiError

Obj = dict[str, Any]

_log = logging.getLogger("towline.drydock.registry")

_CRDS = strategy.CUSTOM_RESOURCE_DEFINITIONS
_UPKEEP_SECONDS = 60.0
_HISTORY_SECONDS = 600.0
_HISTORY_CHANGES = 50_000
_ACCOUNT_SECONDS = 1.0


class Registry:
    """Implements `towline.drydock.cluster.Cluster`.

    Args:
        store: Where objects are.
        catalog: The built-in kinds.
        clock: For timestamps, uids and waiting.
        rng: For generated names, addresses and ports.
        plan: The services' address space.
        accounts: Whether pods need a ServiceAccount and get its token.

    Attributes:
        store: Where objects are.
        kinds: What is served.
        writes: Decides creates, updates and patches.
        deletes: Decides deletions.
    """

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        clock: Clock,
        rng: Random,
        plan: ServicePlan,
        *,
        accounts: bool = False,
    ) -> None:
        self.store = store
        self.kinds = Kinds(catalog)
        self.writes = Writes(store, self.kinds, clock, rng, plan, accounts=accounts)
        self._accounts = accounts
        self.deletes = Deletes(store, clock, self._has_instances)
        self._clock = clock
        self._recorder = Recorder(clock)
        self._cleanup = asyncio.Event()
        for record in store.records(_CRDS):
            self._serve(record.obj)
        store.observe(self._observed)

    # Definitions

    def _observed(self, change: Change) -> None:
        if change.record.key.resource != _CRDS:
            return
        crd = change.record.obj
        if change.type == DELETED:
            self.kinds.remove(change.record.key.name)
            if definitions.is_established(crd):
                self.store.end_watches(definitions.resource_of(crd))
            # Its names are free now: others may have waited for them.
            self._cleanup.set()
            return
        self._serve(crd)
        if change.old is not None and change.old.obj["spec"] != crd["spec"]:
            # Who watches comes back and sees the objects as they are served now.
            self.store.end_watches(definitions.resource_of(crd))

    def _serve(self, crd: Obj) -> None:
        if crd["metadata"].get("deletionTimestamp"):
            self._cleanup.set()
        if not definitions.is_established(crd):
            return
        name = crd["metadata"]["name"]
        try:
            served, stored = definitions.kinds_of(crd)
        except definitions.MALFORMED as error:
            # One stored definition that cannot be read must not stop the others, nor the start.
            _log.error("definition not served name=%s error=%r", name, error)
            return
        self.kinds.install(name, served, stored)

    def _has_instances(self, crd: Obj) -> bool:
        return self.store.count(definitions.resource_of(crd)) > 0

    # What controllers and node read

    def get(self, resource: GroupResource, namespace: str, name: str) -> Obj | None:
        """The object, or None."""
        record = self.store.get(StoreKey(resource, namespace, name))
        return None if record is None else record.obj

    def objects(
        self,
        resource: GroupResource,
        namespace: str = "",
        *,
        labels: Mapping[str, str] | None = None,
    ) -> list[Obj]:
        """Objects of a kind, all namespaces when `namespace` is empty."""
        found = [record.obj for record in self.store.records(resource, namespace)]
        if not labels:
            return found
        wanted = labels.items()
        return [obj for obj in found if wanted <= (obj["metadata"].get("labels") or {}).items()]

    def by_owner(self, uid: str) -> list[tuple[GroupResource, Obj]]:
        """Objects with an owner reference to that uid."""
        return [(record.key.resource, record.obj) for record in self.store.by_owner(uid)]

    def find_uid(self, uid: str) -> tuple[GroupResource, Obj] | None:
        """The object with that uid."""
        record = self.store.by_uid(uid)
        return None if record is None else (record.key.resource, record.obj)

    def resources(self) -> list[tuple[GroupResource, str, bool]]:
        """Every served kind: (resource, kind, namespaced)."""
        return [(k.resource, k.stored.kind, k.namespaced) for k in self.kinds.all_stored()]

    async def watch(
        self, *resources: GroupResource, namespace: str = ""
    ) -> AsyncIterator[tuple[GroupResource, ClusterEvent]]:
        """Present objects, `SYNCED` once per resource, then every change in order."""
        async for notice in subscription.watch(self.store, resources, namespace):
            yield notice

    # What controllers and node write

    async def create(self, resource: GroupResource, obj: Obj, *, manager: str) -> Obj:
        """Creates; metadata.namespace and name or generateName come from the object."""
        kind = self._kind(resource)
        namespace = (obj.get("metadata") or {}).get("namespace") or ""
        await self.account_awaited(kind, namespace, obj)
        staged = self.writes.create(kind, namespace, obj, WriteOptions(manager))
        return (await settle(staged)).obj

    async def account_awaited(self, kind: ServedKind, namespace: str, obj: Any) -> None:
        """Before a pod is created: waits a little for the default account of a new namespace."""
        if not self._accounts or kind.resource != strategy.PODS or not isinstance(obj, dict):
            return
        key = StoreKey(accounts.ACCOUNTS, namespace, accounts.DEFAULT)
        space = StoreKey(strategy.NAMESPACES, "", namespace)
        if accounts.account_name(obj) != accounts.DEFAULT or self.store.head(key) is not None:
            return
        if self.store.head(space) is None:
            return
        try:
            async with asyncio.timeout(_ACCOUNT_SECONDS):
                async for _, event in self.watch(accounts.ACCOUNTS, namespace=namespace):
                    if event.object and event.object["metadata"]["name"] == accounts.DEFAULT:
                        return
        except TimeoutError:
            _log.debug("no default account namespace=%s", namespace)

    async def update(
        self, resource: GroupResource, obj: Obj, *, manager: str, subresource: str = ""
    ) -> Obj:
        """Replaces; a resourceVersion in the object is a precondition."""
        kind = self._kind(resource)
        meta = obj["metadata"]
        namespace = (meta.get("namespace") or "") if kind.namespaced else ""
        target = Target(kind, namespace, meta["name"], subresource)
        staged = self.writes.update(target, obj, WriteOptions(manager))
        return (await settle(staged)).obj

    async def mutate(
        self,
        resource: GroupResource,
        namespace: str,
        name: str,
        change: Callable[[Obj], None],
        *,
        manager: str,
        subresource: str = "",
        uid: str = "",
    ) -> Obj | None:
        """Lets `change` edit a private copy of the newest version and writes it."""
        live = self.store.head(StoreKey(resource, namespace, name))
        if live is None or (uid and live.obj["metadata"]["uid"] != uid):
            return None

        def edit(_: Obj) -> Obj:
            copy = live.copy()
            change(copy)
            return copy

        target = Target(self._kind(resource), namespace, name, subresource)
        # A pod's node is set by a binding, and by nothing else.
        write = self.writes.bind if subresource == "binding" else self.writes.change
        return (await settle(write(target, edit, WriteOptions(manager)))).obj

    async def delete(
        self,
        resource: GroupResource,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        grace: int | None = None,
        propagation: str = "",
    ) -> None:
        """Deletes; absent is not an error."""
        options = DeleteOptions(grace=grace, propagation=propagation, uid=uid)
        try:
            staged = self.deletes.delete(Target(self._kind(resource), namespace, name), options)
        except ApiError as error:
            if error.reason == "NotFound":
                return
            raise
        await settle(staged)

    async def event(
        self,
        obj: Obj,
        *,
        type_: str,
        reason: str,
        message: str,
        component: str,
        field_path: str = "",
    ) -> None:
        """Records an Event about the object, merging repeats."""
        admitted = self._recorder.admit(
            obj, Happening(type_, reason, message, component, field_path)
        )
        if admitted is None:
            return
        signature, what = admitted
        before = self._recorder.repeat(signature)
        if before is not None and await self.mutate(
            strategy.EVENTS,
            before.namespace,
            before.name,
            lambda copy: self._recorder.again(copy, what.message),
            manager=component,
        ):
            return
        event = self._recorder.new(obj, what)
        meta = event["metadata"]
        self._recorder.remember(signature, meta["namespace"], meta["name"])
        try:
            await self.create(strategy.EVENTS, event, manager=component)
        except ApiError as error:
            # A namespace that is gone or going takes no events; the object's own end says it all.
            if error.reason not in ("NotFound", "Forbidden"):
                raise

    def _kind(self, resource: GroupResource) -> ServedKind:
        kind = self.kinds.stored(resource)
        if kind is None:
            raise unknown_resource()
        return kind

    # Upkeep

    async def run(self) -> None:
        """Forgets old events and history, and empties definitions that go, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._upkeep())
            group.create_task(self._empty_definitions())

    async def _upkeep(self) -> None:
        while True:
            await self._clock.sleep(_UPKEEP_SECONDS)
            try:
                await self._forget_events()
            except ApiError as error:
                # A full disk: the rest goes next time.
                _log.warning("old events stay error=%s", error)
            removed = await self.store.compact(
                keep_seconds=_HISTORY_SECONDS, keep_changes=_HISTORY_CHANGES
            )
            _log.debug("compacted rows=%d", removed)

    async def _forget_events(self) -> None:
        for record in self.store.records(strategy.EVENTS):
            if self._recorder.expired(record.obj):
                await self.delete(strategy.EVENTS, record.key.namespace, record.key.name)

    async def _empty_definitions(self) -> None:
        while True:
            await self._cleanup.wait()
            self._cleanup.clear()
            for record in self.store.records(_CRDS):
                if record.obj["metadata"].get("deletionTimestamp"):
                    try:
                        await self._empty(record)
                    except ApiError as error:
                        _log.warning("definition stays name=%s error=%s", record.key.name, error)
                        await self._clock.sleep(1.0)
                        self._cleanup.set()
                elif not definitions.names_accepted(record.obj):
                    await self._reconsider(record)

    async def _reconsider(self, record: Record) -> None:
        """Looks again whether a definition's names are free."""

        def settle_names(crd: Obj) -> None:
            crd.update(definitions.established(crd, self.kinds, rfc3339(self._clock.now())))

        name = record.key.name
        try:
            await self.mutate(
                _CRDS, "", name, settle_names, manager="drydock", subresource="status"
            )
        except (ApiError, *definitions.MALFORMED) as error:
            _log.warning("definition not reconsidered name=%s error=%r", name, error)

    async def _empty(self, record: Record) -> None:
        resource = definitions.resource_of(record.obj)

        def terminate(crd: Obj) -> None:
            crd.update(definitions.terminating(crd, rfc3339(self._clock.now())))

        name = record.key.name
        await self.mutate(_CRDS, "", name, terminate, manager="drydock", subresource="status")
        for instance in self.store.records(resource):
            await self.delete(resource, instance.key.namespace, instance.key.name)
        if self.store.count(resource):
            # Instances with finalizers go later.
            await self._clock.sleep(0.2)
            self._cleanup.set()
            return

        def release(crd: Obj) -> None:
            kept = [f for f in crd["metadata"].get("finalizers") or [] if f != CLEANUP_FINALIZER]
            crd["metadata"]["finalizers"] = kept

        await self.mutate(_CRDS, "", name, release, manager="drydock")


async def settle(staged: Staged) -> Outcome:
    """Waits until a write is durable.

    Raises:
        ApiError: It could not be stored.
    """
    outcome, pending = staged
    if pending is None:
        return outcome
    record = await pending
    return outcome._replace(obj=record.obj, raw=record.raw)
