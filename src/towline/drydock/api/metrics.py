"""metrics.k8s.io: what nodes and pods use now, as the nodes measured it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from towline.aio.clock import Clock, rfc3339
from towline.drydock.api.lists import selection_of
from towline.drydock.api.messages import Request, Response
from towline.drydock.api.negotiate import PARTIAL, TABLE, Form, negotiate
from towline.drydock.api.views import encode, partial
from towline.drydock.metrics import MetricsSource, NodeSample, PodSample, Usage
from towline.drydock.refusals import method_not_allowed, not_found, unknown_resource
from towline.drydock.registry import ServedKind, Target
from towline.drydock.storage import Record, Store, StoreKey
from towline.kube import quantity
from towline.kube.quantity import canonical
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

Obj = dict[str, Any]

_PODS = GroupResource("", "pods")
_NODES = GroupResource("", "nodes")
_META_GROUP = "meta.k8s.io"


class Metrics:
    """Answers requests for metrics.

    Args:
        store: Where pods and nodes are.
        source: Who measures.
        clock: For creation times.
    """

    def __init__(self, store: Store, source: MetricsSource, clock: Clock) -> None:
        self._store = store
        self._source = source
        self._clock = clock

    def answer(self, request: Request, target: Target) -> Response:
        """Answers one request.

        Raises:
            ApiError: There is no such object or no sample of it, or the request makes no sense.
        """
        if target.subresource:
            raise unknown_resource()
        if request.method not in ("GET", "HEAD"):
            raise method_not_allowed()
        if request.flag("watch"):
            raise _unwatchable(target.kind)
        form = negotiate(request.header(b"accept"))
        if target.name:
            shown = self._single(target)
            body = encode(_as_single(target.kind, shown, form), form)
        else:
            body = encode(_as_list(target.kind, self._listed(request, target), form), form)
        return Response(body, content_type=form.media)

    def _single(self, target: Target) -> Obj:
        pods = target.kind.namespaced
        source = _PODS if pods else _NODES
        record = self._store.get(StoreKey(source, target.namespace, target.name))
        if record is None:
            raise not_found(source, target.name)
        made = next(iter(self._measured(target.kind, [record])), None)
        if made is None:
            name = f"{target.namespace}/{target.name}" if pods else target.name
            kind = "podmetrics" if pods else "nodemetrics"
            raise not_found(GroupResource(target.kind.gvk.group, kind), name)
        return made

    def _listed(self, request: Request, target: Target) -> list[Obj]:
        source = _PODS if target.kind.namespaced else _NODES
        selection = selection_of(request, target.kind, target.namespace)
        records = self._store.records(source, selection.namespace)
        chosen = [record for record in records if selection.matches(record)]
        return self._measured(target.kind, chosen)

    def _measured(self, kind: ServedKind, records: Iterable[Record]) -> list[Obj]:
        now = rfc3339(self._clock.now())
        made = []
        nodes = {} if kind.namespaced else self._source.nodes()
        for record in records:
            sample: NodeSample | PodSample | None
            if not kind.namespaced:
                sample = nodes.get(record.key.name)
            elif (record.obj.get("status") or {}).get("phase") == "Running":
                sample = self._source.pod(record.obj)
            else:
                sample = None
            if sample is not None:
                made.append(_object(kind, record.obj, sample, now))
        return made


def _object(kind: ServedKind, source: Obj, sample: NodeSample | PodSample, now: str) -> Obj:
    """The metrics object that stands for a pod or a node."""
    given = source["metadata"]
    meta: Obj = {"name": given["name"]}
    if kind.namespaced:
        meta["namespace"] = given["namespace"]
    meta["creationTimestamp"] = now
    if given.get("labels"):
        meta["labels"] = given["labels"]
    made: Obj = {
        "kind": kind.gvk.kind,
        "apiVersion": kind.gvk.api_version,
        "metadata": meta,
        "timestamp": rfc3339(sample.at),
        "window": window_text(sample.window),
    }
    if isinstance(sample, NodeSample):
        made["usage"] = _quantities(sample.usage)
    else:
        made["containers"] = [
            {"name": name, "usage": _quantities(usage)}
            for name, usage in sorted(sample.containers.items())
        ]
    return made


def _quantities(usage: Usage) -> Obj:
    return {"cpu": canonical(f"{usage.cpu}n"), "memory": canonical(f"{usage.memory // 1024}Ki")}


def window_text(seconds: float) -> str:
    """A length of time as Go prints it, in milliseconds: `15.02s`, `1m0s`."""
    whole = dt.timedelta(milliseconds=round(seconds * 1000))
    minutes, rest = divmod(whole, dt.timedelta(minutes=1))
    shown = f"{rest.total_seconds():.3f}".rstrip("0").rstrip(".") + "s"
    if not minutes:
        return shown
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{shown}" if hours else f"{minutes}m{shown}"


# Forms


def _as_single(kind: ServedKind, shown: Obj, form: Form) -> Obj:
    if form.convert == TABLE:
        return _table(kind, [shown], form)
    return partial(shown, form.version) if form.convert == PARTIAL else shown


def _as_list(kind: ServedKind, shown: list[Obj], form: Form) -> Obj:
    if form.convert == TABLE:
        return _table(kind, shown, form)
    if form.convert == PARTIAL:
        return {
            "kind": "PartialObjectMetadataList",
            "apiVersion": f"{_META_GROUP}/{form.version}",
            "metadata": {},
            "items": [partial(obj, form.version) for obj in shown],
        }
    items = [{k: v for k, v in obj.items() if k not in ("kind", "apiVersion")} for obj in shown]
    head = {"kind": kind.list_kind, "apiVersion": kind.gvk.api_version}
    return {**head, "metadata": {}, "items": items}


def _table(kind: ServedKind, shown: list[Obj], form: Form) -> Obj:
    columns = [("Name", "name", "Name of the resource"), ("cpu", "quantity", "")]
    columns += [("memory", "quantity", ""), ("Window", "duration", "")]
    return {
        "kind": "Table",
        "apiVersion": f"{_META_GROUP}/{form.version}",
        "metadata": {},
        "columnDefinitions": [
            {"name": name, "type": "string", "format": format_, "description": text, "priority": 0}
            for name, format_, text in columns
        ],
        "rows": [_row(kind, obj, form) for obj in shown],
    }


def _row(kind: ServedKind, obj: Obj, form: Form) -> Obj:
    usages = [obj["usage"]] if not kind.namespaced else [c["usage"] for c in obj["containers"]]
    cpu, memory = _sums(usages)
    cells = [obj["metadata"]["name"], cpu, memory, obj["window"]]
    return {"cells": cells, "object": partial(obj, form.version)}


def _sums(usages: list[Obj]) -> tuple[str, str]:
    """The quantities of all containers added up."""
    cpu = sum(int(quantity.parse(usage["cpu"]) * 10**9) for usage in usages)
    memory = sum(int(quantity.parse(usage["memory"])) for usage in usages)
    return canonical(f"{cpu}n"), canonical(f"{memory // 1024}Ki")


def _unwatchable(kind: ServedKind) -> ApiError:
    resource = kind.url_resource
    return ApiError(
        f'watch is not supported on resources of kind "{resource}"',
        reason="MethodNotAllowed",
        details={"group": resource.group, "kind": resource.resource},
    )
