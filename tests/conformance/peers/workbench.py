"""Drives controllers through the API alone: there is no kubelet, the test says how pods are.

Without a node pods stay unbound, so that deleting one takes it away at once and nothing but the
test changes it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar
from urllib.parse import quote

from peers.client import Client
from peers.recording import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, Talk

Obj = dict[str, Any]
T = TypeVar("T")
STAMP = "%Y-%m-%dT%H:%M:%SZ"
_SECONDS = 20.0
_LOOK = 0.05
_SETTLED = 0.3

DEPLOYMENTS = "apps/v1/deployments"
REPLICA_SETS = "apps/v1/replicasets"
STATEFUL_SETS = "apps/v1/statefulsets"
DAEMON_SETS = "apps/v1/daemonsets"
JOBS = "batch/v1/jobs"
CRON_JOBS = "batch/v1/cronjobs"
BUDGETS = "policy/v1/poddisruptionbudgets"
SLICES = "discovery.k8s.io/v1/endpointslices"


class Workbench:
    """One namespace of a server.

    Args:
        client: Its administrator.
        namespace: Made here.
    """

    def __init__(self, client: Client, namespace: str) -> None:
        self._talk = Talk(client, namespace)
        self.namespace = namespace
        self.send("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})

    def send(self, method: str, path: str, body: Any = None, content_type: str = "") -> Any:
        """The body of a successful answer."""
        reply = self._talk.quiet(
            method, path, body, content_type=content_type or "application/json"
        )
        assert reply.status < 300, f"{method} {path}: {reply.status} {reply.body}"
        return reply.body

    def create(self, resource: str, obj: Obj) -> Obj:
        made: Obj = self.send("POST", self._talk.path(resource), obj)
        return made

    def get(self, resource: str, name: str) -> Obj:
        found: Obj = self.send("GET", self._talk.path(resource, name))
        return found

    def find(self, resource: str, name: str) -> Obj | None:
        """None when it is not there."""
        reply = self._talk.quiet("GET", self._talk.path(resource, name))
        assert reply.status in (200, 404)
        return reply.body if reply.status == 200 else None

    def objects(self, resource: str, labels: str = "") -> list[Obj]:
        """By name."""
        path = f"{self._talk.path(resource)}?labelSelector={quote(labels)}"
        items: list[Obj] = self.send("GET", path)["items"]
        return sorted(items, key=lambda item: str(item["metadata"]["name"]))

    def merge(self, resource: str, name: str, patch: Obj, subresource: str = "") -> Obj:
        """A merge patch."""
        path = "/".join(filter(None, (self._talk.path(resource, name), subresource)))
        made: Obj = self.send("PATCH", path, patch, MERGE_PATCH)
        return made

    def edit(self, resource: str, name: str, *operations: Obj) -> Obj:
        """A JSON patch."""
        made: Obj = self.send(
            "PATCH", self._talk.path(resource, name), list(operations), JSON_PATCH
        )
        return made

    def delete(self, resource: str, name: str, propagation: str = "Background") -> None:
        self.send("DELETE", self._talk.path(resource, name), {"propagationPolicy": propagation})

    # Pods

    def pods(self, labels: str = "") -> list[Obj]:
        """Those that are not finished and not being deleted, by name."""
        return [
            pod
            for pod in self.objects("pods", labels)
            if pod["status"].get("phase") not in ("Succeeded", "Failed")
            and "deletionTimestamp" not in pod["metadata"]
        ]

    def ready(self, pods: Iterable[Obj]) -> None:
        """Says that the pods run and are ready."""
        for pod in pods:
            self._say(pod, {"phase": "Running", "conditions": [_condition("Ready", "True")]})

    def unready(self, pods: Iterable[Obj]) -> None:
        """Says that the pods run and are not ready."""
        for pod in pods:
            self._say(pod, {"phase": "Running", "conditions": [_condition("Ready", "False")]})

    def finish(self, pods: Iterable[Obj], code: int = 0) -> None:
        """Says that the pods' containers ended with the code."""
        phase = "Failed" if code else "Succeeded"
        for pod in pods:
            ended = {"exitCode": code, "finishedAt": time.strftime(STAMP, time.gmtime())}
            state = {"terminated": {**ended, "reason": "Error" if code else "Completed"}}
            containers = [
                {
                    "name": container["name"],
                    "image": container["image"],
                    "imageID": "",
                    "ready": False,
                    "restartCount": 0,
                    "state": state,
                }
                for container in pod["spec"]["containers"]
            ]
            conditions = [_condition("Ready", "False")]
            self._say(
                pod, {"phase": phase, "conditions": conditions, "containerStatuses": containers}
            )

    def _say(self, pod: Obj, status: Obj) -> None:
        path = f"{self._talk.path('pods', pod['metadata']['name'])}/status"
        self.send("PATCH", path, {"status": status}, STRATEGIC_PATCH)

    def end_deleted(self) -> None:
        """Ends bound pods that are to be deleted, as their kubelet would."""
        for pod in self.objects("pods"):
            if "deletionTimestamp" in pod["metadata"]:
                path = self._talk.path("pods", pod["metadata"]["name"])
                self._talk.quiet("DELETE", path, {"gracePeriodSeconds": 0})

    @contextlib.contextmanager
    def node(
        self, name: str, labels: Obj | None = None, *, keeps_off: bool = False
    ) -> Iterator[str]:
        """A node, ready and with nobody on it; gives the path of its object.

        Args:
            name: Its name.
            labels: Its labels.
            keeps_off: Whether it has a taint that no pod tolerates.
        """
        full = {"cpu": "8", "memory": "8Gi", "pods": "100"}
        ready = [{"type": "Ready", "status": "True"}]
        status = {"capacity": full, "allocatable": full, "conditions": ready}
        meta = {"name": name, "labels": {"kubernetes.io/hostname": name, **(labels or {})}}
        self.send("POST", "/api/v1/nodes", {"metadata": meta, "status": status})
        path = f"/api/v1/nodes/{name}"
        # Admission keeps pods off a new node until a controller, which is not run, lets them.
        taints = [{"key": "k", "value": "v", "effect": "NoSchedule"}] if keeps_off else []
        patch = [{"op": "add", "path": "/spec/taints", "value": taints}]
        self.send("PATCH", path, patch, JSON_PATCH)
        yield path
        self.send("DELETE", path)

    # Time

    def until(self, look: Callable[[], T], seconds: float = _SECONDS) -> T:
        """What is seen as soon as it is true."""
        end = time.monotonic() + seconds
        while True:
            seen = look()
            if seen:
                return seen
            assert time.monotonic() < end, f"it did not happen; last seen: {seen!r}"
            time.sleep(_LOOK)

    def becomes(self, wanted: T, look: Callable[[], T], seconds: float = _SECONDS) -> None:
        """Passes when what is seen equals `wanted`, and still does a little later."""
        end = time.monotonic() + seconds
        since = 0.0
        while True:
            seen, now = look(), time.monotonic()
            if seen != wanted:
                since = 0.0
            elif not since:
                since = now
            elif now - since > _SETTLED:
                return
            assert since or now < end, f"wanted {wanted!r}, last seen {seen!r}"
            time.sleep(_LOOK)

    def reasons(self, kind: str, name: str) -> set[str]:
        """Of the events about an object."""
        return {
            event["reason"]
            for event in self.objects("events")
            if (event["involvedObject"]["kind"], event["involvedObject"]["name"]) == (kind, name)
        }


