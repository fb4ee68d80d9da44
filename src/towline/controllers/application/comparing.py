"""Compares an application's manifests with its live objects; verdicts are remembered."""

from __future__ import annotations

import msgspec
import orjson

from towline.argo.application import Application
from towline.argo.manifest import content_digest
from towline.argo.names import APP_PROJECT, APPLICATION, instance_name
from towline.argo.project import Project, parse_project
from towline.argo.status import Condition
from towline.controllers.application.differing import Differ
from towline.controllers.application.judging import HealthScripts, Judge
from towline.controllers.application.kinds import scope_of
from towline.controllers.application.live import LiveIndex
from towline.controllers.application.memory import Memory
from towline.controllers.application.ports import ClusterApi, LiveCache
from towline.gitops.attribution import FieldDrift
from towline.gitops.compare import Comparison, World, application_health, compare
from towline.gitops.diff import Schemas
from towline.gitops.exclusions import handled
from towline.gitops.health import Health
from towline.gitops.ignore import PathRemover
from towline.gitops.live import LiveObject
from towline.gitops.orphans import Candidate, orphan_warning, orphans
from towline.gitops.projects import destination_permitted, kind_permitted
from towline.gitops.targets import Target, TargetSet, settle
from towline.gitops.tasks import Task
from towline.gitops.tracking import self_referenced, tracked_by
from towline.kube.refs import GroupVersionKind, ObjectKey
from towline.kubeclient.objects import CachedObject, cached_object
from towline.render.result import RenderResult

EMPTY = TargetSet(objects={}, hooks=(), conditions=())


class Comparer:
    """Compares for the engine.

    Args:
        client: For kinds that are not watched.
        cache: Live objects.
        index: Live objects by application.
        schemas: Schemas of built-in kinds.
        namespace: The control namespace.
        jq: Takes out what jq expressions name.
        scripts: Runs health scripts.
    """

    def __init__(
        self,
        client: ClusterApi,
        cache: LiveCache,
        index: LiveIndex,
        schemas: Schemas,
        namespace: str,
        *,
        jq: PathRemover | None = None,
        scripts: HealthScripts | None = None,
    ) -> None:
        self._client = client
        self._cache = cache
        self._index = index
        self._namespace = namespace
        self._judge = Judge(cache, namespace, scripts)
        self._differ = Differ(client, cache, schemas, namespace, jq=jq)

    @property
    def differ(self) -> Differ:
        """Compares single objects."""
        return self._differ

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
        kinds_handled = self._differ.settings().kinds
        rules = msgspec.to_builtins(kinds_handled)
        key = content_digest([result.digest, result.places, namespace, scopes, rules])
        if memory.targets is not None and memory.targets[0] == key:
            return memory.targets[1]
        known = dict(zip(kinds, scopes, strict=True))
        settled = settle(
            result.manifests,
            instance=self.instance(app),
            namespace=namespace,
            scope=known.get,
        )
        settled = handled(settled, kinds_handled, app.spec.destination.server)
        memory.targets = (key, settled)
        return settled

    async def compare(
        self, app: Application, memory: Memory, project: Project, targets: TargetSet
    ) -> Comparison:
        """Compares desired objects with what is live now."""
        live = await self._live(app, memory, targets)
        verdicts = await self._differ.verdicts(app, memory, targets, live)
        hooks = [found for hook in targets.hooks if (found := self.find(hook.key))]
        await self._judge.ask_scripts(memory, [*live, *hooks])
        world = World(
            instance=self.instance(app),
            qualified_name=app.qualified_name,
            modified=lambda target, _: verdicts[target.key],
            permitted=lambda gvk, name: self.permitted(project, gvk, name),
        )
        comparison = compare(targets, live, world)
        strays = self._strays(app, project, targets)
        return msgspec.structs.replace(comparison, conditions=(*comparison.conditions, *strays))

    async def drifts(
        self, app: Application, memory: Memory, comparison: Comparison
    ) -> dict[ObjectKey, tuple[FieldDrift, ...]]:
        """For each live object that is out of sync, the fields, and who wrote them.

        Raises:
            InputError: An object cannot be compared.
            TransientError: The cluster does not answer a dry run.
        """
        return {
            pair.key: await self._differ.explained(app, pair.target, pair.live)
            for pair in comparison.out_of_sync
            if pair.target is not None and pair.live is not None
        }

    def _strays(self, app: Application, project: Project, targets: TargetSet) -> list[Condition]:
        """Warns of objects in the application's namespace that no application tracks."""
        rules = project.spec.orphaned_resources
        if rules is None:
            return []
        namespace = app.spec.destination.namespace
        found = orphans(
            self._cache.objects(namespace=namespace) if namespace else (),
            rules,
            namespace=namespace,
            tracked=lambda obj: obj.key in targets.objects or self._is_tracked(obj),
            permitted=lambda gvk, name: self.permitted(project, gvk, name),
        )
        return orphan_warning(found, rules)

    def _is_tracked(self, obj: Candidate) -> bool:
        """Whether there is an application that the object is tracked by."""
        mark = tracked_by(obj.annotations)
        if mark is None:
            return False
        namespace, separator, name = mark.instance.partition("_")
        place = (namespace, name) if separator else (self._namespace, mark.instance)
        return self._cache.get(ObjectKey(*APPLICATION.group_kind, *place)) is not None

    async def respecting(self, app: Application, task: Task) -> Task:
        """The task with a target that leaves ignored fields as they are in the cluster.

        Raises:
            InputError: A jq expression is none.
        """
        if task.target is None or task.live is None or task.hook:
            return task
        target = await self._differ.respecting(app, task.target, task.gvk, task.live)
        return msgspec.structs.replace(task, target=target)

    def tracked(self, app: Application) -> list[CachedObject]:
        """Live objects without owners that carry the application's tracking id.

        Those of kinds that are left alone are not among them: nothing may happen to them.
        """
        kinds, server = self._differ.settings().kinds, app.spec.destination.server
        return [
            obj
            for obj in self._index.tracked(self.instance(app))
            if not kinds.excluded(obj.gvk.group_kind, server)
        ]

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
        return self._judge.health(memory, live)

    def overall_health(self, app: Application, memory: Memory, comparison: Comparison) -> Health:
        """Health of the application."""
        itself = ObjectKey(*APPLICATION.group_kind, app.namespace, app.name)
        return application_health(
            comparison.pairs, lambda live: self._judge.health(memory, live), itself
        )

    async def _live(
        self, app: Application, memory: Memory, targets: TargetSet
    ) -> list[CachedObject]:
        found = {obj.key: obj for obj in self.tracked(app)}
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


def _gvk(obj: dict[str, object]) -> GroupVersionKind:
    group, _, version = str(obj["apiVersion"]).rpartition("/")
    return GroupVersionKind(group, version, str(obj["kind"]))
