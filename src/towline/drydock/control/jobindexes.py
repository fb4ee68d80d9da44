"""Completion indexes of Indexed Jobs: sets of them as text, and the pod of one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any

from towline.drydock.cluster import Obj
from towline.drydock.control.podtemplate import pod_of

INDEX = "batch.kubernetes.io/job-completion-index"
FAILURES = "batch.kubernetes.io/job-index-failure-count"
_VARIABLE = "JOB_COMPLETION_INDEX"
_MAX_PREFIX = 58


class Indexes(frozenset[int]):
    """A set of indexes that prints as the API shows it: `1,3-5`, two neighbours as `1,2`."""

    def __or__(self, other: AbstractSet[Any]) -> Indexes:
        return Indexes(frozenset(self) | frozenset(other))

    def __sub__(self, other: AbstractSet[Any]) -> Indexes:
        return Indexes(frozenset(self) - frozenset(other))

    def __str__(self) -> str:
        return ",".join(_shown(first, last) for first, last in _runs(sorted(self)))


def _shown(first: int, last: int) -> str:
    if first == last:
        return str(first)
    return f"{first},{last}" if last == first + 1 else f"{first}-{last}"


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    start = previous = None
    for number in numbers:
        if start is None or previous is None:
            start = number
        elif number != previous + 1:
            yield start, previous
            start = number
        previous = number
    if start is not None and previous is not None:
        yield start, previous


def parse_indexes(text: str | None, bound: int) -> Indexes:
    """Reads the text form; parts that make no sense, and indexes from `bound` on, are left out."""
    found: set[int] = set()
    for part in (text or "").split(","):
        first, _, last = part.partition("-")
        if first.isdigit() and (last.isdigit() or not last):
            found.update(range(int(first), min(int(last or first), bound - 1) + 1))
    return Indexes(found)


def index_of(pod: Obj) -> int | None:
    """The completion index of a pod, None when it has none."""
    text = (pod["metadata"].get("annotations") or {}).get(INDEX, "")
    return int(text) if text.isdigit() else None


def failures_of(pod: Obj) -> int:
    """How often its index had failed before the pod was made."""
    text = (pod["metadata"].get("annotations") or {}).get(FAILURES, "")
    return int(text) if text.isdigit() else 0


def indexed_pod(job: Obj, index: int, failed: int | None, finalizers: Iterable[str]) -> Obj:
    """The pod of an index.

    Args:
        job: The Job.
        index: The completion index.
        failed: How often it failed before; None when that is not counted.
        finalizers: Finalizers of the pod.
    """
    template = job["spec"]["template"]
    meta = template.get("metadata") or {}
    name = job["metadata"]["name"]
    counted = {} if failed is None else {FAILURES: str(failed)}
    suffix = f"-{index}-"
    spec = dict(template.get("spec") or {})
    for field in ("initContainers", "containers"):
        if spec.get(field):
            spec[field] = [_told(container) for container in spec[field]]
    spec["hostname"] = f"{name}-{index}"
    return pod_of(
        job,
        {**template, "spec": spec},
        generateName=f"{name[: _MAX_PREFIX - len(suffix)]}{suffix}",
        labels={**(meta.get("labels") or {}), INDEX: str(index)},
        annotations={**(meta.get("annotations") or {}), INDEX: str(index), **counted},
        finalizers=list(finalizers),
    )


def _told(container: Obj) -> Obj:
    """The container with the index in its environment."""
    present = container.get("env") or []
    if any(one.get("name") == _VARIABLE for one in present):
        return container
    source = {"fieldRef": {"fieldPath": f"metadata.labels['{INDEX}']"}}
    return {**container, "env": [*present, {"name": _VARIABLE, "valueFrom": source}]}
