"""Pods: what is filled in, what may change, status, binding, eviction, deletion."""

from __future__ import annotations

from typing import Any

from peers.recording import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, Talk

from scenarios.objects import container, pod


def pod_creation(talk: Talk) -> None:
    path = talk.path("pods")
    bodies: dict[str, dict[str, Any]] = {
        "plain": pod("plain"),
        "requests": pod(
            "requests",
            containers=[container(resources={"limits": {"cpu": "500m", "memory": "1Gi"}})],
        ),
        "guaranteed": pod(
            "guaranteed",
            containers=[
                container(
                    resources={
                        "limits": {"cpu": 1, "memory": "1Gi"},
                        "requests": {"cpu": 1, "memory": "1Gi"},
                    }
                )
            ],
        ),
        "host": pod(
            "host", hostNetwork=True, containers=[container(ports=[{"containerPort": 8080}])]
        ),
        "no-token": pod("no-token", automountServiceAccountToken=False),
        "tolerant": pod("tolerant", tolerations=[{"operator": "Exists"}]),
        "on-node": pod("on-node", nodeName="n1"),
        "init": pod("init", initContainers=[container("i")]),
        "no-links": pod("no-links", enableServiceLinks=False),
        "old-account": pod("old-account", serviceAccount="default"),
        "gated": pod("gated", schedulingGates=[{"name": "example.com/g"}]),
    }
    for step, body in bodies.items():
        talk.ask(step, "POST", path, body)
    for step, body in {
        "no account": pod("a", serviceAccountName="none"),
        "no spec": {"metadata": {"name": "a"}},
        "no containers": {"metadata": {"name": "a"}, "spec": {}},
        "priority class": pod("a", priorityClassName="none"),
        "system priority": pod("a", priorityClassName="system-node-critical"),
        "priority": pod("a", priority=7),
        "mirror": {
            **pod("a"),
            "metadata": {"name": "a", "annotations": {"kubernetes.io/config.mirror": "x"}},
        },
        "debug container": pod("a", ephemeralContainers=[container("e")]),
    }.items():
        talk.ask(step, "POST", f"{path}?dryRun=All", body)


def pod_changes(talk: Talk) -> None:
    path = talk.path("pods")
    talk.quiet("POST", path, pod("p"))
    mine = f"{path}/p"
    for step, patch in (
        ("label", {"metadata": {"labels": {"a": "b"}}}),
        ("image", {"spec": {"containers": [{"name": "c", "image": "example.com/app:2"}]}}),
        (
            "variable",
            {"spec": {"containers": [{"name": "c", "env": [{"name": "A", "value": "1"}]}]}},
        ),
        ("second container", {"spec": {"containers": [{"name": "d", "image": "x"}]}}),
        ("deadline", {"spec": {"activeDeadlineSeconds": 100}}),
        ("longer deadline", {"spec": {"activeDeadlineSeconds": 200}}),
        ("toleration", {"spec": {"tolerations": [{"key": "n", "operator": "Exists"}]}}),
        ("restart", {"spec": {"restartPolicy": "Never"}}),
        ("status", {"status": {"phase": "Running"}}),
    ):
        talk.ask(step, "PATCH", mine, patch, content_type=STRATEGIC_PATCH)
    node = {"spec": {"nodeName": "n"}}
    talk.ask("node", "PATCH", f"{mine}?dryRun=All", node, content_type=STRATEGIC_PATCH)
    status = {
        "phase": "Running",
        "podIP": "10.0.0.1",
        "podIPs": [{"ip": "10.0.0.1"}],
        "startTime": "2026-01-01T00:00:00Z",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [
            {
                "name": "c",
                "ready": True,
                "restartCount": 0,
                "image": "x",
                "imageID": "",
                "state": {"running": {}},
            }
        ],
    }
    talk.ask(
        "status path", "PATCH", f"{mine}/status", {"status": status}, content_type=STRATEGIC_PATCH
    )
    condition = {"status": {"conditions": [{"type": "Initialized", "status": "True"}]}}
    talk.ask(
        "another condition", "PATCH", f"{mine}/status", condition, content_type=STRATEGIC_PATCH
    )
    talk.ask("ready", "GET", f"{path}?fieldSelector=status.phase=Running,spec.nodeName=")
    talk.ask(
        "resize",
        "PATCH",
        f"{mine}/resize",
        {"spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "1"}}}]}},
        content_type=STRATEGIC_PATCH,
    )


def binding_and_deletion(talk: Talk) -> None:
    path = talk.path("pods")
    for name in ("a", "b", "c", "d"):
        talk.quiet("POST", path, pod(name))
    target = {"target": {"kind": "Node", "name": "n1"}}
    bind = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "a"}, **target}
    talk.ask("bind", "POST", f"{path}/a/binding", bind)
    talk.ask("bind again", "POST", f"{path}/a/binding", bind)
    talk.ask("bind nothing", "POST", f"{path}/none/binding", {**bind, "metadata": {"name": "none"}})
    talk.ask("bound", "GET", f"{path}/a")
    talk.ask(
        "by node",
        "GET",
        f"{path}?fieldSelector=spec.nodeName=n1",
        view=lambda found: [each["metadata"]["name"] for each in found["items"]],
    )
    talk.ask("delete a bound one", "DELETE", f"{path}/a")
    talk.ask("delete it again", "DELETE", f"{path}/a")
    talk.ask("shorter", "DELETE", f"{path}/a", {"gracePeriodSeconds": 5})
    talk.ask("longer", "DELETE", f"{path}/a", {"gracePeriodSeconds": 50})
    talk.ask(
        "change it",
        "PATCH",
        f"{path}/a",
        {"metadata": {"labels": {"x": "y"}}},
        content_type=MERGE_PATCH,
    )
    talk.ask("at once", "DELETE", f"{path}/a?gracePeriodSeconds=0")
    talk.ask("gone", "GET", f"{path}/a")
    talk.ask("delete an unbound one", "DELETE", f"{path}/b")
    talk.ask("gone as well", "GET", f"{path}/b")
    evict = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "c"}}
    talk.ask("evict", "POST", f"{path}/c/eviction", evict)
    talk.ask(
        "evict nothing", "POST", f"{path}/none/eviction", {**evict, "metadata": {"name": "none"}}
    )
    talk.ask("log without a node", "GET", f"{path}/d/log")
    talk.ask("log of an unknown container", "GET", f"{path}/d/log?container=x")
    talk.ask("foreground", "DELETE", f"{path}/d?propagationPolicy=Foreground")
    talk.ask(
        "no finalizers",
        "PATCH",
        f"{path}/d",
        [{"op": "remove", "path": "/metadata/finalizers"}],
        content_type=JSON_PATCH,
    )
