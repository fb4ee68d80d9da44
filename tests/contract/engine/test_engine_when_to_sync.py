"""Sync windows, and retries that look for the latest revision, against a real API server."""

from __future__ import annotations

from typing import Any

import pytest

from towline.argo.names import APP_PROJECT
from towline.kube.refs import ObjectKey

ONE = ObjectKey("", "ConfigMap", "story", "one")
ALWAYS = {"schedule": "* * * * *", "duration": "1h", "applications": ["*"]}


def config(name: str, value: str = "1") -> str:
    meta = f"metadata: {{name: {name}}}"
    return f"apiVersion: v1\nkind: ConfigMap\n{meta}\ndata: {{a: '{value}'}}\n"


async def windows(engine: Any, *found: Any) -> None:
    patch = {"spec": {"syncWindows": list(found)}}
    await engine.client.patch(APP_PROJECT, "argocd", "default", patch, manager="test")


def blocked(status: Any) -> bool:
    state = status.get("operationState") or {}
    return (state.get("phase"), state.get("message")) == (
        "Running",
        "Sync operation blocked by sync window",
    )


@pytest.mark.asyncio
async def test_a_closed_window_holds_syncs_back_until_it_opens(engine: Any) -> None:
    await windows(engine, {"kind": "deny", **ALWAYS})
    commit = engine.push({"a.yaml": config("one")})
    await engine.create_app("story", {"syncPolicy": {"automated": {}}})
    app = await engine.until_app("story", lambda s: bool(s.get("sync")))
    assert app["status"]["sync"]["status"] == "OutOfSync"
    assert "operation" not in app
    await engine.sync("story", revision=commit)
    await engine.until_app("story", blocked)
    assert engine.cache.get(ONE) is None
    await windows(engine, {"kind": "deny", **ALWAYS, "manualSync": True})
    await engine.until_app("story", lambda s: s["operationState"]["phase"] == "Succeeded")
    second = engine.push({"a.yaml": config("one", "2")})
    found = {"status": "OutOfSync", "revision": second}
    await engine.until_app("story", lambda s: found.items() <= s["sync"].items())
    await windows(engine)
    found["status"] = "Synced"
    await engine.until_app("story", lambda s: found.items() <= s["sync"].items())


@pytest.mark.asyncio
@pytest.mark.parametrize("refresh", [True, False])
async def test_a_retry_may_look_for_the_latest_revision(engine: Any, refresh: bool) -> None:
    first = engine.push({"a.yaml": config("Bad_Name")})
    backoff = {"duration": "2s", "factor": 1, "maxDuration": "2s"}
    await engine.create_app("story", {})
    await engine.until_app("story", lambda s: bool(s.get("sync")))
    retry = {"limit": 1, "refresh": refresh, "backoff": backoff}
    operation = {"initiatedBy": {"username": "t"}, "retry": retry, "sync": {"revision": first}}
    await engine.operate("story", operation)

    def state(status: Any) -> Any:
        return status.get("operationState") or {}

    await engine.until_app("story", lambda s: "Retrying" in state(s).get("message", ""))
    second = engine.push({"a.yaml": config("one")})
    phases = {"Succeeded", "Failed"}
    app = await engine.until_app("story", lambda s: state(s)["phase"] in phases)
    last = state(app["status"])
    ended = (last["phase"], last["syncResult"]["revision"])
    assert ended == (("Succeeded", second) if refresh else ("Failed", first))
