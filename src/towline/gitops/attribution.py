"""Says of every field that is out of sync who wrote it last, and when.

The API server keeps in `metadata.managedFields` which field manager last set which field. From
that, and from what an apply would change, follows whose doing a difference is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec
import orjson

from towline.argo.names import FIELD_MANAGER
from towline.gitops.diff import Prediction
from towline.gitops.ignore import fields_of
from towline.gitops.masking import mask_all
from towline.kube.schema.node import SchemaNode
from towline.kube.ssa import compare
from towline.kube.ssa.fieldset import MEMBER, Tree, element_text, is_member

MOST_FIELDS: Final = 200

Elements = tuple[str, ...]


class Change(StrEnum):
    """What an apply would do to a field."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


class Cause(StrEnum):
    """Whose doing a difference is."""

    MANAGER = "manager"
    """Another field manager set it."""
    MANIFEST = "manifest"
    """We set it ourselves, and the manifest has changed since."""
    ADMISSION = "admission"
    """Nobody owns it: a default, or an admission webhook."""
    REMOVED = "removed"
    """It is not on the live object; the last foreign writer to its part is a suspect only."""
    UNKNOWN = "unknown"
    """The object does not say who wrote what."""


class Writer(msgspec.Struct, frozen=True, kw_only=True):
    """A field manager.

    Attributes:
        manager: Its name.
        operation: `Apply` or `Update`.
        time: When it last wrote, RFC 3339; empty when unknown.
        subresource: Through which subresource, or empty.
    """

    manager: str
    operation: str
    time: str = ""
    subresource: str = ""


