"""Pods from templates, and the hash that names a template. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from towline.drydock.cluster import Obj
from towline.drydock.control.ownership import controller_reference

HASH_LABEL = "pod-template-hash"

_SAFE = "bcdfghjklmnpqrstvwxz2456789"  # no vowels: no words by accident
_FNV_OFFSET = 2166136261
_FNV_PRIME = 16777619
_MASK = 0xFFFFFFFF


def template_hash(template: Obj, collisions: int) -> str:
    """A short stable name for a template; another one for each collision count."""
    digest = _FNV_OFFSET
    data = orjson.dumps(template, option=orjson.OPT_SORT_KEYS)
    if collisions:
        data += b"%d" % collisions
    for byte in data:
        digest = ((digest ^ byte) * _FNV_PRIME) & _MASK
    return "".join(_SAFE[ord(digit) % len(_SAFE)] for digit in str(digest))


def same_template(one: Obj, other: Obj) -> bool:
    """Whether two templates are equal but for the hash label."""
    return _without_hash(one) == _without_hash(other)


def _without_hash(template: Obj) -> Obj:
    meta = dict(template.get("metadata") or {})
    labels = dict(meta.pop("labels", None) or {})
    labels.pop(HASH_LABEL, None)
    meta.pop("creationTimestamp", None)
    return {**template, "metadata": {**meta, "labels": labels}}


def pod_of(owner: Obj, template: Obj, **meta: Any) -> Obj:
    """A new pod from a template, controlled by `owner`.

    Args:
        owner: The controlling object.
        template: A PodTemplateSpec.
        meta: More metadata; the name is generated from the owner's unless given.
    """
    template_meta = template.get("metadata") or {}
    metadata: Obj = {
        "namespace": owner["metadata"]["namespace"],
        "ownerReferences": [controller_reference(owner)],
    }
    if "name" not in meta:
        metadata["generateName"] = f"{owner['metadata']['name']}-"
    for field in ("labels", "annotations", "finalizers"):
        if template_meta.get(field):
            metadata[field] = template_meta[field]
    metadata |= meta
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": template.get("spec") or {},
    }
