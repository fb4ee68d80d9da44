"""ControllerRevisions: the templates that a StatefulSet or DaemonSet has had. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from towline.drydock.cluster import Obj
from towline.drydock.control.ownership import controller_reference
from towline.drydock.control.podtemplate import template_hash

REVISION_LABEL = "controller-revision-hash"
HASH_LABEL = "controller.kubernetes.io/hash"


def snapshot(owner: Obj) -> Obj:
    """The data of a revision: a patch that puts the owner's template back.

    Clients compare it byte by byte with what they make of the owner: names are in order.
    """
    template = {**owner["spec"]["template"], "$patch": "replace"}
    return {"spec": {"template": _ordered(template)}}


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value)}
    return [_ordered(one) for one in value] if isinstance(value, list) else value


def template_of(revision: Obj) -> Obj:
    """The template that a revision keeps."""
    template: Obj = (revision.get("data") or {}).get("spec", {}).get("template", {})
    return {name: value for name, value in template.items() if name != "$patch"}


def by_number(revisions: Iterable[Obj]) -> list[Obj]:
    """Oldest first."""
    return sorted(
        revisions,
        key=lambda one: (
            number_of(one),
            one["metadata"].get("creationTimestamp") or "",
            one["metadata"]["name"],
        ),
    )


def number_of(revision: Obj) -> int:
    """The revision's number."""
    return int(revision.get("revision") or 0)


def find(owner: Obj, revisions: Sequence[Obj]) -> Obj | None:
    """The newest revision of the owner's present template."""
    data = snapshot(owner)
    return next((one for one in reversed(revisions) if one.get("data") == data), None)


def next_number(revisions: Sequence[Obj]) -> int:
    """The number of a new revision; they are ordered by number."""
    return number_of(revisions[-1]) + 1 if revisions else 1


def hash_of(revision: Obj) -> str:
    """The hash in the revision's name."""
    labels = revision["metadata"].get("labels") or {}
    return str(labels.get(HASH_LABEL) or labels.get(REVISION_LABEL) or revision["metadata"]["name"])


def new_revision(owner: Obj, number: int, collisions: int, label: str) -> Obj:
    """A revision of the owner's present template.

    Args:
        owner: The StatefulSet or DaemonSet.
        number: Its number.
        collisions: How often a name was taken by another template.
        label: The label that tells the hash.
    """
    meta = owner["metadata"]
    data = snapshot(owner)
    digest = template_hash(data, collisions)
    labels = (owner["spec"]["template"].get("metadata") or {}).get("labels") or {}
    metadata: Obj = {
        "name": f"{meta['name'][:223]}-{digest}",
        "namespace": meta["namespace"],
        "labels": {**labels, label: digest},
        "ownerReferences": [controller_reference(owner)],
    }
    if meta.get("annotations"):
        metadata["annotations"] = dict(meta["annotations"])
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": metadata,
        "data": data,
        "revision": number,
    }


def superfluous(owner: Obj, revisions: Sequence[Obj], live: Iterable[str]) -> list[Obj]:
    """Old revisions beyond the history limit, oldest first.

    Args:
        owner: With `revisionHistoryLimit`.
        revisions: All of its revisions, oldest first.
        live: Names of those that are in use.
    """
    limit = owner["spec"].get("revisionHistoryLimit")
    if limit is None or int(limit) < 0:
        return []
    used = set(live)
    idle = [one for one in revisions if one["metadata"]["name"] not in used]
    return idle[: max(0, len(idle) - int(limit))]