class FieldDrift(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A field that is not as it should be.

    Attributes:
        path: As people read it: `.spec.containers[name="a"].image`.
        change: What an apply would do.
        cause: Whose doing it is.
        desired: What it should be; absent when it should not be there.
        live: What it is; absent when it is not there.
        writer: Who wrote it last; for a removed field the last foreign writer to
            the same part (`spec`, `data`).
    """

    path: str
    change: Change
    cause: Cause
    desired: Any = msgspec.UNSET
    live: Any = msgspec.UNSET
    writer: Writer | None = None


class _Entry(msgspec.Struct, frozen=True):
    writer: Writer
    fields: Tree


def attribute(
    prediction: Prediction,
    managed_fields: Any,
    schema: SchemaNode | None,
    ours: frozenset[str] = frozenset({FIELD_MANAGER}),
) -> tuple[FieldDrift, ...]:
    """The fields that an apply would change, with their writers, sorted by path.

    Values of Secrets are masked.

    Args:
        prediction: What an apply would do.
        managed_fields: `metadata.managedFields` of the live object.
        schema: The kind's schema; without one lists are one value.
        ours: Field managers that the engine itself writes as.

    Returns:
        At most `MOST_FIELDS` of them.
    """
    live, wanted = mask_all([prediction.live, prediction.predicted])
    found = compare(live, wanted, schema)
    entries = _entries(managed_fields)
    drifts = []
    for change, tree in (
        (Change.ADD, found.added.tree),
        (Change.CHANGE, found.modified.tree),
        (Change.REMOVE, found.removed.tree),
    ):
        for path in _outermost(tree, live if change is Change.ADD else None):
            cause, writer = _cause(path, change, entries, ours)
            drifts.append(
                FieldDrift(
                    path="".join(map(element_text, path)),
                    change=change,
                    cause=cause,
                    desired=msgspec.UNSET if change is Change.REMOVE else value_at(wanted, path),
                    live=msgspec.UNSET if change is Change.ADD else value_at(live, path),
                    writer=writer,
                )
            )
    return tuple(sorted(drifts, key=lambda drift: drift.path)[:MOST_FIELDS])


def sentence(drift: FieldDrift) -> str:
    """A difference in one line, for people."""
    match drift.change:
        case Change.ADD:
            what = f"is missing, should be {_shown(drift.desired)}"
        case Change.REMOVE:
            what = f"is {_shown(drift.live)}, should not be there"
        case Change.CHANGE:
            what = f"is {_shown(drift.live)}, should be {_shown(drift.desired)}"
    return f"{drift.path} {what}; {_who(drift)}"


def value_at(obj: Any, path: Elements) -> Any:
    """The value at a path of field elements; UNSET when there is none."""
    for element in path:
        kind, _, rest = element.partition(":")
        if kind == "f" and isinstance(obj, dict):
            obj = obj.get(rest, msgspec.UNSET)
        elif kind == "k" and isinstance(obj, list):
            keys = orjson.loads(rest)
            obj = next((item for item in obj if _has(item, keys)), msgspec.UNSET)
        elif kind == "v" and isinstance(obj, list):
            value = orjson.loads(rest)
            obj = value if value in obj else msgspec.UNSET
        else:
            return msgspec.UNSET
    return obj


def _entries(managed_fields: Any) -> list[_Entry]:
    """Who owns what, the latest first."""
    found = [
        _Entry(
            Writer(
                manager=str(entry.get("manager") or "unknown"),
                operation=str(entry.get("operation") or ""),
                time=str(entry.get("time") or ""),
                subresource=str(entry.get("subresource") or ""),
            ),
            fields_of(entry),
        )
        for entry in (managed_fields if isinstance(managed_fields, list) else ())
        if isinstance(entry, dict)
    ]
    return sorted(found, key=lambda entry: entry.writer.time, reverse=True)


def _cause(
    path: Elements, change: Change, entries: list[_Entry], ours: frozenset[str]
) -> tuple[Cause, Writer | None]:
    if not entries:
        return Cause.UNKNOWN, None
    if change is Change.ADD:
        # Removing a field leaves no trace; who else writes to that part may have done it.
        others = [
            one.writer
            for one in entries
            if one.writer.manager not in ours and path[0] in one.fields
        ]
        return Cause.REMOVED, others[0] if others else None
    owners = [one.writer for one in entries if _covers(one.fields, path)]
    foreign = [writer for writer in owners if writer.manager not in ours]
    if foreign:
        return Cause.MANAGER, foreign[0]
    if owners:
        return Cause.MANIFEST, owners[0]
    return Cause.ADMISSION, None


def _covers(fields: Tree, path: Elements) -> bool:
    """Whether a set has the field, something below it, or all of what it is part of."""
    node = fields
    for element in path:
        if element not in node:
            return False
        node = node[element]
        if not node:
            return True
    return True


def _outermost(tree: Tree, present: Any, path: Elements = ()) -> Iterator[Elements]:
    """The outermost members of a set; with an object, only those that it does not have."""
    for element, below in tree.items():
        if element == MEMBER:
            continue
        here = (*path, element)
        if is_member(below) and (present is None or value_at(present, here) is msgspec.UNSET):
            yield here
        else:
            yield from _outermost(below, present, here)


def _has(item: Any, keys: Mapping[str, Any]) -> bool:
    """Whether an item has those keys; one that it leaves out has its default."""
    return isinstance(item, dict) and all(item.get(k, value) == value for k, value in keys.items())


def _shown(value: Any) -> str:
    text = orjson.dumps(value).decode() if value is not msgspec.UNSET else "absent"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _who(drift: FieldDrift) -> str:
    match drift.cause:
        case Cause.UNKNOWN:
            return "the object does not say who wrote it"
        case Cause.ADMISSION:
            return "a default or an admission webhook set it"
        case Cause.MANIFEST:
            return "we wrote it, and the manifest has changed since"
        case Cause.REMOVED if drift.writer is None:
            return "never applied, or taken away by somebody unknown"
        case _:
            pass
    writer = drift.writer
    name = "" if writer is None else writer.manager
    at = f" at {writer.time}" if writer is not None and writer.time else ""
    through = f" through {writer.subresource}" if writer is not None and writer.subresource else ""
    if drift.cause is Cause.REMOVED:
        return f"perhaps taken away by {name}{through}, which wrote there last{at}"
    return f"{name} wrote it{through}{at}"
