"""The plan and the sync machine: scripts of turns, without a cluster."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from towline.argo.application import NamespaceMetadata, SyncResource
from towline.argo.manifest import Manifest
from towline.argo.names import HOOK_FINALIZER, TRACKING_ID
from towline.argo.status import HealthCode, Phase, ResultCode
from towline.gitops import sync
from towline.gitops.compare import World, compare
from towline.gitops.health import Health
from towline.gitops.hooks import SyncPhase, delete_policies, hook_types, is_ignored
from towline.gitops.plan import PlanContext, build_tasks
from towline.gitops.targets import settle
from towline.gitops.tasks import TaskResult, read_entry, result_entry
from towline.kube.refs import gvk_of, key_of

WAVE = "argocd.argoproj.io/sync-wave"
HOOK = "argocd.argoproj.io/hook"
POLICY = "argocd.argoproj.io/hook-delete-policy"
OPTIONS = "argocd.argoproj.io/sync-options"
APIS = {
    "Deployment": "apps/v1",
    "Job": "batch/v1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    "Thing": "things.io/v1",
}


class Live(msgspec.Struct, frozen=True):
    object: dict
    health: Health | None = None

    key = property(lambda self: key_of(self.object))
    gvk = property(lambda self: gvk_of(self.object))
    uid = property(lambda self: self.object["metadata"]["name"])
    resource_version = property(lambda self: "1")
    annotations = property(lambda self: self.object["metadata"].get("annotations") or {})
    deletion_timestamp = property(lambda self: self.object["metadata"].get("deletionTimestamp", ""))

    def body(self) -> Any:
        return self.object


def obj(name: Any, kind: Any = "ConfigMap", **notes: Any) -> Any:
    meta = {"name": name, "annotations": {k: str(v) for k, v in notes.items()}}
    return {"apiVersion": APIS.get(kind, "v1"), "kind": kind, "metadata": meta}


def noted(name: Any, kind: Any = "ConfigMap", **notes: Any) -> Any:
    keys = {"wave": WAVE, "hook": HOOK, "policy": POLICY, "options": OPTIONS}
    return obj(name, kind, **{keys[k]: v for k, v in notes.items()})


def live(name: Any, kind: Any = "ConfigMap", health: Any = None, **notes: Any) -> Any:
    found = noted(name, kind, **notes)
    group = gvk_of(found).group
    found["metadata"]["namespace"] = "prod"
    found["metadata"]["annotations"][TRACKING_ID] = f"web:{group}/{kind}:prod/{name}"
    return Live(found, health)


class Cluster:
    """A pretended cluster that a script drives through the machine."""

    def __init__(
        self,
        *wanted: Any,
        alive: Any = (),
        options: Any = (),
        selected: Any = (),
        hooks: Any = True,
    ) -> None:
        self.alive = {one.key: one for one in alive}
        manifests = [Manifest(o, "a", 1) for o in wanted]
        self.targets = settle(manifests, instance="web", namespace="prod", scope=self.scope)
        self.options = frozenset(options)
        self.selected = selected
        self.hooks = hooks
        self.results = {}
        self.unknown = set()
        self.served: dict[str, str] = {}
        self.verdicts = {}
        self.metadata = None

    @staticmethod
    def scope(gvk: Any) -> Any:
        return gvk.kind not in {"Namespace", "CustomResourceDefinition"}

    def tasks(self) -> Any:
        world = World(
            instance="web",
            qualified_name="argocd/web",
            modified=lambda _target, _live: False,
            permitted=lambda _gvk, _name: True,
        )
        context = PlanContext(
            namespace="prod",
            revision="0123456789",
            started=1000,
            options=self.options,
            selected=self.selected,
            hooks=self.hooks,
            namespace_metadata=self.metadata,
            find=self.alive.get,
            known=lambda gvk: gvk.kind not in self.unknown,
            served=lambda kind: self.served.get(kind.kind, ""),
            problem=lambda _gvk, _ns, name: "forbidden" if name == "forbidden" else "",
            results=self.results,
        )
        found = build_tasks(compare(self.targets, self.alive.values(), world), context)
        found = sync.observe(found, lambda one: self.verdicts.get(one.key.name, one.health))
        self.results |= {t.key: t.result for t in found if t.result}
        return found

    def turn(self, *, fail: Any = (), put_off: Any = ()) -> Any:
        """One turn: decides, carries out, decides again; the names that were touched."""
        tasks = self.tasks()
        decision = sync.decide(tasks, only_modified="ApplyOutOfSyncOnly=true" in self.options)
        if not isinstance(decision, sync.RunWave):
            return [], decision
        ran = [self._run(task, fail, put_off) for task in decision.tasks]
        self.results |= {t.key: t.result for t in ran if t.result}
        tasks = [t.with_result(self.results.get(t.key)) for t in tasks]
        return [t.key.object.name for t in ran], sync.after_run(tasks, ran)

    def _run(self, task: Any, fail: Any, put_off: Any) -> Any:
        name = task.key.object.name
        if name in put_off:
            return task
        if name in fail:
            return task.with_result(TaskResult(ResultCode.SYNC_FAILED, f"no {name}", Phase.FAILED))
        if task.prune:
            del self.alive[task.key.object]
            return task.with_result(TaskResult(ResultCode.PRUNED, "pruned", Phase.SUCCEEDED))
        self.alive[task.key.object] = Live(task.target)
        return task.with_result(TaskResult(ResultCode.SYNCED, f"{name} created", Phase.RUNNING))


GOOD = Health(HealthCode.HEALTHY, "fine")
BUSY = Health(HealthCode.PROGRESSING)
BAD = Health(HealthCode.DEGRADED, "broken")


def names(tasks: Any) -> Any:
    return [task.key.object.name for task in tasks]


def test_one_wave_succeeds_without_waiting_for_health() -> None:
    cluster = Cluster(obj("d", "Deployment"), obj("c"))
    cluster.verdicts["d"] = BUSY
    touched, decision = cluster.turn()
    assert touched == ["c", "d"]
    assert decision == sync.Done(Phase.SUCCEEDED, "successfully synced (all tasks run)") or (
        decision.phase is Phase.SUCCEEDED
        and decision.message == "successfully synced (all tasks run)"
    )


def test_kinds_have_their_order_and_unknown_ones_come_last() -> None:
    kinds = ["Thing", "Deployment", "Service", "ConfigMap", "Secret", "ServiceAccount", "Namespace"]
    shuffled = random.Random(1).sample(kinds, len(kinds))
    tasks = Cluster(*[obj(k.lower(), k) for k in shuffled]).tasks()
    assert [t.gvk.kind for t in tasks] == list(reversed(kinds))


def test_waves_wait_for_health() -> None:
    cluster = Cluster(noted("late", wave=5), noted("d", "Deployment", wave=1), noted("m", wave=-2))
    assert cluster.turn()[0] == ["m"]
    cluster.verdicts["d"] = BUSY
    assert cluster.turn()[0] == ["d"]
    touched, decision = cluster.turn()
    assert (touched, decision.message) == ([], "waiting for healthy state of apps/Deployment/d")
    assert isinstance(decision, sync.Wait)
    cluster.verdicts["d"] = GOOD
    touched, decision = cluster.turn()
    assert touched == ["late"]
    assert decision.message == "successfully synced (all tasks run)"


def test_hooks_run_around_the_sync_and_successful_ones_are_deleted() -> None:
    cluster = Cluster(
        obj("c"),
        noted("pre", "Job", hook="PreSync"),
        noted("post", "Job", hook="PostSync", policy="HookSucceeded"),
    )
    cluster.verdicts = {"pre": BUSY, "post": GOOD}
    touched, decision = cluster.turn()
    assert touched == ["pre"]
    assert decision.message == "waiting for completion of hook batch/Job/pre"
    assert isinstance(cluster.turn()[1], sync.Wait)
    cluster.verdicts["pre"] = Health(HealthCode.HEALTHY, "Reached expected number")
    assert cluster.turn()[0] == ["c"]
    assert names(sync.completed_hooks(cluster.tasks())) == ["pre"]
    assert cluster.turn()[0] == ["post"]
    touched, decision = cluster.turn()
    assert decision.message == "successfully synced (no more tasks)"
    assert names(decision.delete) == ["post"]
    (pre,) = [t for t in cluster.tasks() if t.key.object.name == "pre"]
    assert pre.result.message == "Reached expected number"


def test_a_failing_hook_ends_the_sync_before_anything_is_applied() -> None:
    cluster = Cluster(
        obj("c"),
        noted("pre", "Job", hook="PreSync", policy="HookFailed"),
        noted("fail", "Job", hook="SyncFail"),
    )
    cluster.verdicts = {"pre": BAD, "fail": GOOD}
    assert cluster.turn()[0] == ["pre"]
    assert cluster.turn()[0] == ["fail"]
    touched, decision = cluster.turn()
    assert touched == []
    assert decision.phase is Phase.FAILED
    assert decision.message == (
        "one or more synchronization tasks completed unsuccessfully, reason: broken"
    )
    assert names(decision.delete) == ["pre"]


def test_a_refused_object_fails_the_sync_once_the_others_have_settled() -> None:
    cluster = Cluster(obj("c"), obj("d", "Deployment"))
    touched, decision = cluster.turn(fail={"d"})
    assert (touched, type(decision)) == (["c", "d"], sync.Again)
    assert cluster.turn()[1].message == (
        "one or more synchronization tasks completed unsuccessfully, reason: no d"
    )


def test_when_everything_is_refused_it_fails_at_once() -> None:
    _, decision = Cluster(obj("c")).turn(fail={"c"})
    assert decision.message == "one or more objects failed to apply, reason: no c"


def test_a_vanished_object_fails_a_wave() -> None:
    cluster = Cluster(noted("d", "Deployment"), noted("late", wave=1))
    cluster.verdicts["d"] = BUSY
    cluster.turn()
    cluster.alive.clear()
    _, decision = cluster.turn()
    assert "Resource apps/Deployment/d is missing, it might have been deleted" in decision.message


def test_pruning_goes_in_reverse_waves_and_prune_last_at_the_end() -> None:
    alive = [live("a", wave=0), live("b", wave=3), live("z", options="PruneLast=true")]
    cluster = Cluster(noted("keep", wave=2), alive=alive)
    assert [(t.key.object.name, t.wave) for t in cluster.tasks()] == [
        ("b", 0),
        ("keep", 2),
        ("a", 3),
        ("z", 4),
    ]


def test_a_prune_that_needs_confirmation_waits() -> None:
    cluster = Cluster(alive=[live("a")])
    _, decision = cluster.turn(put_off={"a"})
    assert decision.message == "waiting for pruning confirmation of /ConfigMap/a"


def test_invalid_tasks_stop_everything() -> None:
    cluster = Cluster(obj("x", "Thing"), obj("forbidden"))
    cluster.unknown.add("Thing")
    touched, decision = cluster.turn()
    assert (touched, decision.phase) == ([], Phase.FAILED)
    assert decision.message.startswith("one or more synchronization tasks are not valid: forbidden")


def test_what_is_not_valid_is_said_of_each_object_with_the_place_of_its_manifest() -> None:
    cluster = Cluster(obj("x", "Thing"), obj("y", "Old"), obj("forbidden"), obj("a"))
    cluster.unknown |= {"Thing", "Old"}
    cluster.served["Old"] = "v7"
    told = {e["name"]: e for e in map(result_entry, cluster.tasks()) if "status" in e}
    assert {name: entry["status"] for name, entry in told.items()} == dict.fromkeys(
        ("x", "y", "forbidden"), "SyncFailed"
    )
    assert {entry["origin"] for entry in told.values()} == {"a:1"}
    assert told["forbidden"]["message"] == "forbidden"
    assert told["x"]["message"] == (
        "The Kubernetes API could not find things.io/Thing for requested resource prod/x. Make"
        ' sure the "Thing" CRD is installed on the destination cluster.'
    )
    assert 'Version "v7" of /Old is installed' in told["y"]["message"]


def test_a_kind_whose_definition_comes_along_is_valid_and_the_definition_goes_first() -> None:
    crd = obj("things.things.io", "CustomResourceDefinition")
    crd["spec"] = {"group": "things.io", "names": {"kind": "Thing"}}
    crd["metadata"]["annotations"][WAVE] = "3"
    cluster = Cluster(noted("x", "Thing", wave=-1), crd, obj("c"))
    cluster.unknown.add("Thing")
    assert [(t.key.object.name, t.wave) for t in cluster.tasks()][:2] == [
        ("things.things.io", -1),
        ("x", -1),
    ]


def test_the_namespace_is_created_first_when_asked_for() -> None:
    cluster = Cluster(obj("c"), options=["CreateNamespace=true"])
    first = cluster.tasks()[0]
    assert (first.gvk.kind, first.key.phase, first.target["metadata"]) == (
        "Namespace",
        SyncPhase.PRE_SYNC,
        {"name": "prod"},
    )
    cluster.metadata = NamespaceMetadata(labels={"a": "b"})
    assert cluster.tasks()[0].target["metadata"]["labels"] == {"a": "b"}


def test_a_selective_sync_touches_only_what_it_names_and_no_hooks() -> None:
    selected = (SyncResource(kind="ConfigMap", name="b"),)
    cluster = Cluster(obj("a"), obj("b"), noted("h", "Job", hook="PreSync"), selected=selected)
    assert names(cluster.tasks()) == ["b"]


def test_a_hook_without_a_name_gets_one_and_our_finalizer() -> None:
    hook = noted("", "Job", hook="PreSync")
    hook["metadata"] |= {"generateName": "gen-", "name": ""}
    (task,) = Cluster(hook).tasks()
    assert task.target["metadata"]["name"] == "gen-0123456-presync-1000"
    assert task.target["metadata"]["finalizers"] == [HOOK_FINALIZER]
    assert task.annotations[TRACKING_ID] == "web:batch/Job:prod/"


def test_objects_in_sync_are_left_out_when_asked_for() -> None:
    cluster = Cluster(obj("c"), alive=[live("c")], options=["ApplyOutOfSyncOnly=true"])
    assert cluster.turn()[1].message == "successfully synced (no more tasks)"


def test_results_survive_the_status() -> None:
    cluster = Cluster(obj("c"), noted("h", "Job", hook="PreSync"))
    cluster.turn()
    for task in cluster.tasks():
        if task.result:
            assert read_entry(result_entry(task)) == (task.key, task.result)


@pytest.mark.parametrize("seed", range(25))
def test_every_plan_runs_to_its_end_and_touches_each_object_once(seed: Any) -> None:
    chance = random.Random(seed)
    wanted = [
        noted(
            f"o{i}",
            chance.choice(["ConfigMap", "Deployment", "Secret"]),
            wave=chance.randint(-2, 3),
        )
        for i in range(chance.randint(0, 8))
    ]
    wanted += [
        noted(f"h{i}", "Job", hook=chance.choice(["PreSync", "Sync", "PostSync"]))
        for i in range(chance.randint(0, 3))
    ]
    alive = [live(f"p{i}", wave=chance.randint(-1, 2)) for i in range(chance.randint(0, 3))]
    cluster = Cluster(*wanted, alive=alive)
    cluster.verdicts = {o["metadata"]["name"]: GOOD for o in wanted}
    touched, phases = [], []
    for _ in range(50):
        order = {t.key.object.name: (t.key.phase.rank, t.wave) for t in cluster.tasks()}
        names_, decision = cluster.turn()
        touched += names_
        phases += [order[name] for name in names_]
        if isinstance(decision, sync.Done):
            break
    assert decision.phase is Phase.SUCCEEDED
    assert sorted(touched) == sorted(
        [o["metadata"]["name"] for o in wanted] + [one.key.name for one in alive]
    )
    assert phases == sorted(phases)


@pytest.mark.parametrize(
    ("notes", "types", "ignored"),
    [
        ({HOOK: "PreSync,Sync"}, ("PreSync", "Sync"), False),
        ({HOOK: "Odd"}, (), True),
        ({"helm.sh/hook": "pre-install,pre-upgrade"}, ("PreSync",), False),
        ({"helm.sh/hook": "crd-install"}, (), False),
        ({"helm.sh/hook": "test-success"}, (), True),
        ({HOOK: "Skip", "helm.sh/hook": "post-install"}, ("Skip",), False),
        ({}, (), False),
    ],
)
def test_hook_types(notes: Any, types: Any, ignored: Any) -> None:
    assert hook_types(notes) == types
    assert is_ignored(notes) is ignored


def test_delete_policies() -> None:
    assert delete_policies({}) == {"BeforeHookCreation"}
    both = {POLICY: "HookFailed", "helm.sh/hook-delete-policy": "hook-succeeded, odd"}
    assert delete_policies(both) == {"HookFailed", "HookSucceeded"}
