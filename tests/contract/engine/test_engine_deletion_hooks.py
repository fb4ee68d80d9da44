"""PreDelete and PostDelete hooks against a real API server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from towline.argo.names import APPLICATION
from towline.kube.refs import GroupVersionKind, ObjectKey

APP = ObjectKey("argoproj.io", "Application", "argocd", "story")
CLAIM = GroupVersionKind("", "v1", "PersistentVolumeClaim")
AUTOMATED = {"automated": {"prune": True}}
ALL = [
    "resources-finalizer.argocd.argoproj.io",
    "pre-delete-finalizer.argocd.argoproj.io",
    "pre-delete-finalizer.argocd.argoproj.io/cleanup",
    "post-delete-finalizer.argocd.argoproj.io",
    "post-delete-finalizer.argocd.argoproj.io/cleanup",
]


def hook(phase: str, name: str, policy: str, kind: str = "Job") -> str:
    notes = f"{{argocd.argoproj.io/hook: {phase}, argocd.argoproj.io/hook-delete-policy: {policy}}}"
    if kind == "ConfigMap":
        return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{{name}, annotations: {notes}}}\n"
    spec = "restartPolicy: Never, containers: [{name: c, image: busybox}]"
    return (
        f"apiVersion: batch/v1\nkind: Job\nmetadata: {{{name}, annotations: {notes}}}\n"
        f"spec: {{backoffLimit: 0, template: {{spec: {{{spec}}}}}}}\n"
    )


ONE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n"


@pytest.mark.asyncio
async def test_hooks_run_before_and_after_the_objects_go_and_are_cleaned_up(engine: Any) -> None:
    text = "---\n".join(
        (
            ONE,
            hook("PreDelete", "name: before", "HookSucceeded"),
            hook("PostDelete", "generateName: after-", "HookSucceeded"),
            hook("PostDelete", "name: trace", "HookFailed", "ConfigMap"),
        )
    )
    engine.push({"a.yaml": text})
    await engine.create_app("story", {"syncPolicy": AUTOMATED}, finalizers=ALL[:1])
    app = await engine.until(APP, lambda o: o["metadata"]["finalizers"] == ALL)
    assert app is not None
    await engine.until_app("story", lambda s: (s.get("sync") or {}).get("status") == "Synced")
    order: list[tuple[str, str]] = []
    leave = engine.cache.subscribe(
        lambda type_, new, _: (
            order.append((type_, new.key.name))
            if type_ != "MODIFIED" and new.key.kind in {"Job", "ConfigMap"}
            else None
        )
    )
    await engine.client.delete(APPLICATION, "argocd", "story")
    await engine.until(APP, lambda o: o is None, 30)
    leave()
    steps = [(type_, name.partition("-")[0]) for type_, name in order]
    wanted = [("ADDED", "before"), ("DELETED", "one"), ("ADDED", "after"), ("DELETED", "after")]
    assert [step for step in steps if step in wanted] == wanted
    assert ("DELETED", "before") in steps
    # It did not fail, so its policy keeps it; cascading does not concern what runs afterwards.
    assert engine.cache.get(ObjectKey("", "ConfigMap", "story", "trace")) is not None


@pytest.mark.asyncio
async def test_finalizers_go_with_the_hooks_that_need_them(engine: Any) -> None:
    before = hook("PreDelete", "name: before", "HookSucceeded")
    engine.push({"a.yaml": ONE, "b.yaml": before})
    await engine.create_app("story", {"syncPolicy": AUTOMATED}, finalizers=["example.org/mine"])
    await engine.until(
        APP, lambda o: o["metadata"]["finalizers"] == ["example.org/mine", *ALL[1:3]]
    )
    engine.push({"b.yaml": None})
    await engine.until(APP, lambda o: o["metadata"]["finalizers"] == ["example.org/mine"])


@pytest.mark.asyncio
async def test_a_failed_hook_is_told_and_tried_again(engine: Any) -> None:
    notes = "{argocd.argoproj.io/hook: PreDelete}"
    claim = (
        "apiVersion: v1\nkind: PersistentVolumeClaim\n"
        f"metadata: {{name: before, annotations: {notes}}}\nspec: {{accessModes: [ReadWriteOnce],"
        " storageClassName: none, resources: {requests: {storage: 1Mi}}}\n"
    )
    engine.push({"a.yaml": f"{ONE}---\n{claim}"})
    await engine.create_app("story", {"syncPolicy": AUTOMATED}, finalizers=ALL[:1])
    await engine.until(APP, lambda o: o["metadata"].get("finalizers") == ALL[:3])
    key = ObjectKey("", "PersistentVolumeClaim", "story", "before")
    created: asyncio.Queue[str] = asyncio.Queue()
    leave = engine.cache.subscribe(
        lambda type_, new, _: (
            created.put_nowait(new.uid) if type_ == "ADDED" and new.key == key else None
        )
    )

    async def ends(phase: str) -> str:
        uid = await asyncio.wait_for(created.get(), 20)
        patch = {"metadata": {"uid": uid}, "status": {"phase": phase}}
        where = {"manager": "test", "subresource": "status"}
        await engine.client.patch(CLAIM, "story", "before", patch, **where)
        return uid

    await engine.client.delete(APPLICATION, "argocd", "story")
    first = await ends("Lost")
    told = await engine.until_app("story", lambda s: bool(s.get("conditions")))
    (said,) = told["status"]["conditions"]
    text = "PreDelete hook(s) failed: story/before"
    assert (said["type"], said["message"]) == ("DeletionError", text)
    assert await ends("Bound") != first
    leave()
    await engine.until(APP, lambda o: o is None, 20)
