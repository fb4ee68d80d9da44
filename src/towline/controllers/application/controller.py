"""The application controller: triggers mark applications, one reconcile does whatever is due.

A reconcile reads the world anew and may run at any time, twice, or after a crash. All lasting state
is in the Application itself.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Callable

from towline.aio.attempt import first_leaf
from towline.aio.clock import Clock
from towline.aio.workqueue import WorkQueue
from towline.argo.application import Application, parse_application
from towline.argo.names import (
    APP_PROJECT,
    APPLICATION,
    DEFAULT_NAMESPACE,
    REFRESH,
    SKIP_RECONCILE,
)
from towline.controllers.application.apply import Applier
from towline.controllers.application.comparing import Comparer
from towline.controllers.application.delete_hooks import DeleteHooks
from towline.controllers.application.deletion import Deleter
from towline.controllers.application.differing import CONFIG_MAP
from towline.controllers.application.draft import Draft
from towline.controllers.application.events import EventWriter
from towline.controllers.application.install import ensure_default_project
from towline.controllers.application.judging import HealthScripts
from towline.controllers.application.live import LiveIndex
from towline.controllers.application.memory import Level, Memory
from towline.controllers.application.operation import Operator
from towline.controllers.application.ports import (
    ChartPort,
    ClusterApi,
    ClusterFacts,
    EngineObserver,
    LiveCache,
    RepositoryPort,
)
from towline.controllers.application.refresh import Refresher
from towline.controllers.application.renders import Renders
from towline.controllers.application.settings import EngineSettings
from towline.controllers.application.sources import SourceReader
from towline.errors import InputError, TowlineError, TransientError
from towline.forge.events import PushEvent
from towline.gitops.automation import StartSync, SyncLater
from towline.gitops.diff import Schemas
from towline.gitops.ignore import PathRemover
from towline.gitops.repourl import touched
from towline.gitops.tracking import CRD
from towline.kube.refs import GroupVersionKind, ObjectKey
from towline.kube.schema.catalog import load_catalog
from towline.kube.schema.node import SchemaNode
from towline.kube.status import ApiError
from towline.kubeclient.objects import CachedObject
from towline.render.cache import RenderCache

AppKey = tuple[str, str]

_ROUNDS = 4  # an operation and the comparison after it, and once more for what that starts

_log = logging.getLogger("towline.engine")


def builtin_schemas() -> Schemas:
    """Schemas of the kinds that Kubernetes itself has."""
    catalog = load_catalog()

    def schema_of(gvk: GroupVersionKind) -> SchemaNode | None:
        found = catalog.kind(gvk)
        return None if found is None else found.schema

    return schema_of


class ApplicationController:
    """Keeps every Application of the control namespace at what its repository says.

    Args:
        client: The cluster's API.
        cache: Its live objects; somebody else runs it, with `kinds.engine_kind` as selector.
        repos: Git repositories.
        clock: Time.
        namespace: The control namespace.
        settings: How to behave.
        observer: Is told of progress.
        renders: Renders manifests and remembers them.
        charts: Chart repositories and registries.
        facts: What templates may know of the cluster.
        age_keys: Identities that open encrypted files, by project.
        schemas: Schemas of built-in kinds.
        canonical_url: Maps a repository URL to the one under which pushes to it are announced.
        jq: Takes out what jq expressions in `ignoreDifferences` name.
        scripts: Runs health scripts of `resource.customizations`.
    """

    def __init__(
        self,
        client: ClusterApi,
        cache: LiveCache,
        repos: RepositoryPort,
        clock: Clock,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        settings: EngineSettings | None = None,
        observer: EngineObserver | None = None,
        renders: Renders | None = None,
        charts: ChartPort | None = None,
        facts: ClusterFacts | None = None,
        age_keys: Callable[[str], tuple[str, ...]] = lambda _: (),
        schemas: Schemas | None = None,
        canonical_url: Callable[[str], str] = str,
        jq: PathRemover | None = None,
        scripts: HealthScripts | None = None,
    ) -> None:
        settings = settings or EngineSettings()
        observer = observer or EngineObserver()
        schemas = schemas or builtin_schemas()
        self._client = client
        self._cache = cache
        self._clock = clock
        self._namespace = namespace
        self._settings = settings
        self._canonical_url = canonical_url
        self._observer = observer
        self._events = EventWriter(client, clock)
        self._config = ObjectKey("", "ConfigMap", namespace, CONFIG_MAP)
        self._memories: dict[AppKey, Memory] = {}
        self._watched_sources: dict[AppKey, tuple[str, list[tuple[str, str]]]] = {}
        self._queue: WorkQueue[AppKey] = WorkQueue(base=0.02, cap=30.0)
        self._index = LiveIndex(cache, self._object_changed)
        sources = SourceReader(
            repos=repos,
            charts=charts,
            renders=renders or Renders(RenderCache()),
            facts=facts,
            age_keys=age_keys,
            clock=clock,
            namespace=namespace,
        )
        comparer = Comparer(client, cache, self._index, schemas, namespace, jq=jq, scripts=scripts)
        applier = Applier(client, cache, schemas)
        self._refresher = Refresher(
            cache=cache,
            sources=sources,
            comparer=comparer,
            observer=observer,
            clock=clock,
            settings=settings,
            namespace=namespace,
        )
        self._operator = Operator(
            client=client,
            cache=cache,
            sources=sources,
            comparer=comparer,
            applier=applier,
            observer=observer,
            clock=clock,
            settings=settings,
            namespace=namespace,
        )
        hooks = DeleteHooks(
            client=client, cache=cache, sources=sources, comparer=comparer, applier=applier
        )
        self._deleter = Deleter(
            client=client,
            cache=cache,
            comparer=comparer,
            applier=applier,
            hooks=hooks,
            clock=clock,
        )

    async def run(self) -> None:
        """Works until cancelled."""
        leave_cache = self._cache.subscribe(self._resource_changed)
        leave_index = self._index.attach()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(
                    ensure_default_project(self._client, self._clock, self._namespace)
                )
                group.create_task(self._events.run(), name="application-events")
                await self._cache.synced()
                for obj in self._applications():
                    self._queue.add((obj.key.namespace, obj.key.name))
                await self._queue.run(
                    self._reconcile, workers=self._settings.workers, name="applications"
                )
        finally:
            leave_index()
            leave_cache()

    def on_push(self, event: PushEvent, head: str | None = None) -> int:
        """Marks the applications that a push concerns; they are refreshed at once.

        Args:
            event: The push.
            head: The ref's present commit, when the caller has just read it.

        Returns:
            How many applications were marked.
        """
        marked = 0
        now = self._clock.monotonic()
        places = tuple(map(self._canonical, event.repository))
        for obj in self._applications():
            key = (obj.key.namespace, obj.key.name)
            sources = self._sources_of(key, obj)
            if any(
                touched(
                    url,
                    revision,
                    repository=places,
                    ref=event.ref,
                    default_branch=event.default_branch,
                )
                for url, revision in sources
            ):
                memory = self._memory(key)
                if head and event.branch and len(sources) == 1:
                    memory.head = (head, now)
                self._mark(key, Level.FORCE_RESOLVE)
                marked += 1
        return marked

    def _applications(self) -> list[CachedObject]:
        return self._cache.objects(APPLICATION.group_kind, self._namespace)

    def _memory(self, key: AppKey) -> Memory:
        memory = self._memories.get(key)
        if memory is None:
            memory = self._memories[key] = Memory()
        return memory

    def _mark(self, key: AppKey, level: Level) -> None:
        self._memory(key).request(level)
        self._queue.add(key)

    def _object_changed(self, instance: str, itself: bool) -> None:
        namespace, separator, name = instance.partition("_")
        key = (namespace, name) if separator else (self._namespace, instance)
        if key in self._memories:
            self._mark(key, Level.RECENT if itself else Level.SUMMARY)

    def _resource_changed(self, type_: str, new: CachedObject, _: CachedObject | None) -> None:
        kind = new.gvk.group_kind
        if kind == APPLICATION.group_kind:
            if new.key.namespace == self._namespace:
                self._queue.add((new.key.namespace, new.key.name))
        elif kind == APP_PROJECT.group_kind or new.key == self._config:
            for key in self._memories:
                self._mark(key, Level.RECENT)
        elif kind == CRD and type_ != "DELETED":
            for key, memory in self._memories.items():
                if memory.unknown_kinds:
                    self._mark(key, Level.RECENT)

    def _sources_of(self, key: AppKey, obj: CachedObject) -> list[tuple[str, str]]:
        """URL and revision of an application's git sources, decoded once per version."""
        known = self._watched_sources.get(key)
        if known is not None and known[0] == obj.resource_version:
            return known[1]
        try:
            sources = parse_application(obj.body()).sources
        except InputError:
            return []
        found = [
            (self._canonical(source.repo_url), source.target_revision)
            for source in sources
            if source.repo_url and not source.chart
        ]
        self._watched_sources[key] = (obj.resource_version, found)
        return found

    def _canonical(self, url: str) -> str:
        try:
            return self._canonical_url(url)
        except TowlineError:
            return url  # it says nothing about other applications; a refresh will explain it

    async def _reconcile(self, key: AppKey) -> float | None:
        found = self._cache.get(ObjectKey(APPLICATION.group, APPLICATION.kind, *key))
        if found is None:
            self._memories.pop(key, None)
            self._watched_sources.pop(key, None)
            return None
        memory = self._memory(key)
        try:
            app = parse_application(found.body())
        except InputError as error:
            await self._refuse(found, error)
            return None
        if app.annotations.get(SKIP_RECONCILE) == "true":
            return None
        try:
            return await self._work(app, memory)
        except ApiError as error:
            if error.reason == "NotFound" and not await self._exists(app):
                return None
            raise
        except TowlineError:
            raise
        except Exception as error:
            await self._broke(app, first_leaf(error))
            raise

    def _changed(self, before: Application, after: Application) -> None:
        self._events.changed(before, after)
        self._observer.changed(before, after)

    async def _work(self, app: Application, memory: Memory) -> float | None:
        draft = Draft(app, self._changed)
        if app.deleting:
            return await self._deleter.step(draft, memory)
        wait: float | None = None
        for _ in range(_ROUNDS):
            wait = await self._operate(draft, memory)
            level = self._due(draft, memory)
            if level is None:
                break
            if not await self._refresh(draft, memory, level):
                break
        await draft.write(self._client, self._cache)
        return _sooner(wait, self._next_look(memory))

    async def _operate(self, draft: Draft, memory: Memory) -> float | None:
        """Takes the requested operation as far as it goes; asks for a look at the outcome."""
        operation = draft.app.operation
        if operation is None or not draft.busy():
            return None
        wait = await self._operator.step(draft, memory)
        dry_run = operation.sync is not None and operation.sync.dry_run
        if not draft.busy() and not dry_run:
            automated = operation.initiated_by.automated
            memory.request(Level.RECENT if automated else Level.FORCE_RESOLVE)
        return wait

    async def _refresh(self, draft: Draft, memory: Memory, level: Level) -> bool:
        """Compares, and begins an automated sync when one is due; whether it did."""
        memory.requested = None
        now = self._clock.monotonic()
        try:
            decision = await self._refresher.refresh(draft, memory, level)
            self._observer.compared(draft.app, self._clock.monotonic() - now)
            if level >= Level.LATEST:
                memory.poll_due = now + self._poll_after(draft.app)
            if isinstance(decision, StartSync):
                self._operator.begin(draft, decision.operation, memory)
                await draft.write(self._client, self._cache, exclusive=True)
        except TransientError as error:
            _log.warning("refresh put off app=%s error=%s", draft.app.qualified_name, error)
            memory.later = (now + self._settings.repo_retry, level)
            return False
        except ApiError:
            memory.request(level)
            raise
        delay = decision.seconds if isinstance(decision, SyncLater) else None
        memory.later = None if delay is None else (now + delay, Level.RECENT)
        return isinstance(decision, StartSync)

    def _due(self, draft: Draft, memory: Memory) -> Level | None:
        """The refresh that is due, None for none."""
        app = draft.app
        if app.annotations.get(REFRESH) and not draft.refreshed:
            return Level.FORCE_RESOLVE
        compared = (draft.status.get("sync") or {}).get("comparedTo")
        if not compared or any(
            compared.get(name) != value for name, value in app.compared_sources.items()
        ):
            return Level.FORCE_RESOLVE
        now = self._clock.monotonic()
        if memory.poll_due and now >= memory.poll_due:
            memory.request(Level.LATEST)
        if memory.later is not None and now >= memory.later[0]:
            memory.request(memory.later[1])
        spec = app.raw.get("spec") or {}
        for name in ("destination", "ignoreDifferences"):
            if (compared.get(name) or None) != (spec.get(name) or None):
                memory.request(Level.LATEST)
        return memory.requested

    def _poll_after(self, app: Application) -> float:
        if self._settings.poll_seconds <= 0:
            return float("inf")
        share = zlib.crc32(app.uid.encode()) / 2**32
        return self._settings.poll_seconds + share * self._settings.poll_jitter

    def _next_look(self, memory: Memory) -> float | None:
        """Seconds until something is due without a trigger."""
        due = memory.poll_due
        if memory.later is not None:
            due = min(due, memory.later[0]) if due else memory.later[0]
        return None if due == float("inf") else max(0.01, due - self._clock.monotonic())

    async def _refuse(self, found: CachedObject, error: InputError) -> None:
        """A malformed specification: nothing is done but to say so."""
        body = found.body()
        draft = Draft(parse_application({**body, "spec": {}, "operation": None}), self._changed)
        self._refresher.refuse(draft, error)
        await draft.write(self._client, self._cache)

    async def _broke(self, app: Application, error: BaseException) -> None:
        """Something in an application that nobody foresaw: said there; the queue tries again."""
        if not isinstance(error, TowlineError):
            draft = Draft(app, self._changed)
            self._refresher.broke(draft, error)
            await draft.write(self._client, self._cache)

    async def _exists(self, app: Application) -> bool:
        return await self._client.get(APPLICATION, app.namespace, app.name) is not None


def _sooner(one: float | None, other: float | None) -> float | None:
    known = [seconds for seconds in (one, other) if seconds is not None]
    return min(known, default=None)
