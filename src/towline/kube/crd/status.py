"""What the server says about a definition: accepted names, conditions, stored versions. Pure.

Names are accepted one by one: what another definition of the group uses already is not, and the
name that was accepted before stays in use.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from towline.kube.crd.definition import APPROVAL, is_protected

Obj = dict[str, Any]

_CONFLICTS = {
    "plural": "PluralConflict",
    "singular": "SingularConflict",
    "shortNames": "ShortNamesConflict",
    "kind": "KindConflict",
    "listKind": "ListKindConflict",
}


def settled_status(crd: Obj, resources: Collection[str], kinds: Collection[str], now: str) -> Obj:
    """The status of a definition.

    Args:
        crd: The definition, valid, with the status it has.
        resources: Plural, singular and short names that others of its group use.
        kinds: Kinds and list kinds that others of its group use.
        now: RFC 3339 time for conditions that change.
    """
    previous = crd.get("status") or {}
    accepted, conflict = _accepted(crd, previous.get("acceptedNames") or {}, resources, kinds)
    before = {each["type"]: each for each in previous.get("conditions") or ()}
    wanted = [_names_accepted(conflict)]
    if conflict is None:
        text = "the initial names have been accepted"
        wanted.append(("Established", "True", "InitialNamesAccepted", text))
    elif (before.get("Established") or {}).get("status") != "True":
        wanted.append(("Established", "False", "NotAccepted", "not all names are accepted"))
    wanted += _approval(crd)
    conditions = dict(before)
    for condition in wanted:
        conditions[condition[0]] = _condition(before.get(condition[0]), condition, now)
    storage = next(each["name"] for each in crd["spec"]["versions"] if each.get("storage"))
    stored = [name for name in previous.get("storedVersions") or () if name != storage]
    return {
        **previous,
        "acceptedNames": accepted,
        "conditions": list(conditions.values()),
        "storedVersions": [*stored, storage],
    }


def terminating_status(crd: Obj, now: str) -> Obj:
    """The status of a definition whose objects are being deleted.

    Args:
        crd: The definition, with the status it has.
        now: RFC 3339 time for the condition when it is new.
    """
    previous = crd.get("status") or {}
    before = {each["type"]: each for each in previous.get("conditions") or ()}
    text = "CustomResource deletion is in progress"
    wanted = ("Terminating", "True", "InstanceDeletionInProgress", text)
    before["Terminating"] = _condition(before.get("Terminating"), wanted, now)
    return {**previous, "conditions": list(before.values())}


_Wanted = tuple[str, str, str, str]


def _names_accepted(conflict: tuple[str, str] | None) -> _Wanted:
    if conflict is None:
        return "NamesAccepted", "True", "NoConflicts", "no conflicts found"
    return "NamesAccepted", "False", *conflict


def _condition(before: Obj | None, wanted: _Wanted, now: str) -> Obj:
    type_, status, reason, message = wanted
    held = before is not None and before.get("status") == status
    return {
        "type": type_,
        "status": status,
        "lastTransitionTime": before["lastTransitionTime"] if before and held else now,
        "reason": reason,
        "message": message,
    }


def _accepted(
    crd: Obj, before: Obj, resources: Collection[str], kinds: Collection[str]
) -> tuple[Obj, tuple[str, str] | None]:
    """The names in use, and the last conflict: (reason, message)."""
    wanted = crd["spec"]["names"]
    accepted = {key: value for key, value in before.items() if value}
    conflict: tuple[str, str] | None = None
    for key in ("plural", "singular", "shortNames", "kind", "listKind"):
        used = kinds if key in {"kind", "listKind"} else resources
        taken = _taken(wanted.get(key), before.get(key), used)
        if taken:
            message = ", ".join(f'"{name}" is already in use' for name in taken)
            shown = f"[{message}]" if len(taken) > 1 else message
            conflict = (_CONFLICTS[key], shown)
        elif wanted.get(key):
            accepted[key] = wanted[key]
        else:
            accepted.pop(key, None)
    if wanted.get("categories"):
        accepted["categories"] = wanted["categories"]
    return {"plural": "", "kind": "", **accepted}, conflict


def _taken(wanted: Any, before: Any, used: Collection[str]) -> list[str]:
    names = wanted if isinstance(wanted, list) else [wanted]
    own = before if isinstance(before, list) else [before]
    return [name for name in names if name and name not in own and name in used]


def _approval(crd: Obj) -> list[_Wanted]:
    """Groups of the Kubernetes project say whether their review is done."""
    if not is_protected(crd["spec"]["group"]):
        return []
    type_ = "KubernetesAPIApprovalPolicyConformant"
    value = (crd["metadata"].get("annotations") or {}).get(APPROVAL) or ""
    if value.startswith("unapproved"):
        return [(type_, "False", "UnapprovedAnnotation", f'not approved: "{value}"')]
    return [(type_, "True", "ApprovedAnnotation", f"approved in {value}")]
