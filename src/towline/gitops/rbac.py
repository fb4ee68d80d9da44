"""What `kubectl auth reconcile` does to a role or binding, and how it tells it.

Roles get the rules that they lack, bindings the subjects; nothing is taken away. A binding to
another role is deleted and made anew, since its reference cannot change.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec

RBAC: Final = "rbac.authorization.k8s.io"
_AUTOUPDATE: Final = "rbac.authorization.kubernetes.io/autoupdate"
_RULE_FIELDS: Final = {
    "Verbs": "verbs",
    "APIGroups": "apiGroups",
    "Resources": "resources",
    "ResourceNames": "resourceNames",
    "NonResourceURLs": "nonResourceURLs",
}
_SUBJECT_FIELDS: Final = {
    "Kind": "kind",
    "APIGroup": "apiGroup",
    "Name": "name",
    "Namespace": "namespace",
}

Obj = dict[str, Any]


class Step(StrEnum):
    """What has to be done to the live object."""

    NONE = ""
    CREATE = "create"
    UPDATE = "update"
    RECREATE = "recreate"


class Reconciliation(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """The outcome of comparing a desired role or binding with the live one.

    Attributes:
        step: What to do.
        object: What to write; the live object when nothing is to be done.
        missing: Rules or subjects that the live object lacks.
        protected: Whether the live object forbids being brought up to date.
    """

    step: Step
    object: Obj
    missing: tuple[Obj, ...] = ()
    protected: bool = False


def is_rbac(obj: Mapping[str, Any]) -> bool:
    """Whether objects of this version are reconciled before they are applied."""
    return obj.get("apiVersion") == f"{RBAC}/v1" and obj.get("kind") in {
        "Role",
        "ClusterRole",
        "RoleBinding",
        "ClusterRoleBinding",
    }


def reconcile(desired: Obj, live: Obj | None) -> Reconciliation:
    """Compares a role or binding with the live one.

    Args:
        desired: What is wanted.
        live: What is there, None for nothing.
    """
    role = str(desired["kind"]).endswith("Role")
    field = "rules" if role else "subjects"
    if live is None:
        return Reconciliation(step=Step.CREATE, object=desired, missing=_parts(desired, field))
    protected = _annotations(live).get(_AUTOUPDATE) == "false"
    if not role and _reference(desired) != _reference(live):
        return Reconciliation(step=Step.RECREATE, object=desired, protected=protected)
    wanted, present = _parts(desired, field), _parts(live, field)
    if role:
        aggregated = desired.get("aggregationRule") and live.get("aggregationRule")
        missing = () if aggregated else tuple(_uncovered(wanted, present))
    else:
        missing = tuple(subject for subject in wanted if subject not in present)
    merged = _with_metadata(desired, live)
    if missing:
        merged[field] = [*present, *missing]
    step = Step.UPDATE if merged != live else Step.NONE
    return Reconciliation(step=step, object=merged, missing=missing, protected=protected)


def told(name: str, outcome: Reconciliation, *, dry_run: bool) -> str:
    """Kubectl's words for an outcome.

    Args:
        name: The object as kubectl prints it.
        outcome: What was found.
        dry_run: Whether nothing was done.
    """
    text = f"{name} reconciled{' (dry run)' if dry_run else ''}"
    if outcome.step is Step.NONE:
        return text
    caveat = f", but object opted out ({_AUTOUPDATE}: false)" if outcome.protected else ""
    text += f". reconciliation required {outcome.step.value}{caveat}"
    if outcome.missing:
        role = str(outcome.object["kind"]).endswith("Role")
        printed = _print_rule if role else _print_subject
        lines = "".join(f"\n\t\t{printed(part)}" for part in outcome.missing)
        text += f"\n\tmissing {'rules' if role else 'subjects'} added:{lines}"
    return text


def _with_metadata(desired: Obj, live: Obj) -> Obj:
    """The live object with the labels and annotations that it lacks."""
    meta = dict(live["metadata"])
    for field in ("annotations", "labels"):
        both = {**(desired["metadata"].get(field) or {}), **(meta.get(field) or {})}
        if both != (meta.get(field) or {}):
            meta[field] = both
    return {**live, "metadata": meta}


def _annotations(obj: Obj) -> Mapping[str, Any]:
    return obj["metadata"].get("annotations") or {}


def _parts(obj: Obj, field: str) -> tuple[Obj, ...]:
    found = obj.get(field)
    return tuple(one for one in found if isinstance(one, dict)) if isinstance(found, list) else ()


def _reference(binding: Obj) -> tuple[str, ...]:
    reference = binding.get("roleRef")
    fields = reference if isinstance(reference, dict) else {}
    group = fields.get("apiGroup") or RBAC  # the server's default
    return str(group), str(fields.get("kind") or ""), str(fields.get("name") or "")


class _Right(NamedTuple):
    """A rule with one value in each place; empty where it has none."""

    verb: str
    group: str
    resource: str
    name: str
    url: str


def _uncovered(wanted: Iterable[Obj], present: Sequence[Obj]) -> Iterable[Obj]:
    """The rights of the first rules, each a rule of its own, that no right of the second covers."""
    have = [right for rule in present for right in _rights(rule)]
    for right in (right for rule in wanted for right in _rights(rule)):
        if not any(_covers(one, right) for one in have):
            yield _rule(right)


def _rights(rule: Obj) -> list[_Right]:
    verbs, groups = _texts(rule, "verbs"), _texts(rule, "apiGroups")
    resources, names = _texts(rule, "resources"), _texts(rule, "resourceNames") or [""]
    rights = [_Right(*one, "") for one in itertools.product(verbs, groups, resources, names)]
    urls = _texts(rule, "nonResourceURLs")
    return rights + [_Right(verb, "", "", "", url) for verb in verbs for url in urls]


def _covers(one: _Right, other: _Right) -> bool:
    if one.verb not in {"*", other.verb} or bool(one.url) != bool(other.url):
        return False
    if one.url:
        return one.url in {"*", other.url} or (
            one.url.endswith("*") and other.url.startswith(one.url[:-1])
        )
    subresource = other.resource.partition("/")[2]
    places = {"*", other.resource, f"*/{subresource}"} if subresource else {"*", other.resource}
    return (
        one.group in {"*", other.group} and one.resource in places and one.name in {"", other.name}
    )


def _rule(right: _Right) -> Obj:
    if right.url:
        return {"verbs": [right.verb], "nonResourceURLs": [right.url]}
    rule: Obj = {"verbs": [right.verb], "apiGroups": [right.group], "resources": [right.resource]}
    return {**rule, "resourceNames": [right.name]} if right.name else rule


def _texts(rule: Obj, field: str) -> list[str]:
    found = rule.get(field)
    return [str(one) for one in found] if isinstance(found, list) else []


def _print_rule(rule: Obj) -> str:
    fields = (f"{name}:[{' '.join(_texts(rule, key))}]" for name, key in _RULE_FIELDS.items())
    return "{" + " ".join(fields) + "}"


def _print_subject(subject: Obj) -> str:
    fields = (f"{name}:{subject.get(key) or ''}" for name, key in _SUBJECT_FIELDS.items())
    return "{" + " ".join(fields) + "}"
