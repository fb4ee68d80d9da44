"""The engine's story against a real API server."""

from __future__ import annotations

from typing import Any

import pytest

from towline.kube.refs import GroupVersionKind

AUTOMATED = {"automated": {"prune": True, "selfHeal": True}}
DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")
CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")


def config(name: str, value: str = "1") -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  a: '{value}'\n"


def deployment(replicas: int = 1, tag: str = "1") -> str:
    return f"""
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


def synced(commit: Any) -> Any:
    return lambda s: (
        s.get("sync", {}).get("status") == "Synced" and s["sync"].get("revision") == commit
    )


@pytest.mark.asyncio
async def test_a_push_is_synced_and_a_second_one_too(engine: Any) -> None:
    first = engine.push({"a.yaml": config("one") + "---" + deployment()})
    await engine.create_app("story", {"syncPolicy": AUTOMATED})
    app = await engine.until_app(
        "story", lambda s: synced(first)(s) and s["health"]["status"] == "Healthy"
    )
    assert app["status"]["operationState"]["phase"] == "Succeeded", app["status"]
    second = engine.push({"a.yaml": config("one", "2") + "---" + deployment(2, "2")})
    app = await engine.until_app(
        "story", lambda s: synced(second)(s) and s["health"]["status"] == "Healthy"
    )
    assert [h["id"] for h in app["status"]["history"]] == [0, 1]