def _condition(type_: str, status: str) -> Obj:
    now = time.strftime(STAMP, time.gmtime())
    return {"type": type_, "status": status, "lastTransitionTime": now}


def condition(obj: Obj, type_: str) -> tuple[str, str]:
    """Status and reason of a condition; two empty strings without it."""
    for each in obj.get("status", {}).get("conditions", []):
        if each["type"] == type_:
            return each["status"], each.get("reason", "")
    return "", ""


def names(objects: Iterable[Obj]) -> list[str]:
    """The names of objects."""
    return [obj["metadata"]["name"] for obj in objects]


def controller_of(obj: Obj) -> str:
    """`Kind/name` of the object's controller; empty without one."""
    for owner in obj["metadata"].get("ownerReferences", []):
        if owner.get("controller"):
            return f"{owner['kind']}/{owner['name']}"
    return ""


def template(app: str, image: str = "example/app:1", **spec: Any) -> Obj:
    """A pod template with one container `c`."""
    containers = [{"name": "c", "image": image}]
    return {"metadata": {"labels": {"app": app}}, "spec": {"containers": containers, **spec}}


def workload(name: str, **spec: Any) -> Obj:
    """An object that selects and makes pods with the label `app` of its own name."""
    given = {"selector": {"matchLabels": {"app": name}}, "template": template(name)}
    return {"metadata": {"name": name}, "spec": {**given, **spec}}
