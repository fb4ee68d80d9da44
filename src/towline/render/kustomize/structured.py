"""Replacements within texts that hold JSON or YAML themselves, such as entries of a ConfigMap.

JSON is written anew. YAML keeps its order, styles and comments: it is edited as a tree of styled
nodes and laid out anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import yaml

from towline.errors import InputError, LimitError
from towline.render.kustomize.comments import with_comments
from towline.render.kustomize.documents import Reading, read_document
from towline.render.kustomize.fieldpaths import MISSING, Place, lookup, places
from towline.render.kustomize.model import FieldOptions
from towline.render.kustomize.values import (
    Spelled,
    Value,
    finished,
    is_scalar,
    resolve,
    text_of,
)
from towline.text.goyaml import dump_json

SetPlace = Callable[[Place, Value, FieldOptions | None], None]
_TAG: Final = "tag:yaml.org,2002:"
_ANCHOR: Final = re.compile(r"(?:^|[ \[,{])[&*]\w", re.MULTILINE)
_COMMENT: Final = re.compile(r"[ \t]{2,}#")


def set_in_text(
    document: dict[str, Value],
    parts: tuple[str, ...],
    value: Value,
    options: FieldOptions | None,
    set_place: SetPlace,
) -> bool:
    """Sets a field within a text on the way of a path, if there is one.

    Args:
        document: A private copy of the object.
        parts: The path, of which a first part leads to the text.
        value: What to set.
        options: Which part of the field counts.
        set_place: Sets one field.

    Returns:
        Whether that is done; else the path may still lead to an ordinary field.
    """
    for count in range(1, len(parts)):
        try:
            text = lookup(document, parts[:count])
            if text is MISSING or not is_scalar(text):
                continue
            before = read_document(text_of(text), Reading())
        except InputError:
            continue
        try:
            changed = _changed(before, parts[count:], value, options, set_place)
            if changed is MISSING:
                return False
            _set_text(document, parts[:count], _written(before, changed, text_of(text)))
        except (InputError, LimitError):
            return False
        return True
    return False


def _changed(
    before: Value,
    parts: tuple[str, ...],
    value: Value,
    options: FieldOptions | None,
    set_place: SetPlace,
) -> Value:
    holder = [_private(before)]
    create = value if options is not None and options.create else MISSING
    found = places(Place(holder, 0), parts, create)
    for place in found:
        set_place(place, value, options)
    return holder[0] if found else MISSING


def _private(value: Value) -> Value:
    if isinstance(value, dict):
        return {key: _private(item) for key, item in value.items()}
    return [_private(item) for item in value] if isinstance(value, list) else value


def _set_text(document: dict[str, Value], parts: tuple[str, ...], text: str) -> None:
    holder: Any = lookup(document, parts[:-1])
    name = parts[-1]
    if isinstance(holder, dict):
        holder[name] = text
        return
    wanted = lookup(document, parts)
    holder[next(i for i, item in enumerate(holder) if item is wanted)] = text


def _written(before: Value, after: Value, text: str) -> str:
    if text.strip()[:1] in {"{", "["}:
        indent = "  " if "\n" in text and "  " in text else ""
        return dump_json(finished(after), indent=indent)
    node = yaml.compose(text, Loader=yaml.CSafeLoader)
    edits: list[tuple[int, int, str]] = []
    styled = str(_serialized(_merged(node, before, after, edits)))
    if _ANCHOR.search(text):
        return _spliced(text, edits).strip()
    commented = with_comments(text, styled) if "#" in text else styled
    return (_spliced(text, edits) if commented is None else commented).strip()


def _merged(node: Any, before: Value, after: Value, edits: list[tuple[int, int, str]]) -> Any:
    """The styled tree with the new values; `edits` gets the scalars that can be set in place."""
    if before is after or before == after:
        return node
    if isinstance(after, dict) and isinstance(before, dict):
        known = {text_of(key.value): (key, item) for key, item in node.value}
        pairs = []
        for key, item in after.items():
            if key in before and key in known:
                key_node, item_node = known[key]
                pairs.append((key_node, _merged(item_node, before[key], item, edits)))
            else:
                pairs.append((_fresh(key), _fresh(item)))
        return yaml.MappingNode(node.tag, pairs, flow_style=node.flow_style)
    if isinstance(after, list) and isinstance(before, list):
        items = [
            _merged(node.value[index], before[index], item, edits)
            if index < len(before)
            else _fresh(item)
            for index, item in enumerate(after)
        ]
        return yaml.SequenceNode(node.tag, items, flow_style=node.flow_style)
    if is_scalar(after) and isinstance(node, yaml.ScalarNode):
        fresh = yaml.ScalarNode(node.tag, text_of(after), style=node.style)
        if isinstance(after, str):
            quoted = '"' if not node.style and not isinstance(resolve(after), str) else node.style
            fresh = yaml.ScalarNode(_TAG + "str", after, style=quoted)
        written = str(_serialized(fresh)).removesuffix("\n...\n").strip()
        edits.append((node.start_mark.index, node.end_mark.index, written))
        return fresh
    return _fresh(after)


def _fresh(value: Value) -> Any:
    if isinstance(value, dict):
        pairs = [(_fresh(key), _fresh(item)) for key, item in value.items()]
        return yaml.MappingNode(_TAG + "map", pairs, flow_style=False)
    if isinstance(value, list):
        return yaml.SequenceNode(_TAG + "seq", [_fresh(each) for each in value], flow_style=False)
    if isinstance(value, str):
        return yaml.ScalarNode(_TAG + "str", value, style="|" if "\n" in value else None)
    text = text_of(value)
    kinds = {bool: "bool", int: "int", float: "float"}
    plain = value.value if isinstance(value, Spelled) else value
    return yaml.ScalarNode(_TAG + kinds.get(type(plain), "null"), text)


def _serialized(node: Any) -> Any:
    return yaml.serialize(
        node, Dumper=yaml.CSafeDumper, indent=2, width=2**31 - 1, allow_unicode=True
    )


def _spliced(text: str, edits: list[tuple[int, int, str]]) -> str:
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return "\n".join(
        _COMMENT.sub(" #", line) if line.strip()[:1] != "#" else line for line in text.split("\n")
    )
