"""Comments of a YAML text, carried over to the same text laid out anew."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import yaml

_COMMENT: Final = re.compile(r"(?:^|(?<=[ \t]))#[^\n]*", re.MULTILINE)


class _Comment(msgspec.Struct, frozen=True):
    text: str
    before: bool
    node: int


def with_comments(before: str, after: str) -> str | None:
    """The new text with the comments of the old one, at the same nodes.

    Args:
        before: The text with comments.
        after: The same nodes, laid out anew.

    Returns:
        The text, or None when the two do not have the same nodes.
    """
    old, new = _nodes(before), _nodes(after)
    if len(old) != len(new):
        return None
    lines = after.rstrip("\n").split("\n")
    heads: dict[int, list[str]] = {}
    for comment in _comments(before, old):
        if comment.node >= len(new):
            heads.setdefault(len(lines), []).append(comment.text)
            continue
        line = new[comment.node].start_mark.line
        if comment.before:
            heads.setdefault(line, []).append(comment.text)
        else:
            lines[line] = f"{lines[line]} {comment.text}"
    result: list[str] = []
    for index, line in enumerate([*lines, ""]):
        indent = line[: len(line) - len(line.lstrip(" "))]
        result.extend(indent + text for text in heads.get(index, ()))
        result.append(line)
    return "\n".join(result)


def _nodes(text: str) -> list[Any]:
    """Keys, entries of lists and scalars, in the order of the text."""
    return list(_walk(yaml.compose(text, Loader=yaml.CSafeLoader)))


def _walk(node: Any) -> Iterator[Any]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield from _walk(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            if not isinstance(item, yaml.ScalarNode):
                yield item
            yield from _walk(item)
    elif node is not None:
        yield node


def _comments(text: str, nodes: list[Any]) -> Iterator[_Comment]:
    scalars = [
        (node.start_mark.index, node.end_mark.index)
        for node in nodes
        if isinstance(node, yaml.ScalarNode)
    ]
    for match in _COMMENT.finditer(text):
        place = match.start()
        if any(start <= place < end for start, end in scalars):
            continue
        line = text.count("\n", 0, place)
        same = [i for i, node in enumerate(nodes) if node.start_mark.line == line]
        if same and nodes[same[0]].start_mark.index < place:
            yield _Comment(match.group().rstrip(), before=False, node=same[-1])
            continue
        later = (i for i, node in enumerate(nodes) if node.start_mark.index > place)
        yield _Comment(match.group().rstrip(), before=True, node=next(later, len(nodes)))
