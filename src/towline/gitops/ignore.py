"""Which fields of an object do not count as differences, and how they are taken out.

Rules come from the application (`spec.ignoreDifferences`) and from the configuration
(`resource.customizations.ignoreDifferences.*`). A rule takes fields away by JSON pointer, by jq
path expression, or by the field manager that owns them. Pointers are pure work and done here; jq
expressions are programs, and whoever runs them (`PathRemover`) limits them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, Final, Protocol

import msgspec

from towline.argo.application import IgnoreRule
from towline.argo.globs import matches
from towline.kube.refs import GroupKind, ObjectKey
from towline.kube.schema.node import ANY, SchemaNode
from towline.kube.ssa import compare
from towline.kube.ssa.fieldset import Tree, intersection, normalized, union
from towline.kube.ssa.typed import remove_items

Obj = dict[str, Any]

CRD: Final = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")
_STATUS: Final = ("/status",)


class StatusScope(StrEnum):
    """Of which objects `/status` is ignored."""

    ALL = "all"
    CRD = "crd"
    NONE = "none"


class Removal(msgspec.Struct, frozen=True, order=True):
    """One thing to take out.

    Attributes:
        text: The pointer or the expression.
        jq: Whether it is a jq path expression.
    """

    text: str
    jq: bool = False


class PathRemover(Protocol):
    """Takes removals out of documents; `towline.workers.jq_pool.JqPool` fits."""

    async def remove(
        self, documents: Sequence[Obj], removals: Sequence[Removal], owner: str
    ) -> list[Obj]:
        """The documents without what the removals name, in the order given.

        A removal that fails on a document (no such place, an error, too slow) leaves it as it is.

        Args:
            documents: Objects; not changed.
            removals: In order.
            owner: For whom; one owner's work does not delay another's.

        Raises:
            InputError: An expression is not jq.
        """
        ...


class IgnorePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """All rules that hold for one application.

    Attributes:
        rules: Those of the configuration, then those of the application.
        status: Of which objects the status does not count.
    """

    rules: tuple[IgnoreRule, ...] = ()
    status: StatusScope = StatusScope.ALL

    def removals(self, key: ObjectKey) -> tuple[Removal, ...]:
        """What is to be taken out of both sides of an object, in order."""
        found = [Removal(pointer) for pointer in self._always(GroupKind(key.group, key.kind))]
        for rule in self._matching(key):
            found += [Removal(pointer) for pointer in rule.json_pointers]
            found += [Removal(path, jq=True) for path in rule.jq_path_expressions]
        return tuple(found)

    def managers(self, key: ObjectKey) -> frozenset[str]:
        """Field managers whose fields do not count on an object."""
        return frozenset(
            name for rule in self._matching(key) for name in rule.managed_fields_managers
        )

    def _matching(self, key: ObjectKey) -> Iterable[IgnoreRule]:
        return (rule for rule in self.rules if _applies(rule, key))

    def _always(self, kind: GroupKind) -> tuple[str, ...]:
        if self.status is StatusScope.ALL or (self.status is StatusScope.CRD and kind == CRD):
            return _STATUS
        return ()


def needs_jq(removals: Iterable[Removal]) -> bool:
    """Whether jq is needed to carry them out."""
    return any(removal.jq for removal in removals)


def without_pointers(documents: Sequence[Obj], removals: Sequence[Removal]) -> list[Obj]:
    """The documents without what JSON pointers name.

    Raises:
        ValueError: A removal is a jq expression.
    """
    if needs_jq(removals):
        raise ValueError("jq expressions need a PathRemover")
    out = list(documents)
    for removal in removals:
        out = [without_pointer(document, removal.text) for document in out]
    return out


def without_pointer(document: Obj, pointer: str) -> Obj:
    """The document without the place that a JSON pointer names; as it is when there is none.

    The pointer is read as the `remove` operation of a JSON patch (RFC 6902) reads it: no wildcards,
    `~1` is `/` and `~0` is `~`, negative indices count from the end, `-` names no item.
    """
    tokens = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    found: Obj = _without(document, tokens) if tokens else document
    return found


def without_managed(
    wanted: Obj,
    live: Obj,
    managed_fields: Any,
    managers: Iterable[str],
    schema: SchemaNode | None,
) -> tuple[Obj, Obj]:
    """Both sides without the fields that differ and belong to one of the managers.

    Args:
        wanted: The desired object.
        live: The live object.
        managed_fields: `metadata.managedFields` of the live object.
        managers: Names of field managers.
        schema: The kind's schema; without one lists are one value.
    """
    owned = owned_by(managed_fields, managers)
    if not owned:
        return wanted, live
    doomed = intersection(owned, compare(live, wanted, schema).modified.tree)
    if not doomed:
        return wanted, live
    node = schema or ANY
    return remove_items(wanted, doomed, node), remove_items(live, doomed, node)


def owned_by(managed_fields: Any, managers: Iterable[str]) -> Tree:
    """The fields that some managers own; malformed entries count as empty."""
    names = frozenset(managers)
    owned: Tree = {}
    if not names or not isinstance(managed_fields, list):
        return owned
    for entry in managed_fields:
        if isinstance(entry, dict) and entry.get("manager") in names:
            owned = union(owned, fields_of(entry))
    return owned


def fields_of(entry: Obj) -> Tree:
    """The set of fields of one entry of `managedFields`; empty when it is malformed."""
    try:
        return normalized(entry.get("fieldsV1") or {})
    except ValueError:
        return {}


def _applies(rule: IgnoreRule, key: ObjectKey) -> bool:
    return (
        matches(rule.group, key.group)
        and matches(rule.kind, key.kind)
        and rule.name in {"", key.name}
        and rule.namespace in {"", key.namespace}
    )


def _without(value: Any, tokens: list[str]) -> Any:
    """The value without what the tokens lead to; shares everything else."""
    head, rest = tokens[0], tokens[1:]
    if isinstance(value, dict) and head in value:
        if not rest:
            return {name: item for name, item in value.items() if name != head}
        below = _without(value[head], rest)
        return value if below is value[head] else {**value, head: below}
    if isinstance(value, list) and (index := _index(head, len(value))) is not None:
        if not rest:
            return value[:index] + value[index + 1 :]
        below = _without(value[index], rest)
        return value if below is value[index] else [*value[:index], below, *value[index + 1 :]]
    return value


def _index(token: str, size: int) -> int | None:
    digits = token[1:] if token[:1] in {"+", "-"} else token
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
        return None
    index = int(token)
    index = index + size if index < 0 else index
    return index if 0 <= index < size else None
