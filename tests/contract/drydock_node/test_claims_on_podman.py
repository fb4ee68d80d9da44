"""Persistent volumes under real containers."""

from __future__ import annotations

from typing import Any

import pytest

from towline.kube.refs import GroupResource

PODS = GroupResource("", "pods")
CLAIMS = GroupResource("", "persistentvolumeclaims")
VOLUMES = GroupResource("", "persistentvolumes")


@pytest.mark.asyncio
async def test_a_claim_keeps_what_pods_write_until_it_is_deleted(cluster: Any) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "default"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }
    await cluster.apply(CLAIMS, claim)
    mounted = {
        "restartPolicy": "Never",
        "securityContext": {"runAsUser": 1000},
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}],
    }
    container = {"volumeMounts": [{"name": "v", "mountPath": "/data"}]}
    await cluster.run_pod(
        "writer", "sh", "-c", "echo kept > /data/file", container=container, **mounted
    )
    await cluster.until(lambda: cluster.status("writer").get("phase") == "Succeeded")
    await cluster.run_pod("reader", "cat", "/data/file", container=container, **mounted)
    await cluster.until(lambda: cluster.status("reader").get("phase") == "Succeeded")
    assert await cluster.log("reader") == "kept\n"
    bound = cluster.registry.get(CLAIMS, "default", "data")
    folder = cluster.claims / bound["spec"]["volumeName"]
    assert (folder / "file").read_text() == "kept\n"
    await cluster.registry.delete(PODS, "default", "reader")
    await cluster.registry.delete(PODS, "default", "writer")
    await cluster.registry.delete(CLAIMS, "default", "data")
    await cluster.until(lambda: not cluster.registry.objects(VOLUMES))
    assert not folder.exists()
