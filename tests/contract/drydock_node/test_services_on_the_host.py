"""Services, DNS and rolling updates with real pods."""

from __future__ import annotations

import asyncio
import http.client
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from towline.kube.refs import GroupResource

DEPLOYMENTS = GroupResource("apps", "deployments")
SERVICES = GroupResource("", "services")
PODS = GroupResource("", "pods")
# Listens late, and dies with what it is doing when it is told to end.
_SERVER = (
    "mkdir /www; echo $V > /www/index.html; sleep 1; httpd -f -p 5000 -h /www & P=$!; "
    'trap "kill -9 $P; exit 0" TERM; wait'
)


def _deployment(version: str) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": "localhost/box:1",
        "command": ["sh", "-c", _SERVER],
        "env": [{"name": "V", "value": version}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 5},
            },
        },
    }


def _service(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "type": "LoadBalancer",
            "selector": {"app": "web"},
            "ports": [{"port": 80, "targetPort": 5000}],
            **spec,
        },
    }


def _get(host: str, port: int = 80) -> str:
    connection = http.client.HTTPConnection(host, port, timeout=15)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode().strip()
    finally:
        connection.close()


def _balancer_ip(cluster: Any) -> str:
    service = cluster.registry.get(SERVICES, "default", "web") or {}
    ingress = (service.get("status") or {}).get("loadBalancer", {}).get("ingress") or [{}]
    return str(ingress[0].get("ip") or "")


def _available(cluster: Any) -> bool:
    deployment = cluster.registry.get(DEPLOYMENTS, "default", "web")
    status = deployment.get("status") or {}
    current = status.get("observedGeneration") == deployment["metadata"]["generation"]
    counts = (
        status.get("updatedReplicas"),
        status.get("availableReplicas"),
        status.get("replicas"),
    )
    return current and counts == (3, 3, 3)


@pytest.mark.asyncio
@pytest.mark.slow
async def test_a_rolling_update_fails_no_request(cluster: Any) -> None:
    await cluster.apply(DEPLOYMENTS, _deployment("one"))
    await cluster.apply(SERVICES, _service())
    host = await cluster.until(lambda: _balancer_ip(cluster))
    assert await asyncio.to_thread(_get, host) == "one"
    answers: list[asyncio.Future[str]] = []
    done = asyncio.Event()

    async def ask() -> None:
        while not done.is_set():
            answers.append(asyncio.ensure_future(asyncio.to_thread(_get, host)))
            await asyncio.sleep(0.05)

    asking = asyncio.create_task(ask())
    await cluster.registry.mutate(
        DEPLOYMENTS,
        "default",
        "web",
        lambda obj: obj.update(spec=_deployment("two")["spec"]),
        manager="test",
    )
    await cluster.until(lambda: _available(cluster))
    await cluster.until(lambda: len(cluster.registry.objects(PODS)) == 3)
    done.set()
    await asking
    texts = await asyncio.gather(*answers)
    assert set(texts) == {"one", "two"}
    assert texts[-1] == "two"


@pytest.mark.asyncio
async def test_a_service_is_reached_from_pods_and_host(cluster: Any) -> None:
    script = "echo page > /tmp/index.html; exec httpd -f -p 5000 -h /tmp"
    await cluster.run_pod("web", "sh", "-c", script)
    node_port = 30000 + os.getpid() % 2000
    ports = [{"port": 80, "targetPort": 5000, "nodePort": node_port}]
    await cluster.apply(SERVICES, _service(ports=ports))
    host = await cluster.until(lambda: _balancer_ip(cluster))
    service = cluster.registry.get(SERVICES, "default", "web")
    for address in ((host, 80), (service["spec"]["clusterIP"], 80), ("127.0.0.1", node_port)):
        assert await asyncio.to_thread(_get, *address) == "page"
    await cluster.run_pod(
        "client",
        "sh",
        "-c",
        "wget -qO- http://web; wget -qO- http://web.default.svc.cluster.local; "
        "wget -qO- http://$WEB_SERVICE_HOST; wget -T 5 -qO- http://nope || echo no nope",
        restartPolicy="Never",
    )
    await cluster.until(lambda: cluster.status("client").get("phase") == "Succeeded")
    assert (await cluster.log("client")).splitlines()[:3] == ["page"] * 3
    assert "no nope" in await cluster.log("client")


@pytest.mark.asyncio
@pytest.mark.skipif(shutil.which("docker-registry") is None, reason="needs docker-registry")
async def test_an_image_is_pulled_from_a_mirror(cluster: Any, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "registry.json"
    storage = {"filesystem": {"rootdirectory": str(tmp_path / "registry")}}
    body = {"version": 0.1, "storage": storage, "http": {"addr": f"127.0.0.1:{port}"}}
    config.write_bytes(msgspec.json.encode(body))
    registry = subprocess.Popen(
        ["docker-registry", "serve", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        await cluster.until(lambda: _listens(port))
        target = f"127.0.0.1:{port}/me/app:7"
        push = ("push", "--tls-verify=false", "localhost/box:1", target)
        await asyncio.to_thread(cluster.podman, *push)
        await cluster.stop_node()
        mirrors = {"docker.io": f"127.0.0.1:{port}"}
        cluster.options = msgspec.structs.replace(cluster.options, registry_mirrors=mirrors)
        await cluster.start_node()
        await cluster.run_pod("pulled", "sleep", "100", container={"image": "me/app:7"})
        await cluster.until(lambda: "running" in cluster.state("pulled"))
        entry = cluster.status("pulled")["containerStatuses"][0]
        assert entry["image"] == "me/app:7"
        assert entry["imageID"].startswith("docker.io/me/app@sha256:")
    finally:
        registry.terminate()
        registry.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
