"""The roles and bindings that every cluster has, kept complete at each start."""

from __future__ import annotations

import asyncio
from functools import partial
from importlib import resources
from typing import Any

import orjson

from towline.drydock.auth.authorizer import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    GROUP,
    ROLE_BINDINGS,
    ROLES,
)
from towline.drydock.auth.covers import uncovered
from towline.drydock.auth.rules import rules_of
from towline.drydock.cluster import Cluster
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

Obj = dict[str, Any]

MANAGER = "kube-apiserver"
_AUTO_UPDATE = "rbac.authorization.kubernetes.io/autoupdate"
_RESOURCES = {
    "ClusterRole": CLUSTER_ROLES,
    "ClusterRoleBinding": CLUSTER_ROLE_BINDINGS,
    "Role": ROLES,
    "RoleBinding": ROLE_BINDINGS,
}


def defaults() -> list[Obj]:
    """The objects, from the package's data."""
    raw = resources.files("towline.drydock.auth").joinpath("data/roles.json").read_bytes()
    return [_object(entry) for entry in orjson.loads(raw)]


def _object(entry: Obj) -> Obj:
    meta: Obj = {"name": entry["name"], "annotations": {_AUTO_UPDATE: "true"}}
    meta["labels"] = {"kubernetes.io/bootstrapping": "rbac-defaults", **entry.get("labels", {})}
    if "namespace" in entry:
        meta["namespace"] = entry["namespace"]
    rest = {k: v for k, v in entry.items() if k not in ("kind", "name", "namespace", "labels")}
    head = {"apiVersion": f"{GROUP}/v1", "kind": entry["kind"], "metadata": meta}
    return {**head, **rest}


_METRICS_READER: Obj = {
    "apiVersion": f"{GROUP}/v1",
    "kind": "ClusterRole",
    "metadata": {
        "name": "system:aggregated-metrics-reader",
        "labels": {f"{GROUP}/aggregate-to-{role}": "true" for role in ("admin", "edit", "view")},
    },
    "rules": [
        {
            "apiGroups": ["metrics.k8s.io"],
            "resources": ["pods", "nodes"],
            "verbs": ["get", "list", "watch"],
        }
    ],
}


async def ensure_metrics_role(cluster: Cluster) -> None:
    """Whoever may view objects may see what they use: the role that is aggregated for that."""
    await _ensure(cluster, CLUSTER_ROLES, _METRICS_READER)


async def ensure_roles(cluster: Cluster) -> None:
    """Creates what lacks, and adds the rules and subjects that were taken away.

    An object whose annotation `rbac.authorization.kubernetes.io/autoupdate` is `false` is left
    alone.
    """
    async with asyncio.TaskGroup() as group:
        # Together, so that the store commits them together.
        for wanted in defaults():
            group.create_task(_ensure(cluster, _RESOURCES[wanted["kind"]], wanted))


async def _ensure(cluster: Cluster, resource: GroupResource, wanted: Obj) -> None:
    meta = wanted["metadata"]
    namespace = meta.get("namespace", "")
    live = cluster.get(resource, namespace, meta["name"])
    if live is None:
        try:
            await cluster.create(resource, wanted, manager=MANAGER)
        except ApiError as error:
            # Somebody removed the namespace, and may do so.
            if error.reason not in ("AlreadyExists", "NotFound", "Forbidden"):
                raise
        return
    if (live["metadata"].get("annotations") or {}).get(_AUTO_UPDATE) == "false":
        return
    change = partial(_complete, wanted=wanted)
    await cluster.mutate(resource, namespace, meta["name"], change, manager=MANAGER)


def _complete(live: Obj, wanted: Obj) -> None:
    if "rules" in wanted:
        missing = uncovered(rules_of(live), rules_of(wanted))
        if missing:
            added = [rule.as_object() for rule in missing]
            live["rules"] = [*(live.get("rules") or []), *added]
    for subject in wanted.get("subjects") or ():
        given = live.get("subjects") or []
        if subject not in given:
            live["subjects"] = [*given, subject]
