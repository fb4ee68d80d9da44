"""Nodes that only say so: a stand-in for kubelet and volume provisioner beside a real API server.

Run as a process with URL, token and number of nodes: pods that are bound become Running and Ready,
or Succeeded when they are to run once; pods that are deleted go; claims get a volume each. It looks
at everything several times a second, like a kubelet that has no watch.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from peers.client import Client
from peers.recording import JSON_PATCH, STRATEGIC_PATCH, Talk

Obj = dict[str, Any]
CLASS = "standard"
_PROVISIONER = "example.com/pretended"
_LOOK_SECONDS = 0.1
_STAMP = "%Y-%m-%dT%H:%M:%SZ"
_RESOURCES = {"cpu": "64", "memory": "256Gi", "pods": "110"}


class PretendedNodes:
    """Does what kubelets and a provisioner would do.

    Args:
        client: An administrator.
        nodes: How many nodes.
    """

    def __init__(self, client: Client, nodes: int) -> None:
        self._talk = Talk(client, "")
        self._names = [f"sim-{number}" for number in range(nodes)]
        self._addresses = 0

    def register(self) -> None:
        """Makes the nodes and the storage class."""
        for name in self._names:
            self._create("/api/v1/nodes", _node(name))
            # Admission keeps pods off a new node until a controller, which is not run, lets them.
            patch = [{"op": "remove", "path": "/spec/taints"}]
            path = f"/api/v1/nodes/{name}"
            self._talk.quiet("PATCH", path, patch, content_type=JSON_PATCH)
        self._create("/apis/storage.k8s.io/v1/storageclasses", _storage_class())

    def look(self) -> None:
        """Does everything that is to be done now."""
        for pod in self._list("/api/v1/pods"):
            if pod["spec"].get("nodeName") in self._names:
                self._keep(pod)
        for claim in self._list("/api/v1/persistentvolumeclaims"):
            if claim["spec"].get("storageClassName") == CLASS and not claim["spec"].get(
                "volumeName"
            ):
                self._talk.quiet("POST", "/api/v1/persistentvolumes", _volume(claim))
        for volume in self._list("/api/v1/persistentvolumes"):
            if volume["status"].get("phase") == "Released":
                name = volume["metadata"]["name"]
                self._talk.quiet("DELETE", f"/api/v1/persistentvolumes/{name}")

    def _keep(self, pod: Obj) -> None:
        meta = pod["metadata"]
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        if "deletionTimestamp" in meta:
            body = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
            self._talk.quiet("DELETE", path, body)
        elif pod["status"].get("phase") in (None, "Pending"):
            self._addresses += 1
            address = f"10.128.{self._addresses // 250 % 250}.{self._addresses % 250 + 2}"
            patch = {"status": _running(pod, address)}
            self._talk.quiet("PATCH", f"{path}/status", patch, content_type=STRATEGIC_PATCH)
        elif pod["status"]["phase"] == "Running" and pod["spec"]["restartPolicy"] != "Always":
            patch = {"status": _completed(pod)}
            self._talk.quiet("PATCH", f"{path}/status", patch, content_type=STRATEGIC_PATCH)

    def _create(self, path: str, body: Obj) -> None:
        reply = self._talk.quiet("POST", path, body)
        if reply.status not in (201, 409):
            raise RuntimeError(f"{path}: {reply.status} {reply.body}")

    def _list(self, path: str) -> list[Obj]:
        items: list[Obj] = self._talk.quiet("GET", path).body.get("items") or []
        return items


def _node(name: str) -> Obj:
    return {
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
        },
        "status": {
            "capacity": _RESOURCES,
            "allocatable": _RESOURCES,
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        },
    }


def _storage_class() -> Obj:
    note = {"storageclass.kubernetes.io/is-default-class": "true"}
    return {"metadata": {"name": CLASS, "annotations": note}, "provisioner": _PROVISIONER}


def _volume(claim: Obj) -> Obj:
    meta = claim["metadata"]
    reference = {"kind": "PersistentVolumeClaim", "apiVersion": "v1"}
    names = {key: meta[key] for key in ("namespace", "name", "uid")}
    return {
        "metadata": {
            "name": f"pvc-{meta['uid']}",
            "annotations": {"pv.kubernetes.io/provisioned-by": _PROVISIONER},
        },
        "spec": {
            "capacity": claim["spec"]["resources"]["requests"],
            "accessModes": claim["spec"]["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": CLASS,
            "claimRef": {**reference, **names},
            "hostPath": {"path": f"/nowhere/{meta['uid']}"},
        },
    }


def _running(pod: Obj, address: str) -> Obj:
    now = time.strftime(_STAMP, time.gmtime())
    types = ("Ready", "ContainersReady", "Initialized")
    return {
        "phase": "Running",
        "startTime": now,
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [
            {"type": type_, "status": "True", "lastTransitionTime": now} for type_ in types
        ],
        "containerStatuses": _containers(pod, {"running": {"startedAt": now}}, ready=True),
    }


def _completed(pod: Obj) -> Obj:
    now = time.strftime(_STAMP, time.gmtime())
    state = {"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": now}}
    return {
        "phase": "Succeeded",
        "conditions": [
            {"type": type_, "status": "False", "reason": "PodCompleted", "lastTransitionTime": now}
            for type_ in ("Ready", "ContainersReady")
        ],
        "containerStatuses": _containers(pod, state, ready=False),
    }


def _containers(pod: Obj, state: Obj, *, ready: bool) -> list[Obj]:
    return [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": ready,
            "restartCount": 0,
            # What is not told stays as it was, so the former state is taken back.
            "state": {"running": None, "waiting": None, **state},
        }
        for container in pod["spec"]["containers"]
    ]


def main(url: str, token: str, nodes: int) -> None:
    """Goes on until it is killed."""
    pretended = PretendedNodes(Client(url, token), nodes)
    pretended.register()
    while True:
        pretended.look()
        time.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
