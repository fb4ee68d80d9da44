"""Small valid objects to start from, and kinds of one's own."""

from __future__ import annotations

import time
from typing import Any

from peers.recording import Talk

Obj = dict[str, Any]


def config_map(name: str, **more: Any) -> Obj:
    """A ConfigMap with one entry."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **more.pop("metadata", {})},
        "data": {"a": "1"},
        **more,
    }


def container(name: str = "c", **more: Any) -> Obj:
    """A container."""
    return {"name": name, "image": "example.com/app:1", **more}


def pod(name: str, **spec: Any) -> Obj:
    """A Pod with one container."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [container()], **spec},
    }


def template(app: str, **spec: Any) -> Obj:
    """A pod template."""
    return {"metadata": {"labels": {"app": app}}, "spec": {"containers": [container()], **spec}}


def workload(kind: str, name: str, **spec: Any) -> Obj:
    """A Deployment, ReplicaSet, StatefulSet or DaemonSet."""
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": template(name),
            **spec,
        },
    }


def service(name: str, **spec: Any) -> Obj:
    """A Service with one port."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80}], **spec},
    }


def definition(group: str, plural: str, kind: str, schema: Obj, **version: Any) -> Obj:
    """A CustomResourceDefinition with one version, v1."""
    singular = kind.lower()
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": singular, "kind": kind},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    **version,
                }
            ],
        },
    }


CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def serve(talk: Talk, body: dict[str, Any]) -> None:
    """Creates a definition and waits until objects of it are served."""
    name, spec = body["metadata"]["name"], body["spec"]
    made = talk.quiet("POST", CRDS, body)
    assert made.status == 201, made.body
    version = spec["versions"][-1]["name"]
    for _ in range(200):
        conditions = talk.quiet("GET", f"{CRDS}/{name}").body.get("status", {}).get("conditions")
        settled = any(
            each["type"] == "Established" and each["status"] == "True" for each in conditions or ()
        )
        path = f"/apis/{spec['group']}/{version}/{spec['names']['plural']}"
        if settled and talk.quiet("GET", path).status == 200:
            return
        time.sleep(0.1)
    raise AssertionError(f"{name} is not served")
