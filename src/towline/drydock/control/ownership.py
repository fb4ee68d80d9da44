"""Owner references: who controls an object, whom a controller may adopt or must release. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from towline.drydock.cluster import Obj
from towline.kube.selectors import LabelSelector


class Claim(NamedTuple):
    """What a controller has, takes and gives up.

    Attributes:
        owned: Objects that it controls and that match.
        adopt: Matching objects without a controller.
        release: Objects that it controls and that no longer match.
    """

    owned: list[Obj]
    adopt: list[Obj]
    release: list[Obj]


def controller_of(obj: Obj) -> dict[str, Any] | None:
    """The owner reference of the controller, or None."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            found: dict[str, Any] = reference
            return found
    return None


def controlled_by(obj: Obj, kind: str) -> str:
    """Name of the controller when it is of that kind, else an empty string."""
    reference = controller_of(obj)
    return reference["name"] if reference is not None and reference["kind"] == kind else ""


def controller_reference(owner: Obj) -> dict[str, Any]:
    """The owner reference that makes `owner` the controller of an object."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def claim(owner: Obj, selector: LabelSelector, candidates: Iterable[Obj]) -> Claim:
    """Sorts candidates of one namespace by what `owner` should do with them.

    An owner that is being deleted, and an object that is, change hands no more.
    """
    uid = owner["metadata"]["uid"]
    leaving = bool(owner["metadata"].get("deletionTimestamp"))
    result = Claim([], [], [])
    for obj in candidates:
        meta = obj["metadata"]
        reference = controller_of(obj)
        matches = selector.matches(meta.get("labels") or {})
        if reference is not None:
            if reference["uid"] != uid:
                continue
            if matches:
                result.owned.append(obj)
            elif not leaving:
                result.release.append(obj)
        elif matches and not leaving and not meta.get("deletionTimestamp"):
            result.adopt.append(obj)
    return result


def add_reference(obj: Obj, reference: dict[str, Any]) -> None:
    """Adds an owner reference to a private copy, unless another controller was faster."""
    if controller_of(obj) is None:
        obj["metadata"].setdefault("ownerReferences", []).append(reference)


def drop_references(obj: Obj, uids: Iterable[str]) -> None:
    """Removes owner references from a private copy."""
    gone = set(uids)
    meta = obj["metadata"]
    kept = [one for one in meta.get("ownerReferences") or () if one["uid"] not in gone]
    if kept:
        meta["ownerReferences"] = kept
    else:
        meta.pop("ownerReferences", None)
