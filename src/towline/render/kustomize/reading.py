"""From the text of a manifest file to resources, with kustomize's checks."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Any, Final

import msgspec

from towline.errors import InputError
from towline.render.kustomize.documents import Reading, read_document, split_documents
from towline.render.kustomize.resource import Resource
from towline.render.kustomize.schema import Schemas
from towline.render.kustomize.values import Value, decoded, finished, is_empty, is_null, text_of

_CACHED: Final = 256
_CACHED_BYTES: Final = 8 << 20


class _Parsed(msgspec.Struct, frozen=True):
    values: tuple[dict[str, Value], ...]
    special: bool
    size: int


class ParsedFiles:
    """Parsed texts by digest, so that a text is parsed once; those long unused are forgotten.

    Threads may share it: at worst one of them parses what another is just parsing.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, _Parsed] = OrderedDict()
        self._size = 0

    def get(self, content: bytes) -> _Parsed:
        """The objects of a file.

        Raises:
            InputError: It is not YAML, or an object lacks its kind or name.
            LimitError: A bound is reached.
        """
        key = hashlib.blake2b(content, digest_size=20).digest()
        known = self._known.pop(key, None)
        if known is None:
            known = _parsed(content)
            self._size += known.size
        self._known[key] = known
        while len(self._known) > _CACHED or self._size > _CACHED_BYTES:
            try:
                self._size -= self._known.popitem(last=False)[1].size
            except KeyError:
                break
        return known


def resources_of(content: bytes, schemas: Schemas, parsed: ParsedFiles) -> list[Resource]:
    """The resources of a file, Lists taken apart.

    Raises:
        InputError: It is not YAML, or an object lacks its kind or name.
        LimitError: A bound is reached.
    """
    found = parsed.get(content)
    resources = [Resource(value, schemas, special=found.special) for value in found.values]
    for resource in resources:
        resource.take_own_notes()
    return resources


def _parsed(content: bytes) -> _Parsed:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("MalformedYAMLError: yaml: invalid leading UTF-8 octet") from error
    reading = Reading()
    if len(content) > reading.limits.text_bytes:
        raise InputError(
            f"YAML of {len(content)} bytes is longer than the limit of {reading.limits.text_bytes}"
        )
    nodes = _nodes(text.replace("\r\n", "\n"), reading)
    values = _inlined([node for node in nodes if _checked(node)], reading)
    return _Parsed(tuple(values), reading.special, len(content))


def _nodes(text: str, reading: Reading) -> list[Value]:
    pieces = split_documents(text) if text else []
    nodes: list[Value] = []
    for piece in pieces:
        try:
            value = read_document(piece, reading)
        except InputError as error:
            raise InputError(f"MalformedYAMLError: {error.message}") from error
        if is_null(value):
            continue
        if len(pieces) == 1 and _is_wrapper(value):
            items = value.get("items")
            nodes.extend(items if isinstance(items, list) else [])
        else:
            nodes.append(value)
    return nodes


def _is_wrapper(value: Value) -> bool:
    return (
        isinstance(value, dict)
        and text_of(value.get("kind")) in {"ResourceList", "List"}
        and ("items" in value or "functionConfig" in value)
    )


def _checked(node: Value) -> bool:
    """Whether the node counts as an object.

    Raises:
        InputError: It lacks kind or name.
    """
    if is_empty(node):
        return False
    if not isinstance(node, dict):
        raise InputError("missing Resource metadata")
    kind, version = (_text(node, field) for field in ("kind", "apiVersion"))
    metadata = node.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    if not kind and not version and not named:
        raise InputError("missing Resource metadata")
    name = _text(named, "name")
    if not kind or (not name and not kind.endswith("List")):
        missing = "kind" if not kind else "metadata.name"
        fields = " ".join(_text(named, field) for field in ("name", "namespace"))
        maps = " ".join(_map_text(named.get(field)) for field in ("labels", "annotations"))
        raise InputError(
            f"missing {missing} in object {{{{{version} {kind}}} {{{{{fields}}} {maps}}}}}"
        )
    return True


def _text(node: dict[str, Value], field: str) -> str:
    value = node.get(field)
    return "" if is_empty(value) else text_of(value)


def _map_text(value: Value) -> str:
    entries = value if isinstance(value, dict) else {}
    return f"map[{' '.join(f'{key}:{text_of(entries[key])}' for key in sorted(entries))}]"


def _inlined(nodes: list[dict[str, Value]], reading: Reading) -> list[dict[str, Value]]:
    """Takes Lists apart; their objects come after all others, as in the original."""
    result: list[dict[str, Value]] = []
    queue = list(nodes)
    while queue:
        node, *queue = queue
        kind = text_of(node.get("kind"))
        if not kind.endswith("List") or "items" not in node:
            result.append(node)
            continue
        items: Any = node["items"]
        if is_null(items):
            continue
        if not isinstance(items, list):
            raise InputError(f"expected array in {kind}/items, but found {type(items).__name__}")
        queue.extend(item for item in map(finished, decoded(items)) if _checked(item))
    return result
