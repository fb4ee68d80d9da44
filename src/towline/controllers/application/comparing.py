"""Compares an application's manifests with its live objects; verdicts are remembered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

import orjson

from towline.argo.application import Application
from towline.argo.manifest import content_digest, located
from towline.argo.names import APP_PROJECT, SYNC_OPTIONS, instance_name
from towline.argo.project import Project, parse_project
from towline.controllers.application.kinds import scope_of
from towline.controllers.application.live import LiveIndex
from towline.controllers.application.memory import Memory
from towline.controllers.application.ports import ClusterApi, LiveCache
from towline.errors import InputError, TowlineError
from towline.gitops.compare import Comparison, World, compare, has_say
from towline.gitops.diff import DiffRules, Schemas, Strategy, is_modified
from towline.gitops.health import Health, assess
from towline.gitops.ignore import IgnorePolicy
from towline.gitops.live import LiveObject
from towline.gitops.options import annotation_options, switched_on
from towline.gitops.projects import destination_permitted, kind_permitted
from towline.gitops.targets import Target, TargetSet, settle
from towline.gitops.tracking import self_referenced, tracked_by
from towline.kube.refs import GroupVersionKind, ObjectKey
from towline.kubeclient.objects import CachedObject, cached_object
from towline.render.result import RenderResult

_log = logging.getLogger("towline.engine")

_SLICE_SECONDS: Final = 0.005

EMPTY = TargetSet(objects={}, hooks=(), conditions=())


class Comparer:
    """Compares for the engine.

    Args:
        client: For kinds that are not watched.
        cache: Live objects.
        index: Live objects by application.
        schemas: Schemas of built-in kinds.
        namespace: The control namespace.
    """

    def __init__(
        self,
        client: ClusterApi,
        cache: LiveCache,
        index: LiveIndex,
        schemas: Schemas,
        namespace: str,
    ) -> None:
        self._client = client
        self._cache = cache
        self._index = index
        self._schemas = schemas
        self._namespace = namespace

    def instance(self, app: Application) -> str:
        """The name under which the application owns objects."""
        return instance_name(app.name, app.namespace, self._namespace)

    def project(self, app: Application) -> Project | None:
        """The application's project.

        Raises:
            InputError: The project is malformed.
        """
        key = ObjectKey(
            APP_PROJECT.group, APP_PROJECT.kind, self._namespace, app.spec.project or "default"
        )
        found = self._cache.get(key)
        return parse_project(found.body()) if found is not None else None

    def permitted(self, project: Project, gvk: GroupVersionKind, name: str) -> bool:
        """Whether the project permits a kind."""
        namespaced = scope_of(self._client.discovery, gvk) is not False
        return kind_permitted(project, gvk.group_kind, name, namespaced=namespaced)

    def forbidden(
        self, app: Application, project: Project, gvk: GroupVersionKind, namespace: str, name: str
    ) -> str:
        """Why the project does not permit an object there; empty when it does."""
        if not self.permitted(project, gvk, name):
            kind = f"{gvk.group}:{gvk.kind}"
            return f"resource {kind} is not permitted in project {project.name}"
        if scope_of(self._client.discovery, gvk) is False:
            return ""
        if not destination_permitted(project, app.spec.destination, namespace):
            return f"namespace {namespace} is not permitted in project '{project.name}'"
        return ""

    async def targets(self, app: Application, memory: Memory, result: RenderResult) -> TargetSet:
        """Comparable desired objects of a render."""
        discovery = self._client.discovery
        kinds = sorted({_gvk(manifest.object) for manifest in result.manifests})
        scopes = []
        for gvk in kinds:
            found = discovery.known(gvk) or await discovery.resource(gvk)
            scopes.append(None if found is None else found.namespaced)
        memory.unknown_kinds = None in scopes
        namespace = app.spec.destination.namespace
        key = content_digest([result.digest, result.places, namespace, scopes])
        if memory.targets is not None and memory.targets[0] == key:
            return memory.targets[1]
        known = dict(zip(kinds, scopes, strict=True))
        settled = settle(
            result.manifests,
            instance=self.instance(app),
            namespace=namespace,
            scope=known.get,
        )
        memory.targets = (key, settled)
        return settled

    async def compare(
        self, app: Application, memory: Memory, project: Project, targets: TargetSet
    ) -> Comparison:
        """Compares desired objects with what is live now."""
        rules = _rules(app)
        tag = content_digest([rules.strategy, app.raw["spec"].get("ignoreDifferences")])

        def modified(target: Target, live: LiveObject) -> bool:
            stamp = (target.digest, live.uid, live.resource_version, tag)
            known = memory.diffs.get(target.key)
            if known is not None and known[0] == stamp:
                return known[1]
            options = annotation_options(target.annotations, SYNC_OPTIONS)
            here = rules
            if switched_on("ServerSideApply", options):
                here = DiffRules(ignore=rules.ignore, strategy=Strategy.STRUCTURED)
            verdict = self._differs(target, live, here)
            memory.diffs[target.key] = (stamp, verdict)
            return verdict

        live = await self._live(app, memory, targets)
        await _in_slices(targets, live, modified)
        world = World(
            instance=self.instance(app),
            qualified_name=app.qualified_name,
            modified=modified,
            permitted=lambda gvk, name: self.permitted(project, gvk, name),
        )
        return compare(targets, live, world)

    def _differs(self, target: Target, live: LiveObject, rules: DiffRules) -> bool:
        try:
            return is_modified(target, live, rules, self._schemas)
        except TowlineError as error:
            text = str(error)
        except Exception as error:  # noqa: BLE001  # manifests come from strangers
            _log.exception("comparison broke object=%s", target.key)
            text = f"a manifest cannot be compared: {type(error).__name__}: {error}"
        if target.gvk.group_kind == ("", "Secret"):
            text = "the Secret cannot be compared"  # the text may quote values
        raise InputError(located(text, target.origin, target.key))

    def tracked(self, app: Application) -> list[CachedObject]:
        """Live objects without owners that carry the application's tracking id."""
        return self._index.tracked(self.instance(app))

    def owned(self, app: Application) -> list[CachedObject]:
        """Live objects that are the application's own, without copies of others."""
        return [
            obj
            for obj in self.tracked(app)
            if self_referenced(tracked_by(obj.annotations), obj.key, None)
        ]

    def find(self, key: ObjectKey) -> CachedObject | None:
        """A live object by identity, as far as it is watched."""
        return self._cache.get(key)

    def health(self, memory: Memory, live: LiveObject) -> Health | None:
        """Health of a live object."""
        known = memory.healths.get(live.uid)
        if known is not None and known[0] == live.resource_version:
            return known[1]
        verdict = assess(live.body())
        memory.healths[live.uid] = (live.resource_version, verdict)
        return verdict

    async def _live(
        self, app: Application, memory: Memory, targets: TargetSet
    ) -> list[CachedObject]:
        found = {obj.key: obj for obj in self._index.tracked(self.instance(app))}
        for key, target in targets.objects.items():
            live = await self._counterpart(target)
            if live is not None:
                found[key] = live
        present = {obj.uid for obj in found.values()}
        memory.deleted &= present
        for uid in memory.healths.keys() - present:
            del memory.healths[uid]
        for key in memory.diffs.keys() - targets.objects.keys():
            del memory.diffs[key]
        return [
            obj
            for obj in found.values()
            # What we deleted ourselves is gone, even while the watch has not said so yet.
            if obj.uid not in memory.deleted or obj.deletion_timestamp
        ]

    async def _counterpart(self, target: Target) -> CachedObject | None:
        """The live object of a target, in the target's API version."""
        live = self._cache.get(target.key)
        watched = self._cache.watched(target.gvk.group_kind)
        if live is None and (watched or self._client.discovery.known(target.gvk) is None):
            return None
        if live is not None and live.gvk.version == target.gvk.version:
            return live
        obj = await self._client.get(target.gvk, target.key.namespace, target.key.name)
        return None if obj is None else cached_object(orjson.dumps(obj), target.gvk)


async def _in_slices(
    targets: TargetSet,
    live: Iterable[CachedObject],
    modified: Callable[[Target, LiveObject], bool],
) -> None:
    """Finds the verdicts that are not known yet, and lets other work happen in between."""
    loop = asyncio.get_running_loop()
    since = loop.time()
    for obj in live:
        target = targets.objects.get(obj.key)
        if target is not None and has_say(target.annotations):
            modified(target, obj)
        if loop.time() - since > _SLICE_SECONDS:
            await asyncio.sleep(0)
            since = loop.time()


def _gvk(obj: dict[str, object]) -> GroupVersionKind:
    group, _, version = str(obj["apiVersion"]).rpartition("/")
    return GroupVersionKind(group, version, str(obj["kind"]))


def _rules(app: Application) -> DiffRules:
    server_side = switched_on("ServerSideApply", app.spec.sync_policy.sync_options)
    return DiffRules(
        ignore=IgnorePolicy(rules=app.spec.ignore_differences),
        strategy=Strategy.STRUCTURED if server_side else Strategy.THREE_WAY,
    )
