"""Which objects a list or watch is about: namespace, name, labels, fields. Pure."""

from __future__ import annotations

from typing import Any

from towline.drydock.refusals import bad_request
from towline.drydock.registry import ServedKind
from towline.drydock.storage import Record
from towline.kube.refs import GroupResource
from towline.kube.selectors import LabelSelector, parse_field_selector, parse_label_selector

Obj = dict[str, Any]

_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_FIELDS: dict[GroupResource, frozenset[str]] = {
    GroupResource("", "pods"): frozenset(
        {
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        }
    ),
    GroupResource("", "events"): frozenset(
        {f"involvedObject.{name}" for name in _INVOLVED}
        | {"reason", "reportingComponent", "source", "type"}
    ),
    GroupResource("", "secrets"): frozenset({"type"}),
    GroupResource("", "namespaces"): frozenset({"status.phase"}),
    GroupResource("", "nodes"): frozenset({"spec.unschedulable"}),
    GroupResource("", "services"): frozenset({"spec.clusterIP", "spec.type"}),
    GroupResource("", "replicationcontrollers"): frozenset({"status.replicas"}),
    GroupResource("certificates.k8s.io", "certificatesigningrequests"): frozenset(
        {"spec.signerName"}
    ),
    GroupResource("batch", "jobs"): frozenset({"status.successful"}),
}
_EVENT_NAMES = {"regarding.": "involvedObject.", "reportingController": "reportingComponent"}
_FALSE_BY_DEFAULT = frozenset({"spec.unschedulable", "spec.hostNetwork"})
_ZERO_BY_DEFAULT = frozenset({"status.replicas", "status.successful"})


class Selection:
    """A compiled selection.

    Attributes:
        namespace: Only this namespace; all when empty.
        name: Only this name; all when empty.
        everything: Whether nothing but the namespace narrows it.
    """

    __slots__ = ("_fields", "_labels", "everything", "name", "namespace")

    def __init__(
        self,
        namespace: str,
        name: str,
        labels: LabelSelector | None,
        fields: list[tuple[str, bool, str]],
    ) -> None:
        self.namespace = namespace
        self.name = name
        self._labels = labels
        self._fields = fields
        self.everything = not name and labels is None and not fields

    def matches(self, record: Record) -> bool:
        """Whether a version is selected."""
        key = record.key
        if self.namespace and key.namespace != self.namespace:
            return False
        if self.everything:
            return True
        if self.name and key.name != self.name:
            return False
        obj = record.obj
        if self._labels is not None and not self._labels.matches(obj["metadata"].get("labels")):
            return False
        return all((_value(obj, path) == value) is equal for path, equal, value in self._fields)


def select(kind: ServedKind, namespace: str, labels: str, fields: str) -> Selection:
    """Compiles the selectors of a query.

    Raises:
        ApiError: BadRequest, a selector is malformed or names an unknown field.
    """
    name = ""
    conditions: list[tuple[str, bool, str]] = []
    for path, operator, value in parse_field_selector(fields) if fields else ():
        if not path and not value:
            continue
        known = _known(kind, path)
        equal = operator != "!="
        if known == "metadata.name" and equal and value and not name:
            name = value
        elif known == "metadata.namespace" and equal and value and not namespace:
            namespace = value
        else:
            conditions.append((known, equal, value))
    return Selection(namespace, name, parse_label_selector(labels) if labels else None, conditions)


def _known(kind: ServedKind, path: str) -> str:
    if path == "metadata.name" or (path == "metadata.namespace" and kind.namespaced):
        return path
    if kind.gvk != kind.stored:
        for new, old in _EVENT_NAMES.items():
            if path.startswith(new):
                path = old + path[len(new) :]
    own = _FIELDS.get(kind.resource, frozenset(kind.selectable))
    if path in own:
        return path
    if kind.gvk.kind == "Job" and not kind.custom:
        raise bad_request(f'field label "{path}" not supported for Job')
    if own or kind.custom:
        raise bad_request(f"field label not supported: {path}")
    raise bad_request(
        f'"{path}" is not a known field selector: only "metadata.name", "metadata.namespace"'
    )


def _value(obj: Obj, path: str) -> str:
    value: Any = obj
    if path == "source":
        source = obj.get("source") or {}
        return str(source.get("component") or obj.get("reportingComponent") or "")
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    if path == "status.podIPs":
        return ",".join(each.get("ip", "") for each in value or ())
    if path == "status.successful":
        value = (obj.get("status") or {}).get("succeeded")
    if value is None:
        if path in _FALSE_BY_DEFAULT:
            return "false"
        return "0" if path in _ZERO_BY_DEFAULT else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
