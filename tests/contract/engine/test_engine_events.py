"""Events about applications against a real API server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from towline.kube.refs import GroupKind

EVENTS = GroupKind("", "Event")
ONE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n"


@pytest.mark.asyncio
async def test_a_sync_leaves_the_events_that_argo_cd_leaves(engine: Any) -> None:
    commit = engine.push({"a.yaml": ONE})
    await engine.create_app("story", {"syncPolicy": {"automated": {}}})
    await engine.until_app("story", lambda s: (s.get("sync") or {}).get("status") == "Synced")
    wanted = {
        ("OperationStarted", "Normal", f"Initiated automated sync to '{commit}'"),
        ("OperationCompleted", "Normal", f"Sync operation to {commit} succeeded"),
        ("ResourceUpdated", "Normal", "Updated sync status: OutOfSync -> Synced"),
        ("ResourceUpdated", "Normal", "Updated health status: Missing -> Healthy"),
    }
    async with asyncio.timeout(10):
        while True:
            found, _ = await engine.client.list(EVENTS, "argocd")
            told = {(one["reason"], one["type"], one["message"]) for one in found}
            if wanted <= told:
                break
            await asyncio.sleep(0.05)
    about = [one["involvedObject"] for one in found]
    assert {(one["kind"], one["name"]) for one in about} == {("Application", "story")}
    assert {one["source"]["component"] for one in found} == {"argocd-application-controller"}
