"""The node against real containers."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from towline.kube.refs import GroupResource

PODS = GroupResource("", "pods")
CONFIG_MAPS = GroupResource("", "configmaps")
SECRETS = GroupResource("", "secrets")
NAMESPACES = Path("/run/netns")


def _meta(name: str) -> dict[str, str]:
    return {"name": name, "namespace": "default"}


@pytest.mark.asyncio
async def test_a_pod_runs_tells_and_goes(cluster: Any) -> None:
    await cluster.run_pod("one", "sh", "-c", "echo hello; exec sleep 100")
    await cluster.until(lambda: "running" in cluster.state("one"))
    status = cluster.status("one")
    assert status["phase"] == "Running"
    assert status["podIP"].startswith("10.244.")
    await cluster.until(lambda: cluster.node.logs is not None)
    assert (await cluster.log("one")).startswith("hello")
    await cluster.registry.delete(PODS, "default", "one")
    await cluster.until(lambda: not cluster.pod("one"))
    assert cluster.podman("ps", "-aq") == ""
    assert not list(NAMESPACES.glob(f"{cluster.plan.bridge}-*"))


@pytest.mark.asyncio
async def test_configuration_reaches_the_container(cluster: Any) -> None:
    base = {"apiVersion": "v1", "metadata": _meta("cfg")}
    await cluster.apply(CONFIG_MAPS, {**base, "kind": "ConfigMap", "data": {"a": "from-file"}})
    await cluster.apply(SECRETS, {**base, "kind": "Secret", "stringData": {"pw": "hunter2"}})
    await cluster.run_pod(
        "full",
        "sh",
        "-c",
        "echo $PW $NAME $IP; cat /cfg/a; cat /data/init; cat /etc/resolv.conf; id -u; "
        "echo bye > /dev/termination-log; exit 3",
        restartPolicy="Never",
        securityContext={"runAsUser": 1000, "fsGroup": 2000},
        container={
            "env": [
                {"name": "PW", "valueFrom": {"secretKeyRef": {"name": "cfg", "key": "pw"}}},
                {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            ],
            "volumeMounts": [
                {"name": "cfg", "mountPath": "/cfg"},
                {"name": "data", "mountPath": "/data"},
            ],
        },
        initContainers=[
            {
                "name": "init",
                "image": "localhost/box:1",
                "command": ["sh", "-c", "echo initialised > /data/init"],
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            }
        ],
        volumes=[
            {"name": "cfg", "configMap": {"name": "cfg"}},
            {"name": "data", "emptyDir": {}},
        ],
    )
    await cluster.until(lambda: cluster.status("full").get("phase") == "Failed")
    ended = cluster.state("full")["terminated"]
    assert (ended["exitCode"], ended["message"]) == (3, "bye\n")
    text = await cluster.log("full")
    first, second, *rest = text.splitlines()
    assert first == f"hunter2 full {cluster.status('full')['podIP']}"
    assert second == "from-fileinitialised"
    assert f"nameserver {cluster.plan.dns_ip}" in rest
    assert rest[-1] == "1000"


@pytest.mark.asyncio
async def test_a_crash_is_restarted_once_and_then_waits(cluster: Any) -> None:
    await cluster.run_pod("crash", "sh", "-c", "echo boom; exit 4")

    def waiting() -> bool:
        state = cluster.state("crash")
        return state["count"] == 1 and "waiting" in state

    await cluster.until(waiting)
    waits = cluster.state("crash")["waiting"]
    assert waits["reason"] == "CrashLoopBackOff"
    assert waits["message"].startswith("back-off 10s restarting failed container=main")
    assert await cluster.log("crash", previous=True) == "boom\n"


@pytest.mark.asyncio
async def test_a_memory_limit_is_enforced_and_named(cluster: Any) -> None:
    await cluster.run_pod(
        "greedy",
        "tail",
        "/dev/zero",
        restartPolicy="Never",
        container={"resources": {"limits": {"memory": "16Mi"}}},
    )
    await cluster.until(lambda: "terminated" in cluster.state("greedy"))
    ended = cluster.state("greedy")["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


@pytest.mark.asyncio
async def test_what_cannot_start_says_why(cluster: Any) -> None:
    await cluster.run_pod("typo", "/nope", restartPolicy="Never")
    await cluster.run_pod(
        "absent", container={"image": "localhost/x:1", "imagePullPolicy": "Never"}
    )
    source = {"configMapKeyRef": {"name": "later", "key": "k"}}
    env = [{"name": "X", "valueFrom": source}]
    await cluster.run_pod("early", "sleep", "100", container={"env": env})
    await cluster.run_pod("root", "true", container={"securityContext": {"privileged": True}})
    await cluster.until(lambda: cluster.state("typo").get("terminated"))
    assert cluster.state("typo")["terminated"]["reason"] == "StartError"
    expected = {
        "absent": "ErrImageNeverPull",
        "early": "CreateContainerConfigError",
        "root": "CreateContainerConfigError",
    }
    for name, reason in expected.items():
        await cluster.until(lambda name=name: cluster.state(name).get("waiting", {}).get("message"))
        assert cluster.state(name)["waiting"]["reason"] == reason
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _meta("later"), "data": {"k": "v"}}
    await cluster.apply(CONFIG_MAPS, body)
    await cluster.until(lambda: "running" in cluster.state("early"), seconds=5)


@pytest.mark.asyncio
async def test_a_liveness_probe_restarts_and_readiness_follows(cluster: Any) -> None:
    script = "touch /tmp/ok; httpd -f -p 80 -h /tmp & trap 'exit 0' TERM; wait"
    await cluster.run_pod(
        "probed",
        "sh",
        "-c",
        script,
        container={
            "readinessProbe": {"httpGet": {"path": "/ok", "port": 80}, "periodSeconds": 1},
            "livenessProbe": {
                "exec": {"command": ["cat", "/tmp/ok"]},
                "periodSeconds": 1,
                "failureThreshold": 1,
            },
        },
    )

    def ready() -> bool:
        return any(
            entry["ready"] for entry in cluster.status("probed").get("containerStatuses", [])
        )

    await cluster.until(ready)
    container = cluster.podman("ps", "-q").split()[0]
    await asyncio.to_thread(cluster.podman, "exec", container, "rm", "/tmp/ok")
    await cluster.until(lambda: cluster.state("probed")["count"] == 1)
    await cluster.until(ready)


@pytest.mark.asyncio
async def test_containers_survive_the_node_and_are_adopted(cluster: Any) -> None:
    await cluster.run_pod("stays", "sleep", "1000")
    await cluster.run_pod("dies", "sleep", "1000")
    await cluster.run_pod("gone", "sleep", "1000")
    names = ("stays", "dies", "gone")
    await cluster.until(lambda: all("running" in cluster.state(name) for name in names))
    before = {name: cluster.status(name)["containerStatuses"][0] for name in names}
    pids = {name: _pid(cluster, before[name]) for name in names}
    await cluster.stop_node()
    os.kill(pids["dies"], signal.SIGKILL)
    await cluster.registry.delete(PODS, "default", "gone", grace=0)
    await cluster.start_node()
    await cluster.until(lambda: cluster.state("dies")["count"] == 1)
    await cluster.until(lambda: not Path(f"/proc/{pids['gone']}").exists())
    await cluster.until(lambda: len(list(NAMESPACES.glob(f"{cluster.plan.bridge}-*"))) == 2)
    assert cluster.status("stays")["containerStatuses"][0] == before["stays"]
    assert Path(f"/proc/{pids['stays']}").exists()


def _pid(cluster: Any, entry: dict[str, Any]) -> int:
    identifier = entry["containerID"].removeprefix("podman://")
    return int(cluster.podman("inspect", "-f", "{{.State.Pid}}", identifier))


@pytest.mark.asyncio
async def test_a_killed_podman_service_comes_back(cluster: Any) -> None:
    await cluster.run_pod("first", "sleep", "1000")
    await cluster.until(lambda: "running" in cluster.state("first"))
    before = cluster.state("first")
    os.kill(cluster.node._engine.pid, signal.SIGKILL)
    await cluster.run_pod("second", "sleep", "1000")
    await cluster.until(lambda: "running" in cluster.state("second"))
    assert cluster.state("first") == before


@pytest.mark.asyncio
async def test_teardown_leaves_nothing(cluster: Any) -> None:
    await cluster.run_pod("one", "sleep", "1000")
    await cluster.until(lambda: "running" in cluster.state("one"))
    pid = _pid(cluster, cluster.status("one")["containerStatuses"][0])
    await cluster.stop_node()
    await cluster.node.teardown()
    folder = str(cluster.options.data_dir)
    assert not Path(f"/proc/{pid}").exists()
    assert folder not in Path("/proc/self/mountinfo").read_text()
    assert not Path(f"/sys/class/net/{cluster.plan.bridge}").exists()
    assert not list(NAMESPACES.glob(f"{cluster.plan.bridge}-*"))
    assert not list(Path("/sys/fs/cgroup").glob(f"*/{cluster.plan.bridge}"))
    commands = [file.read_bytes() for file in Path("/proc").glob("[0-9]*/cmdline") if file.exists()]
    assert not [text for text in commands if folder.encode() in text]
