"""The entries of `metadata.managedFields`: decode, encode, order, cap. Pure values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from towline.kube.ssa.fieldset import Tree, ordered, union

APPLY = "Apply"
UPDATE = "Update"
MAX_UPDATE_MANAGERS = 10
ANCIENT = "ancient-changes"
BEFORE_FIRST_APPLY = "before-first-apply"


class Identity(msgspec.Struct, frozen=True, order=True):
    """Who owns fields; appliers keep one entry over all API versions.

    Attributes:
        manager: Name of the field manager.
        operation: `Apply` or `Update`.
        api_version: Empty for appliers.
        subresource: Empty for the main resource.
    """

    manager: str
    operation: str
    api_version: str
    subresource: str

    def text(self) -> str:
        """As conflict messages print it."""
        text = f'"{self.manager}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return f"{text} using {self.api_version}" if self.operation == UPDATE else text


class Entry(msgspec.Struct, frozen=True):
    """What one manager owns.

    Attributes:
        identity: Who.
        api_version: In which version the fields are named.
        time: When the set last changed, RFC 3339; None when unknown.
        fields: The set.
        raw: The entry as the object carries it; None when it has to be written anew.
    """

    identity: Identity
    api_version: str
    time: str | None
    fields: Tree
    raw: dict[str, Any] | None = None

    def with_fields(self, fields: Tree) -> Entry:
        """The same entry with another set."""
        return Entry(self.identity, self.api_version, self.time, fields)


Managers = dict[Identity, Entry]


def identity_of(manager: str, operation: str, api_version: str, subresource: str) -> Identity:
    """The identity of a writer."""
    version = "" if operation == APPLY else api_version
    return Identity(manager or "unknown", operation, version, subresource)


def decode(entries: Any) -> Managers | None:
    """Reads `metadata.managedFields`; None when it is malformed."""
    managers: Managers = {}
    if not isinstance(entries, list):
        return None if entries else managers
    for raw in entries:
        entry = _decode_one(raw)
        if entry is None:
            return None
        managers[entry.identity] = entry
    return managers


def _decode_one(raw: Any) -> Entry | None:
    if not isinstance(raw, dict):
        return None
    operation, version = raw.get("operation"), raw.get("apiVersion")
    fields = raw.get("fieldsV1") or {}
    well_formed = (
        operation in {APPLY, UPDATE}
        and isinstance(version, str)
        and bool(version)
        and raw.get("fieldsType") == "FieldsV1"
        and isinstance(fields, dict)
    )
    if not well_formed:
        return None
    identity = identity_of(
        str(raw.get("manager", "")), str(operation), str(version), str(raw.get("subresource", ""))
    )
    return Entry(identity, str(version), raw.get("time"), fields, raw)


def encode(managers: Managers) -> list[dict[str, Any]]:
    """The list for `metadata.managedFields`, in the stored order."""
    entries = sorted(managers.values(), key=_order)
    return [entry.raw if entry.raw is not None else _encode_one(entry) for entry in entries]


def _order(entry: Entry) -> tuple[str, str, str, str, str]:
    who = entry.identity
    return who.operation, entry.time or "", who.manager, entry.api_version, who.subresource


def _encode_one(entry: Entry) -> dict[str, Any]:
    who = entry.identity
    raw: dict[str, Any] = {
        "manager": who.manager,
        "operation": who.operation,
        "apiVersion": entry.api_version,
    }
    if entry.time:
        raw["time"] = entry.time
    raw["fieldsType"] = "FieldsV1"
    raw["fieldsV1"] = ordered(entry.fields)
    if who.subresource:
        raw["subresource"] = who.subresource
    return raw


def is_reset(entries: Any) -> bool:
    """Whether a writer asks to forget all ownership: `[]` or `[{}]`."""
    return bool(entries in ([], [{}]))


def capped(managers: Managers) -> Managers:
    """Merges the oldest Update entries of each version when there are more than ten."""
    updaters = [entry for entry in managers.values() if entry.identity.operation == UPDATE]
    excess = len(updaters) - MAX_UPDATE_MANAGERS
    if excess <= 0:
        return managers
    updaters.sort(key=lambda entry: (entry.time or "", entry.identity))
    kept = dict(managers)
    first: dict[str, Identity] = {}
    for entry in updaters:
        if excess <= 0:
            break
        version = entry.api_version
        bucket = Identity(ANCIENT, UPDATE, version, "")
        if version not in first:
            first[version] = entry.identity
            continue
        merged = kept.pop(bucket, None) or kept.pop(first[version])
        kept.pop(entry.identity, None)
        kept[bucket] = Entry(bucket, version, entry.time, union(entry.fields, merged.fields))
        excess -= 1
    return kept


def united(entries: Iterable[Entry]) -> Tree:
    """All fields that any of the entries holds."""
    tree: Tree = {}
    for entry in entries:
        tree = union(tree, entry.fields)
    return tree
