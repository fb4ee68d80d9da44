"""The engine's story against a real API server: push, sync, drift, prune, failure, deletion."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from towline.argo.application import parse_application
from towline.argo.names import APPLICATION, TRACKING_ID
from towline.controllers.application import Drift, EngineObserver, build_tree
from towline.kube.refs import GroupVersionKind, ObjectKey

AUTOMATED = {"automated": {"prune": True, "selfHeal": True}}
DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")
CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")
WEB = ObjectKey("apps", "Deployment", "story", "web")
ONE = ObjectKey("", "ConfigMap", "story", "one")


def config(name: str, value: str = "1", **notes: str) -> str:
    text = f"---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  annotations:\n"
    lines = "".join(f"    argocd.argoproj.io/{k}: '{v}'\n" for k, v in notes.items())
    return f"{text}{lines}data:\n  a: '{value}'\n"


def job(name: str, **notes: str) -> str:
    lines = "".join(f"    argocd.argoproj.io/{k}: '{v}'\n" for k, v in notes.items())
    return f"""
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
  annotations:
{lines}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{{name: c, image: busybox}}]
"""


def deployment(replicas: int = 1, tag: str = "1") -> str:
    return f"""
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  creationTimestamp: null
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}, creationTimestamp: null}}
    spec:
      containers:
      - name: c
        image: registry.example/web:{tag}
        resources: {{limits: {{cpu: 1000m}}}}
        ports: [{{containerPort: 5000}}]
