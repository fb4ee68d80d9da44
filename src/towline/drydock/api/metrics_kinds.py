"""The kinds of metrics.k8s.io: computed when asked for, never stored. Pure."""

from __future__ import annotations

from typing import Any

from towline.drydock.registry import Kinds
from towline.drydock.registry.kinds import ServedKind
from towline.kube.refs import GroupResource, GroupVersionKind
from towline.kube.schema.structural import structural_node

Obj = dict[str, Any]

GROUP = "metrics.k8s.io"
VERSION = "v1beta1"
_SERVICE = f"{VERSION}.{GROUP}"
_USAGE: Obj = {
    "type": "object",
    "description": "Resources in use, by name.",
    "additionalProperties": {
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "x-kubernetes-int-or-string": True,
    },
}
_TIMES: Obj = {
    "timestamp": {
        "type": "string",
        "format": "date-time",
        "description": "End of the interval that was measured.",
    },
    "window": {"type": "string", "description": "Length of the interval that was measured."},
}
_CONTAINERS: Obj = {
    "type": "array",
    "description": "Use of each running container.",
    "items": {
        "type": "object",
        "required": ["name", "usage"],
        "properties": {
            "name": {"type": "string", "description": "Name of the container."},
            "usage": _USAGE,
        },
    },
}


def serve_metrics(kinds: Kinds) -> None:
    """Adds NodeMetrics and PodMetrics to what is served."""
    nodes = _kind("nodes", "NodeMetrics", {"usage": _USAGE}, namespaced=False)
    pods = _kind("pods", "PodMetrics", {"containers": _CONTAINERS}, namespaced=True)
    kinds.install(_SERVICE, [nodes, pods], nodes)


def _kind(plural: str, kind: str, fields: Obj, *, namespaced: bool) -> ServedKind:
    gvk = GroupVersionKind(GROUP, VERSION, kind)
    schema = {
        "type": "object",
        "description": f"{kind} is what is in use of processors and memory.",
        "required": ["timestamp", "window", *fields],
        "properties": {**_TIMES, **fields},
    }
    return ServedKind(
        gvk=gvk,
        stored=gvk,
        resource=GroupResource(GROUP, plural),
        plural=plural,
        singular="",
        list_kind=f"{kind}List",
        namespaced=namespaced,
        short_names=(),
        categories=(),
        verbs=("get", "list"),
        subresources={},
        schema=structural_node(schema),
        custom=True,
        computed=True,
    )
