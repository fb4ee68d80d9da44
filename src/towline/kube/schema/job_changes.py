"""What an update may change of a Job. Pure.

The rules are those of Kubernetes 1.36: where a suspended Job has no running pods, queueing systems
may still say where its pods go and what they ask for, and nothing else of the template.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from towline.kube.schema.field_rules import Obj, fixed
from towline.kube.schema.fielderror import FieldError, invalid

_FIXED = (
    "completionMode",
    "podFailurePolicy",
    "backoffLimitPerIndex",
    "managedBy",
    "successPolicy",
)
_SCHEDULING = ("nodeSelector", "tolerations", "schedulingGates")


def job_changes(old: Obj, new: Obj) -> Iterator[FieldError]:
    """Changes of a Job that are refused."""
    before, after = old.get("spec") or {}, new.get("spec") or {}
    yield from _completions(before, after)
    yield from fixed(before.get("selector"), after.get("selector"), "spec.selector")
    yield from _template(old, before.get("template") or {}, after.get("template") or {})
    for key in _FIXED:
        yield from fixed(before.get(key), after.get(key), f"spec.{key}")


def _completions(before: Obj, after: Obj) -> Iterator[FieldError]:
    was, wanted = before.get("completions"), after.get("completions")
    if after.get("completionMode") != "Indexed":
        yield from fixed(was, wanted, "spec.completions")
    elif wanted is not None and wanted not in {was, after.get("parallelism")}:
        why = "can only be modified in tandem with spec.parallelism"
        yield invalid("spec.completions", wanted, why)


def _template(old: Obj, before: Obj, after: Obj) -> Iterator[FieldError]:
    if not _rests(old):
        yield from fixed(before, after, "spec.template")
    elif _settled(before) != _settled(after):
        yield from fixed(before.get("spec"), after.get("spec"), "spec.template.spec")


def _rests(job: Obj) -> bool:
    """Whether the Job is suspended and its controller has seen to it that no pod runs."""
    status = job.get("status") or {}
    suspended = any(
        one.get("type") == "Suspended" and one.get("status") == "True"
        for one in status.get("conditions") or ()
    )
    asked = bool((job.get("spec") or {}).get("suspend"))
    return asked and suspended and not status.get("active")


def _settled(template: Obj) -> Obj:
    """The part of a resting Job's pods that stays: labels and annotations are free altogether."""
    spec = {k: v for k, v in (template.get("spec") or {}).items() if k not in _SCHEDULING}
    affinity = {k: v for k, v in (spec.pop("affinity", None) or {}).items() if k != "nodeAffinity"}
    if affinity:
        spec["affinity"] = affinity
    for key in ("containers", "initContainers"):
        spec[key] = [_without_resources(one) for one in spec.get(key) or ()]
    return spec


def _without_resources(container: Obj) -> dict[str, Any]:
    return {k: v for k, v in container.items() if k != "resources"}