status: {{}}
"""


def at(commit: str, status: str = "Synced") -> Callable[[Any], bool]:
    def accept(found: Any) -> bool:
        sync = found.get("sync") or {}
        return (sync.get("status"), sync.get("revision")) == (status, commit)

    return accept


def well(commit: str) -> Callable[[Any], bool]:
    return lambda found: at(commit)(found) and found["health"]["status"] == "Healthy"


def ended(found: Any) -> bool:
    return (found.get("operationState") or {}).get("phase") in {"Succeeded", "Failed", "Error"}


@pytest.mark.asyncio
async def test_pushes_are_synced_and_drift_is_healed(engine: Any) -> None:
    first = engine.push({"a.yaml": config("one") + deployment()})
    await engine.create_app("story", {"syncPolicy": AUTOMATED})
    app = await engine.until_app("story", well(first))
    state = app["status"]["operationState"]
    assert state["message"] == "successfully synced (all tasks run)"
    results = [(r["message"], r["hookPhase"]) for r in state["syncResult"]["resources"]]
    assert results == [
        ("configmap/one created", "Running"),
        ("deployment.apps/web created", "Running"),
    ]
    assert app["status"]["resources"] == [
        {
            "version": "v1",
            "kind": "ConfigMap",
            "namespace": "story",
            "name": "one",
            "status": "Synced",
        },
        {
            "group": "apps",
            "version": "v1",
            "kind": "Deployment",
            "namespace": "story",
            "name": "web",
            "status": "Synced",
        },
    ]
    assert app["status"]["summary"] == {"images": ["registry.example/web:1"]}
    live = engine.cache.get(WEB)
    assert live.annotations[TRACKING_ID] == "story:apps/Deployment:story/web"
    assert live.body()["metadata"]["managedFields"][0]["manager"] == "argocd-controller"

    settled = engine.cache.get(WEB).generation
    second = engine.push({"a.yaml": config("one", "2") + deployment(2, "2")})
    app = await engine.until_app("story", well(second))
    assert [(h["id"], h["revision"]) for h in app["status"]["history"]] == [(0, first), (1, second)]
    # One apply; the cluster's own controller notes the new revision without another generation.
    assert engine.cache.get(WEB).generation == settled + 1

    uid = engine.cache.get(WEB).uid
    await engine.client.delete(DEPLOYMENT, "story", "web")
    await engine.until(WEB, lambda o: o is not None and o["metadata"]["uid"] != uid)
    await engine.client.patch(DEPLOYMENT, "story", "web", {"spec": {"replicas": 7}}, manager="x")
    await engine.until(WEB, lambda o: o is not None and o["spec"]["replicas"] == 2)
    extra = ONE._replace(name="extra")
    notes = {TRACKING_ID: "story:/ConfigMap:story/extra"}
    meta = {"name": "extra", "namespace": "story", "annotations": notes}
    await engine.client.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}, manager="x"
    )
    await engine.until(extra, lambda o: o is None)
    app = await engine.until_app("story", lambda s: well(second)(s) and ended(s))
    assert len(app["status"]["history"]) == 2
    nodes = build_tree(parse_application(app), engine.cache)
    kinds = [node.kind for node in nodes]
    assert kinds[:3] == ["ConfigMap", "Deployment", "ReplicaSet"]
    assert kinds.count("Pod") == 2


@pytest.mark.asyncio
async def test_what_leaves_git_is_pruned_and_what_is_protected_stays(engine: Any) -> None:
    kept = config("three", **{"sync-options": "Prune=false"})
    engine.push({"a.yaml": config("one"), "b.yaml": config("two"), "c.yaml": kept})
    await engine.create_app("story", {"syncPolicy": AUTOMATED})
    await engine.until_app("story", at(engine.repos.commits[-1]))
    last = engine.push({"b.yaml": None, "c.yaml": None})
    app = await engine.until_app("story", lambda s: at(last, "OutOfSync")(s) and ended(s))
    assert engine.cache.get(ONE._replace(name="two")) is None
    left = [r for r in app["status"]["resources"] if r.get("requiresPruning")]
    assert [r["name"] for r in left] == ["three"]


@pytest.mark.asyncio
async def test_a_copy_of_a_tracked_object_is_left_alone(engine: Any) -> None:
    commit = engine.push({"a.yaml": config("one")})
    await engine.create_app("story", {"syncPolicy": AUTOMATED})
    await engine.until_app("story", at(commit))
    await engine.namespace("other")
    notes = engine.cache.get(ONE).annotations
    meta = {"name": "one", "namespace": "other", "annotations": notes}
    await engine.client.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}, manager="x"
    )
    last = engine.push({"a.yaml": config("one", "2")})
    await engine.until_app("story", at(last))
    assert await engine.client.get(CONFIG_MAP, "other", "one") is not None


@pytest.mark.asyncio
async def test_a_manual_application_waits_for_its_operation(engine: Any) -> None:
    commit = engine.push({"a.yaml": config("one")})
    await engine.create_app("story", {})
    app = await engine.until_app("story", at(commit, "OutOfSync"))
    assert app["status"]["health"]["status"] == "Missing"
    await engine.sync("story", revision="main", dryRun=True)
    app = await engine.until_app("story", ended)
    state = app["status"]["operationState"]
    assert state["message"] == "successfully synced (no more tasks)"
    assert state["syncResult"]["resources"][0]["message"] == "configmap/one created (dry run)"
    assert engine.cache.get(ONE) is None
    await engine.sync("story", revision="main")
    app = await engine.until_app("story", lambda s: at(commit)(s) and ended(s))
    assert app["status"]["history"][0]["initiatedBy"] == {"username": "tester"}
    assert "operation" not in app


BROKEN = {
    "yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one\n",
        "failed to unmarshal manifest: error converting YAML to JSON: yaml: line 3",
    ),
    "field": ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 5}\n", "line 1: metadata.name"),
    "shape": (deployment().replace("containers:", "containers: x #"), ""),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["yaml", "field"])
async def test_a_broken_manifest_is_explained_and_mended(engine: Any, kind: str) -> None:
    text, words = BROKEN[kind]
    good = engine.push({"good/a.yaml": config("other"), "a.yaml": text})
    await engine.create_app("story", {"syncPolicy": AUTOMATED})
    await engine.create_app("next", {"syncPolicy": AUTOMATED, "source": {"path": "good"}})
    app = await engine.until_app("story", lambda s: bool(s.get("conditions")))
    (condition,) = app["status"]["conditions"]
    assert condition["type"] == "ComparisonError"
    assert words in condition["message"]
    assert app["status"]["sync"]["status"] == "Unknown"
    await engine.until_app("next", at(good))
    mended = engine.push({"a.yaml": config("one")})
    app = await engine.until_app("story", at(mended))
    assert not app["status"].get("conditions")


@pytest.mark.asyncio
async def test_a_manifest_of_an_odd_shape_stops_only_its_own_application(engine: Any) -> None:
    good = engine.push({"good/a.yaml": config("one"), "a.yaml": BROKEN["shape"][0]})
    await engine.create_app("story", {"syncPolicy": {**AUTOMATED, "retry": {"limit": 0}}})
    await engine.create_app("next", {"syncPolicy": AUTOMATED, "source": {"path": "good"}})
    await engine.until_app("next", at(good))
    app = await engine.until_app("story", lambda s: bool(s.get("conditions")))
    assert app["status"]["conditions"][0]["type"] in {"ComparisonError", "SyncError"}


@pytest.mark.asyncio
async def test_a_malformed_application_is_told_which_field(engine: Any) -> None:
    commit = engine.push({"a.yaml": config("one")})
    spec = {"project": "nope", "syncPolicy": {"syncOptions": ["A=b"]}}
    await engine.create_app("story", spec)
    app = await engine.until_app("story", lambda s: bool(s.get("conditions")))
    assert [(c["type"], c["message"]) for c in app["status"]["conditions"]] == [
        ("InvalidSpecError", "Application referencing project nope which does not exist")
    ]
    patch = {"spec": {"project": "default"}}
    await engine.client.patch(APPLICATION, "argocd", "story", patch, manager="x")
    await engine.client.patch(
        APPLICATION,
        "argocd",
        "story",
        {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}},
        manager="x",
    )
    app = await engine.until_app("story", at(commit, "OutOfSync"))
    assert "argocd.argoproj.io/refresh" not in app["metadata"].get("annotations", {})


@pytest.mark.asyncio
async def test_a_refused_object_fails_the_sync_after_its_retries(engine: Any) -> None:
    commit = engine.push({"a.yaml": config("one") + config("Bad_Name")})
    retry = {"limit": 1, "backoff": {"duration": "100ms"}}
    await engine.create_app("story", {"syncPolicy": {"automated": {}, "retry": retry}})
    app = await engine.until_app("story", ended)
    state = app["status"]["operationState"]
    assert state["message"].startswith(
        "one or more synchronization tasks completed unsuccessfully,"
        ' reason: ConfigMap "Bad_Name" is'
    )
    assert state["message"].endswith("(retried 1 times).")
    app = await engine.until_app("story", lambda s: bool(s.get("conditions")))
    prefix = f"Failed last sync attempt to [{commit}]: one or more"
    assert app["status"]["conditions"][0]["message"].startswith(prefix)


@pytest.mark.asyncio
async def test_a_refused_object_names_file_line_object_and_field(engine: Any) -> None:
    field = (
        "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas"
        " of type int32"
    )
    wrong = deployment().replace("replicas: 1", 'replicas: "three"').lstrip()
    engine.push({"app/all.yaml": config("one") + wrong})
    policy = {"automated": {}, "retry": {"limit": 0}}
    spec = {"syncPolicy": policy, "source": {"path": "app"}}
    await engine.create_app("story", spec)

    async def told(commit: str, place: str) -> None:
        def accept(found: Any) -> bool:
            conditions = found.get("conditions") or [{"message": ""}]
            return commit in conditions[0]["message"]

        found = (await engine.until_app("story", accept))["status"]
        assert found["conditions"][0]["message"].endswith(field)
        state = found["operationState"]
        assert state["message"].endswith(field)
        results = {entry["name"]: entry for entry in state["syncResult"]["resources"]}
        assert results["web"]["message"].endswith(field)
        assert results["web"]["origin"] == place
        assert "origin" not in results["one"]

    await told(engine.repos.commits[-1], "app/all.yaml:10")
    await engine.until_app("story", at(engine.push({"app/all.yaml": config("one") + deployment()})))
    moved = config("one") + "\n\n" + wrong
    await told(engine.push({"app/all.yaml": moved}), "app/all.yaml:12")


@pytest.mark.asyncio
async def test_waves_and_hooks_come_in_order(engine: Any) -> None:
    text = config("c") + config("late", **{"sync-wave": "2"}) + job("pre", hook="PreSync")
    text += job("post", hook="PostSync", **{"hook-delete-policy": "HookSucceeded"})
    engine.push({"a.yaml": text})
    seen: list[str] = []
    engine.cache.subscribe(
        lambda type_, new, _: (
            seen.append(new.key.name)
            if type_ == "ADDED" and new.key.namespace == "story" and TRACKING_ID in new.annotations
            else None
        )
    )
    await engine.create_app("story", {"syncPolicy": AUTOMATED})
    app = await engine.until_app(
        "story", lambda s: well(engine.repos.commits[-1])(s) and ended(s), 20
    )
    assert seen == ["pre", "c", "late", "post"]
    assert app["status"]["operationState"]["message"] == "successfully synced (no more tasks)"
    await engine.until(ObjectKey("batch", "Job", "story", "post"), lambda o: o is None)
    hooks = [r for r in app["status"]["resources"] if r.get("hook")]
    assert [(r["name"], r.get("status"), r["requiresPruning"]) for r in hooks][-1] == (
        "pre",
        None,
        True,
    )


@pytest.mark.asyncio
async def test_the_namespace_is_made_when_asked_for_and_nothing_else_appears(engine: Any) -> None:
    commit = engine.push({"a.yaml": config("one")})
    destination = {"server": "https://kubernetes.default.svc", "namespace": "fresh"}
    policy = {**AUTOMATED, "syncOptions": ["CreateNamespace=true", "ServerSideApply=true"]}
    await engine.create_app("story", {"syncPolicy": policy, "destination": destination})
    await engine.until_app("story", at(commit))
    live = engine.cache.get(ObjectKey("", "ConfigMap", "fresh", "one")).body()
    assert [(m["manager"], m["operation"]) for m in live["metadata"]["managedFields"]] == [
        ("argocd-controller", "Apply")
    ]
    assert "kubectl.kubernetes.io/last-applied-configuration" not in live["metadata"]["annotations"]


@pytest.mark.asyncio
@pytest.mark.parametrize("cascade", [True, False])
async def test_deletion_takes_the_objects_along_only_with_the_finalizer(
    engine: Any, cascade: bool
) -> None:
    commit = engine.push({"a.yaml": config("one") + deployment()})
    finalizers = ["resources-finalizer.argocd.argoproj.io"] if cascade else []
    await engine.create_app("story", {"syncPolicy": AUTOMATED}, finalizers=finalizers)
    await engine.until_app("story", at(commit))
    await engine.client.delete(APPLICATION, "argocd", "story")
    key = ObjectKey("argoproj.io", "Application", "argocd", "story")
    await engine.until(key, lambda o: o is None)
    assert (engine.cache.get(ONE) is None) is cascade
    assert (engine.cache.get(WEB) is None) is cascade


def healed(found: Any) -> bool:
    sync = found["operationState"]["operation"]["sync"]
    return bool(sync.get("autoHealAttemptsCount") == 1)


class Recorder(EngineObserver):
    """Writes notices down."""

    def __init__(self) -> None:
        self.notices: list[tuple[str, ...]] = []

    def refreshed(self, app: str, revision: str, at: dt.datetime) -> None:
        self.notices.append(("refreshed", revision))

    def sync_started(self, app: str, revision: str, at: dt.datetime) -> None:
        self.notices.append(("started", revision))

    def synced(self, app: str, revision: str, at: dt.datetime, resources: Any) -> None:
        self.notices.append(("synced", *(key.name for key in resources)))

    def healthy(self, app: str, revision: str, at: dt.datetime) -> None:
        self.notices.append(("healthy", revision))

    def drift(self, app: str, key: ObjectKey, kind: Drift, at: dt.datetime) -> None:
        self.notices.append(("drift", key.name, kind))

    def healed(self, app: str, key: ObjectKey, at: dt.datetime) -> None:
        self.notices.append(("healed", key.name))


@pytest.mark.asyncio
async def test_progress_is_told_in_order(harness: Any, tmp_path: Path) -> None:
    recorder = Recorder()
    async with (
        harness.drydock(tmp_path) as kubeconfig,
        harness.running_engine(kubeconfig, harness.DictRepos(), recorder) as engine,
    ):
        commit = engine.push({"a.yaml": config("one")})
        await engine.create_app("story", {"syncPolicy": AUTOMATED})
        await engine.until_app("story", well(commit))
        await engine.client.delete(CONFIG_MAP, "story", "one")
        await engine.until_app("story", lambda s: at(commit)(s) and healed(s) and ended(s))
    assert recorder.notices == [
        ("refreshed", commit),
        ("started", commit),
        ("synced", "one"),
        ("healthy", commit),
        ("drift", "one", "deleted"),
        ("started", commit),
        ("synced", "one"),
        ("healed", "one"),
    ]


@pytest.mark.asyncio
async def test_r17_an_operation_left_by_a_crash_is_finished_and_hooks_run_once(
    harness: Any, tmp_path: Path
) -> None:
    repos = harness.DictRepos()
    commit = repos.commit({"a.yaml": config("one") + job("pre", hook="PreSync")})
    operation = {"initiatedBy": {"username": "tester"}, "sync": {"revision": commit}}
    started = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    async with harness.drydock(tmp_path) as kubeconfig:
        async with harness.running_engine(kubeconfig, repos) as engine:
            await engine.create_app("story", {})
            await engine.until_app("story", at(commit, "OutOfSync"))
        async with harness.plain_client(kubeconfig) as client:
            # What a crash right after the hook's creation leaves behind.
            pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "b"}]}
            hook = {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {
                    "name": "pre",
                    "namespace": "story",
                    "annotations": {
                        TRACKING_ID: "story:batch/Job:story/pre",
                        "argocd.argoproj.io/hook": "PreSync",
                    },
                },
                "spec": {"template": {"spec": pod}},
            }
            created = await client.create(hook, manager="argocd-controller")
            state = {"phase": "Running", "operation": operation, "startedAt": started}
            patch = {"operation": operation, "status": {"operationState": state}}
            await client.patch(APPLICATION, "argocd", "story", patch, manager="x")
        async with harness.running_engine(kubeconfig, repos) as engine:
            await engine.until_app("story", lambda s: at(commit)(s) and ended(s), 20)
            found = engine.cache.get(ObjectKey("batch", "Job", "story", "pre"))
            assert found.uid == created["metadata"]["uid"]


@pytest.mark.asyncio
async def test_several_sources_are_one_application(engine: Any) -> None:
    first = engine.push({"several/base/a.yaml": config("a"), "several/more/b.yaml": config("b")})
    url = "http://git.test/team/manifests.git"
    sources = [
        {"repoURL": url, "targetRevision": "main", "path": "several/base"},
        {"repoURL": url, "targetRevision": "main", "path": "several/more"},
        {"repoURL": url, "targetRevision": "main", "ref": "values"},
    ]
    await engine.create_app("several", {"source": {}, "sources": sources, "syncPolicy": AUTOMATED})
    done = await engine.until_app("several", synced_at_all(first))
    assert [e["name"] for e in done["status"]["resources"]] == ["a", "b"]
    assert done["status"]["sourceTypes"] == ["Directory", "Directory", ""]
    assert "sourceType" not in done["status"]
    [entry] = done["status"]["history"]
    assert entry["revisions"] == [first] * 3
    assert entry["sources"] == sources
    assert "revision" not in entry

    second = engine.push({"several/more/b.yaml": None, "several/more/c.yaml": config("c")})
    done = await engine.until_app("several", synced_at_all(second))
    assert [e["name"] for e in done["status"]["resources"]] == ["a", "c"]
    await engine.sync("several", revisions=[first] * 3)
    # Automation goes on to the newest revisions afterwards; what was asked for was done before.
    await engine.until_app(
        "several", lambda s: [h["revisions"][0] for h in s["history"]][2:] == [first, second]
    )


def synced_at_all(revision: str) -> Any:
    def check(status: Any) -> bool:
        sync = status.get("sync") or {}
        return sync.get("status") == "Synced" and set(sync.get("revisions") or ()) == {revision}

    return check
