"""Keys that stand twice in one object of a body, which decoders read as the last one. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import yaml

from towline.drydock.api.decode import JSON, YAML, media_type


def duplicate_problems(body: bytes, content_type: str) -> tuple[str, ...]:
    """What a strict decoder says about doubled keys.

    Args:
        body: That has been decoded before, so it is well-formed and not too large.
        content_type: JSON and YAML are looked at, other types have no keys to double.

    Returns:
        Texts such as `duplicate field "spec.replicas"`; for YAML a single one that names lines.
    """
    match media_type(content_type):
        case media if media == JSON:
            pairs = json.loads(body, object_pairs_hook=_Pairs)
            return tuple(f'duplicate field "{path}"' for path in _doubled(pairs, ""))
        case media if media == YAML:
            return yaml_duplicates(body)
    return ()


def yaml_duplicates(body: bytes) -> tuple[str, ...]:
    """The same for YAML by its content, whatever its media type is called."""
    root = yaml.compose(body, yaml.CSafeLoader)
    lines = [f'  line {line}: key "{key}" already set in map' for line, key in _twice(root, set())]
    return ("\n".join(("yaml: unmarshal errors:", *lines)),) if lines else ()


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object as they were written."""


def _doubled(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for name, below in value:
            place = f"{path}.{name}" if path else name
            if name in seen:
                yield place
            seen.add(name)
            yield from _doubled(below, place)
    elif isinstance(value, list):
        for position, below in enumerate(value):
            yield from _doubled(below, f"{path}[{position}]")


def _twice(node: Any, visited: set[int]) -> Iterator[tuple[int, str]]:
    if id(node) in visited:
        # An alias leads to a node that has been looked at.
        return
    visited.add(id(node))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, below in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    yield key.start_mark.line + 1, key.value
                seen.add(key.value)
            yield from _twice(below, visited)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _twice(item, visited)
