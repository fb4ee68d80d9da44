"""Limit ranges: defaults for containers, and bounds for containers, pods and claims. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from towline.drydock.admission.quota import CLAIMS, PODS, compute, shown
from towline.drydock.refusals import forbidden
from towline.kube.quantity import parse
from towline.kube.refs import GroupResource

Obj = dict[str, Any]

RANGES = GroupResource("", "limitranges")
SET_BY = "kubernetes.io/limit-ranger"
_CONTAINERS = ("initContainers", "containers")


def apply_defaults(pod: Obj, ranges: Iterable[Obj]) -> Obj:
    """A new pod whose containers have the requests and limits that they left out."""
    for found in ranges:
        pod = _apply(pod, found)
    return pod


def _apply(pod: Obj, found: Obj) -> Obj:
    requests: Obj = {}
    limits: Obj = {}
    for bound in _bounds(found, "Container"):
        requests |= bound.get("defaultRequest") or {}
        limits |= bound.get("default") or {}
    if not requests and not limits:
        return pod
    spec = dict(pod.get("spec") or {})
    notes: list[str] = []
    # Containers are told of before those that initialise.
    for field in reversed(_CONTAINERS):
        what = "container" if field == "containers" else "init container"
        if spec.get(field):
            spec[field] = [_filled(one, requests, limits, what, notes) for one in spec[field]]
    if not notes:
        return pod
    meta = pod["metadata"]
    note = f"LimitRanger plugin set: {'; '.join(notes)}"
    annotations = {**(meta.get("annotations") or {}), SET_BY: note}
    return {**pod, "metadata": {**meta, "annotations": annotations}, "spec": spec}


def _filled(container: Obj, requests: Obj, limits: Obj, what: str, notes: list[str]) -> Obj:
    resources = dict(container.get("resources") or {})
    for side, defaults in (("requests", requests), ("limits", limits)):
        given = resources.get(side) or {}
        added = sorted(name for name in defaults if name not in given)
        if added:
            resources[side] = {**defaults, **given}
            notes.append(f"{', '.join(added)} {side[:-1]} for {what} {container.get('name')}")
    return {**container, "resources": resources}


def check(found: Obj, resource: GroupResource, obj: Obj) -> None:
    """Refuses a new pod or claim that is out of bounds.

    Args:
        found: A limit range of its namespace.
        resource: What it is.
        obj: As it would be stored.

    Raises:
        ApiError: Forbidden, with all that is wrong.
    """
    problems = list(_problems(found, resource, obj))
    if problems:
        why = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
        raise forbidden(resource, obj["metadata"].get("name", ""), why)


def _problems(found: Obj, resource: GroupResource, obj: Obj) -> Iterator[str]:
    spec = obj.get("spec") or {}
    if resource == CLAIMS:
        for bound in _bounds(found, "PersistentVolumeClaim"):
            yield from _claim_problems(bound, (spec.get("resources") or {}).get("requests") or {})
    if resource != PODS:
        return
    for bound in _bounds(found, "Container"):
        for container in (one for field in reversed(_CONTAINERS) for one in spec.get(field) or ()):
            stated = container.get("resources") or {}
            yield from _outside(bound, stated.get("requests") or {}, stated.get("limits") or {})
    for bound in _bounds(found, "Pod"):
        requests, limits = (
            {name: shown(name, amount) for name, amount in compute(spec, side).items()}
            for side in ("requests", "limits")
        )
        yield from _outside(bound, requests, limits)


def _bounds(found: Obj, type_: str) -> list[Obj]:
    return [one for one in (found.get("spec") or {}).get("limits") or () if one["type"] == type_]


def _outside(bound: Obj, requests: Mapping[str, Any], limits: Mapping[str, Any]) -> Iterator[str]:
    for name, least in sorted((bound.get("min") or {}).items()):
        yield from _below(bound["type"], name, least, requests, limits)
    for name, most in sorted((bound.get("max") or {}).items()):
        yield from _above(bound["type"], name, most, requests, limits)
    for name, ratio in sorted((bound.get("maxLimitRequestRatio") or {}).items()):
        yield from _too_far(bound["type"], name, ratio, requests, limits)


def _claim_problems(bound: Obj, requests: Mapping[str, Any]) -> Iterator[str]:
    for name, least in sorted((bound.get("min") or {}).items()):
        yield from _below(bound["type"], name, least, requests, {})
    for name, most in sorted((bound.get("max") or {}).items()):
        rule = f"maximum {name} usage per {bound['type']} is {most}"
        if name not in requests:
            yield f"{rule}.  No request is specified"
        elif parse(requests[name]) > parse(most):
            yield f"{rule}, but request is {requests[name]}"


def _below(
    type_: str, name: str, least: Any, requests: Mapping[str, Any], limits: Mapping[str, Any]
) -> Iterator[str]:
    rule = f"minimum {name} usage per {type_} is {least}"
    if name not in requests:
        yield f"{rule}.  No request is specified"
    elif parse(requests[name]) < parse(least):
        yield f"{rule}, but request is {requests[name]}"
    elif name in limits and parse(limits[name]) < parse(least):
        yield f"{rule}, but limit is {limits[name]}"


def _above(
    type_: str, name: str, most: Any, requests: Mapping[str, Any], limits: Mapping[str, Any]
) -> Iterator[str]:
    rule = f"maximum {name} usage per {type_} is {most}"
    if name not in limits:
        yield f"{rule}.  No limit is specified"
    elif parse(limits[name]) > parse(most):
        yield f"{rule}, but limit is {limits[name]}"
    elif name in requests and parse(requests[name]) > parse(most):
        yield f"{rule}, but request is {requests[name]}"


def _too_far(
    type_: str, name: str, most: Any, requests: Mapping[str, Any], limits: Mapping[str, Any]
) -> Iterator[str]:
    rule = f"{name} max limit to request ratio per {type_} is {most}"
    request, limit = parse(requests.get(name, 0)), parse(limits.get(name, 0))
    if not request:
        yield f"{rule}, but no request is specified or request is 0"
    elif not limit:
        yield f"{rule}, but no limit is specified or limit is 0"
    elif limit > request * parse(most):
        yield f"{rule}, but provided ratio is {_ratio(limit, request):.6f}"


def _ratio(limit: Decimal, request: Decimal) -> float:
    return float(limit) / float(request)
