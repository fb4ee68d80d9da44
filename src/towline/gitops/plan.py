"""Builds the sorted task list of a sync from a comparison. Rebuilt at every turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from towline.argo.application import NamespaceMetadata, SyncResource
from towline.argo.names import HOOK_FINALIZER, SYNC_OPTIONS
from towline.gitops.compare import Comparison, Pair
from towline.gitops.hooks import SKIP, SyncPhase, hook_types, phases_of
from towline.gitops.live import LiveObject
from towline.gitops.options import annotation_options, switched_on
from towline.gitops.targets import Target
from towline.gitops.tasks import Task, TaskKey, TaskResult
from towline.kube.refs import GroupKind, GroupVersionKind, ObjectKey

_NAMESPACE: Final = GroupVersionKind("", "v1", "Namespace")
_CRD: Final = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")


class PlanContext(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """What a plan depends on besides the comparison.

    Attributes:
        namespace: Destination namespace.
        revision: Resolved revision.
        started: Start of the operation, Unix seconds; part of generated hook names.
        options: Sync options of the operation.
        selected: The objects that a selective sync names; empty for all.
        hooks: Whether hooks run.
        namespace_metadata: Labels and annotations of the namespace to create.
        find: A live object by identity.
        known: Whether the cluster has a kind.
        served: The version in which the cluster has a kind, empty for none.
        problem: Why the project does not permit an object, or empty; (gvk, namespace, name).
        results: What became of tasks in earlier turns.
    """

    namespace: str
    revision: str
    started: int
    options: frozenset[str]
    selected: tuple[SyncResource, ...]
    hooks: bool
    namespace_metadata: NamespaceMetadata | None
    find: Callable[[ObjectKey], LiveObject | None]
    known: Callable[[GroupVersionKind], bool]
    served: Callable[[GroupKind], str]
    problem: Callable[[GroupVersionKind, str, str], str]
    results: Mapping[TaskKey, TaskResult]


def build_tasks(comparison: Comparison, context: PlanContext) -> list[Task]:
    """All tasks in the order in which they are to run, earlier results attached."""
    tasks = [task for pair in comparison.pairs for task in _pair_tasks(pair, context)]
    if context.hooks and not context.selected:
        tasks += [t for hook in comparison.hooks for t in _hook_tasks(hook, context)]
    tasks += _namespace_task(tasks, context)
    tasks = _checked(tasks, context)
    tasks = _prune_waves(tasks, context)
    tasks.sort(key=lambda task: task.order)
    tasks = _dependencies_first(tasks)
    return [task.with_result(context.results.get(task.key)) for task in tasks]


def _pair_tasks(pair: Pair, context: PlanContext) -> list[Task]:
    if pair.hook or not pair.ours or not _selected(pair.key, context.selected):
        return []
    types = hook_types(pair.annotations)
    phases = phases_of(pair.annotations) or ((SyncPhase.SYNC,) if SKIP not in types else ())
    return [
        Task(
            key=TaskKey(pair.key, phase),
            gvk=pair.gvk,
            wave=pair.wave,
            target=pair.target.object if pair.target is not None else None,
            origin=pair.target.origin if pair.target is not None else "",
            live=pair.live,
            annotations=pair.annotations,
            modified=pair.status is not None and pair.status.value != "Synced",
        )
        for phase in phases
    ]


def _selected(key: ObjectKey, selected: Iterable[SyncResource]) -> bool:
    rules = tuple(selected)
    return not rules or any(
        (rule.group, rule.kind, rule.name) == (key.group, key.kind, key.name)
        and rule.namespace in {"", key.namespace}
        for rule in rules
    )


def _hook_tasks(hook: Target, context: PlanContext) -> list[Task]:
    return [_hook_task(hook, phase, context) for phase in phases_of(hook.annotations)]


def _hook_task(hook: Target, phase: SyncPhase, context: PlanContext) -> Task:
    meta = dict(hook.object["metadata"])
    if not meta.get("name"):
        postfix = f"{context.revision[:7]}-{phase}-{context.started}".lower()
        meta["name"] = f"{meta.get('generateName') or ''}{postfix}"
    finalizers = meta.get("finalizers") or []
    if HOOK_FINALIZER not in finalizers:
        meta["finalizers"] = [*finalizers, HOOK_FINALIZER]
    key = hook.key._replace(name=meta["name"])
    return Task(
        key=TaskKey(key, phase),
        gvk=hook.gvk,
        wave=hook.wave,
        target={**hook.object, "metadata": meta},
        origin=hook.origin,
        live=context.find(key),
        annotations=hook.annotations,
        hook=True,
    )


def _namespace_task(tasks: list[Task], context: PlanContext) -> list[Task]:
    """The destination namespace, when it is to be created and is not among the manifests."""
    name = context.namespace
    if not name or not switched_on("CreateNamespace", context.options) or context.selected:
        return []
    key = ObjectKey("", "Namespace", "", name)
    if any(task.key.object == key and not task.prune for task in tasks):
        return []
    live, extra = context.find(key), context.namespace_metadata
    if live is not None and extra is None:
        return []
    meta: dict[str, Any] = {"name": name}
    if extra is not None:
        meta["labels"] = dict(extra.labels)
        meta["annotations"] = {**extra.annotations, SYNC_OPTIONS: "ServerSideApply=true"}
    target = {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}
    return [
        Task(
            key=TaskKey(key, SyncPhase.PRE_SYNC),
            gvk=_NAMESPACE,
            wave=0,
            target=target,
            live=live,
            annotations=meta.get("annotations", {}),
        )
    ]


def _checked(tasks: list[Task], context: PlanContext) -> list[Task]:
    """Notes on each task why it cannot be done: unknown kind, not permitted."""
    promised = {
        (spec.get("group"), (spec.get("names") or {}).get("kind"))
        for task in tasks
        if task.target is not None and task.gvk.group_kind == _CRD
        for spec in [task.target.get("spec") or {}]
    }
    return [
        msgspec.structs.replace(task, problem=problem) if problem else task
        for task in tasks
        for problem in [_problem(task, context, promised)]
    ]


def _problem(task: Task, context: PlanContext, promised: set[tuple[Any, Any]]) -> str:
    obj = task.key.object
    if task.target is not None and not context.known(task.gvk):
        later = (obj.group, obj.kind) in promised or switched_on(
            "SkipDryRunOnMissingResource", context.options, annotation_options(task.annotations)
        )
        if not later:
            return _unknown_kind(task.gvk, obj, context.served(task.gvk.group_kind))
    return context.problem(task.gvk, obj.namespace, obj.name)


def _unknown_kind(gvk: GroupVersionKind, obj: ObjectKey, served: str) -> str:
    kind, name = f"{gvk.group}/{gvk.kind}", f"{obj.namespace}/{obj.name}"
    if served:
        return (
            f'The Kubernetes API could not find version "{gvk.version}" of {kind} for requested'
            f' resource {name}. Version "{served}" of {kind} is installed on the destination'
            " cluster."
        )
    return (
        f"The Kubernetes API could not find {kind} for requested resource {name}. Make sure the"
        f' "{gvk.kind}" CRD is installed on the destination cluster.'
    )


def _prune_waves(tasks: list[Task], context: PlanContext) -> list[Task]:
    """What is pruned goes in the opposite order of waves; with PruneLast after everything."""
    waves = sorted({task.wave for task in tasks if task.prune})
    swapped = dict(zip(waves, reversed(waves), strict=True))
    last = max([0, *(t.wave for t in tasks if t.key.phase is SyncPhase.SYNC)]) + 1
    result = []
    for task in tasks:
        if not task.prune:
            result.append(task)
            continue
        options = annotation_options(task.annotations)
        postponed = switched_on("PruneLast", context.options, options)
        wave = last if postponed else swapped[task.wave]
        result.append(msgspec.structs.replace(task, wave=wave))
    return result


def _dependencies_first(tasks: list[Task]) -> list[Task]:
    """Moves a Namespace or CRD before the first object that needs it."""
    ordered = list(tasks)
    for task in tasks:
        if task.target is None or not _is_foundation(task):
            continue
        at = ordered.index(task)
        first = next((i for i in range(at) if _needs(ordered[i], task)), None)
        if first is not None:
            needy = ordered[first]
            del ordered[at]
            moved = msgspec.structs.replace(
                task, wave=needy.wave, key=TaskKey(task.key.object, needy.key.phase)
            )
            ordered.insert(first, moved)
    return ordered


def _is_foundation(task: Task) -> bool:
    return task.gvk.group_kind in {_NAMESPACE.group_kind, _CRD}


def _needs(task: Task, foundation: Task) -> bool:
    if task.target is None:
        return False
    if foundation.gvk.kind == "Namespace":
        return task.key.object.namespace == foundation.key.object.name
    spec = (foundation.target or {}).get("spec") or {}
    kind = (spec.get("names") or {}).get("kind")
    return (task.key.object.group, task.key.object.kind) == (spec.get("group"), kind)
