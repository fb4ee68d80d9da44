"""Health scripts of `argocd-cm` in the engine: waves wait for them, and bad ones harm nobody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from towline.aio.clock import SystemClock
from towline.kube.refs import GroupVersionKind, ObjectKey
from towline.workers.script_pool import ScriptPool, ScriptPoolLimits

AUTOMATED = {"automated": {}}
CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")
READY = "return {status = 'Healthy', message = obj.data.a}"
WAITING = "return {status = 'Progressing', message = 'not yet: ' .. obj.data.a}"
ENDLESS = "while true do pcall(function() while true do end end) end"


def config(name: str, wave: int = 0) -> str:
    return f"""
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
  annotations: {{argocd.argoproj.io/sync-wave: '{wave}'}}
data: {{a: '1'}}
"""


SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}]}
"""


async def customise(engine: Any, script: str) -> None:
    obj = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-cm", "namespace": "argocd"},
        "data": {"resource.customizations.health.ConfigMap": script},
    }
    await engine.client.apply(obj, manager="operator")


def health(code: str, message: str = "") -> Callable[[Any], bool]:
    def accept(status: Any) -> bool:
        found = status.get("health") or {}
        return (found.get("status"), found.get("message", "")) == (code, message)

    return accept


@pytest.mark.asyncio
async def test_scripts_of_the_operator_decide_in_the_engine(tmp_path: Path, harness: Any) -> None:
    scripts = ScriptPool(SystemClock(), ScriptPoolLimits(cpu_seconds=1.0, left_out=600.0))
    repos = harness.DictRepos()
    async with (
        harness.drydock(tmp_path) as kubeconfig,
        harness.running_engine(kubeconfig, repos, scripts=scripts) as engine,
    ):
        try:
            await customise(engine, WAITING)
            engine.push({"one.yaml": config("one") + config("two", 1), "svc/s.yaml": SERVICE})
            await engine.create_app("story", {"syncPolicy": AUTOMATED})
            waiting = await engine.until_app(
                "story",
                lambda s: "waiting for" in (s.get("operationState") or {}).get("message", ""),
            )
            assert "ConfigMap/one" in waiting["status"]["operationState"]["message"]
            assert engine.cache.get(ObjectKey("", "ConfigMap", "story", "two")) is None

            await customise(engine, READY)
            done = await engine.until_app(
                "story",
                lambda s: (
                    (s.get("operationState") or {}).get("phase") == "Succeeded"
                    and health("Healthy")(s)
                ),
            )
            results = done["status"]["operationState"]["syncResult"]["resources"]
            assert [(r["name"], r["message"]) for r in results] == [
                ("one", "1"),
                ("two", "configmap/two created"),
            ]

            await customise(engine, ENDLESS)
            await engine.create_app("other", {"syncPolicy": AUTOMATED, "source": {"path": "svc"}})
            await engine.until_app("other", health("Healthy"))
            await engine.until_app(
                "story",
                health("Unknown", "Caused by ConfigMap:story/one, ConfigMap:story/two"),
            )
        finally:
            await scripts.close()
