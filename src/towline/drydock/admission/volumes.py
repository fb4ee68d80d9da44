"""Volumes and claims: what admission adds to new ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Obj = dict[str, Any]

_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_CLAIM_PROTECTION = "kubernetes.io/pvc-protection"
_VOLUME_PROTECTION = "kubernetes.io/pv-protection"


def prepare_claim(claim: Obj, classes: Iterable[Obj]) -> Obj:
    """A new claim with the default storage class, and kept as long as a pod uses it."""
    spec = claim.get("spec") or {}
    if spec.get("storageClassName") is None:
        name = default_class(classes)
        if name:
            claim = {**claim, "spec": {**spec, "storageClassName": name}}
    return _protected(claim, _CLAIM_PROTECTION)


def prepare_volume(volume: Obj) -> Obj:
    """A new volume, kept as long as a claim uses it."""
    since = {"lastPhaseTransitionTime": volume["metadata"].get("creationTimestamp")}
    volume = {**volume, "status": {**(volume.get("status") or {}), **since}}
    return _protected(volume, _VOLUME_PROTECTION)


def note_phase(old: Obj, new: Obj, now: str) -> Obj:
    """A volume whose status says since when it has been in its phase."""
    before, after = old.get("status") or {}, new.get("status") or {}
    stamp = "lastPhaseTransitionTime"
    if before.get("phase") == after.get("phase") or after.get(stamp) != before.get(stamp):
        return new
    return {**new, "status": {**after, stamp: now}}


def default_class(classes: Iterable[Obj]) -> str:
    """Name of the default class, the newest when there are several; empty for none."""
    marked = [
        one["metadata"]
        for one in classes
        if (one["metadata"].get("annotations") or {}).get(_DEFAULT) == "true"
    ]
    # Newest first; of the same second, the first by name.
    marked.sort(key=lambda meta: str(meta["name"]))
    marked.sort(key=lambda meta: str(meta.get("creationTimestamp") or ""), reverse=True)
    return str(marked[0]["name"]) if marked else ""


def _protected(obj: Obj, finalizer: str) -> Obj:
    meta = obj["metadata"]
    present = meta.get("finalizers") or []
    if finalizer in present:
        return obj
    return {**obj, "metadata": {**meta, "finalizers": [*present, finalizer]}}
