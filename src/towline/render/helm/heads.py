"""What Helm reads of a manifest: kind, version, name and annotations.

Helm decodes each document whole, and fails when that fails. Most documents need no values built for
that: they are cut at their top-level keys, each piece is checked by libyaml alone, and only the
pieces that matter are decoded. Whatever could make a document mean something else than its pieces
do (aliases, tags, merge keys, keys that are no texts, flow collections within others) sends it the
long way, as does any error, so that both ways always agree.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import yaml
from yaml._yaml import CParser

from towline.render.helm.bounded import BoundedCache
from towline.render.helm.decoding import (
    field_named,
    load_struct,
    mapping_of,
    text_map_of,
    text_of,
)
from towline.text.re2 import compile_pattern

_STRUCT: Final = "SimpleHead"
_TYPES: Final = {3: "releaseutil.SimpleHead", 4: "util.SimpleHead"}
_METADATA: Final = (
    'struct { Name string "json:\\"name\\""; '
    'Annotations map[string]string "json:\\"annotations\\"" }'
)
_FIELDS: Final = ("apiVersion", "kind", "metadata")
_WANTED: Final = frozenset(name.lower() for name in _FIELDS)
_LONGEST: Final = 10 * 1024 * 1024
_KEY: Final = re.compile(r"([A-Za-z][A-Za-z0-9_./-]*):(?:[ \n]|\Z)")
_EDGE: Final = re.compile(r"\n(?=[^ \n#])")
_ENTRY: Final = re.compile(r"-(?:[ \n]|\Z)")
_UNSURE: Final = compile_pattern(
    "(?mi)"
    r"(?:^[ ]*|[:,?\[{-][ ]+)[*&!][A-Za-z0-9_<!]"  # aliases, anchors, tags
    r"|<<[ ]*:"  # merge keys
    r"|(?:^[ ]*|[:,\[-][ ]*)[-+]?\.(?:inf|nan)\b"  # numbers that JSON does not know
    r"|^[ ]*(?:-[ ]+)*\?(?:[ ]|$)"  # keys written at length
    r"|^[ ]*(?:-[ ]+)*[\[{]"  # keys that are collections
    r"|[{,][ ]*[\[{]|[\]}][ ]*:"
    r"|(?:^[ ]*(?:-[ ]+)*|[{,][ ]*)(?:~|null)?[ ]*:(?:[ ]|$)"  # keys that are null
    r"|[\t\r\x{85}\x{2028}\x{2029}\x{feff}]"
)


class Head(msgspec.Struct, frozen=True):
    """What Helm reads of a manifest.

    Attributes:
        api_version: Its apiVersion.
        kind: Its kind.
        name: metadata.name.
        annotations: metadata.annotations; empty when there are none.
    """

    api_version: str = ""
    kind: str = ""
    name: str = ""
    annotations: dict[str, str] = {}


_HEADS: Final[BoundedCache[Head]] = BoundedCache(8192)


def head_of(text: str, *, major: int = 3) -> Head:
    """The head of a document; read once for each text.

    Args:
        text: The document.
        major: Whose names errors use.

    Raises:
        ChartError: It is not YAML, or a field has the wrong type; with Go's message.
    """
    key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()
    head = _HEADS.get(key)
    if head is None:
        pieces = decisive_pieces(text)
        value = load_struct(text if pieces is None else pieces, _TYPES[major])
        head = decode_head(value, major=major)
        _HEADS.put(key, head)
    return head


def decisive_pieces(text: str) -> str | None:
    """The top-level entries that make up a document's head, or None when that is not plain to see.

    A text is returned only if the whole document is sure to be valid.
    """
    if len(text) > _LONGEST or _UNSURE.matches(text):
        return None
    starts = _top_level(text)
    wanted = [name for _, name in starts if name in _WANTED]
    if not starts or len(wanted) != len(set(wanted)):
        return None
    ends = [start for start, _ in starts[1:]] + [len(text)]
    kept: list[str] = []
    for (start, name), end in zip(starts, ends, strict=True):
        piece = text[start:end]
        if not _is_valid(piece):
            return None
        if name in _WANTED:
            kept.append(piece)
    return "\n".join(kept)


def _top_level(text: str) -> list[tuple[int, str]]:
    """Where the top-level keys are; none when something else is at the left edge."""
    starts: list[tuple[int, str]] = []
    first = () if text[:1] in {"", " ", "\n", "#"} else (0,)
    for at in (*first, *(match.end() for match in _EDGE.finditer(text))):
        key = _KEY.match(text, at)
        if key is not None:
            starts.append((at, key[1].lower()))
        elif not starts or not _ENTRY.match(text, at):
            return []
    head = text[: starts[0][0]] if starts else ""
    only_comments = all(line.lstrip(" ")[:1] in {"", "#"} for line in head.split("\n"))
    return starts if only_comments else []


def _is_valid(piece: str) -> bool:
    try:
        CParser(piece).raw_parse()
    except (yaml.YAMLError, UnicodeEncodeError):
        return False
    return True


def decode_head(value: Mapping[str, Any], *, major: int = 3) -> Head:
    """Fills a head from a document's values, in Go's way: sorted keys, whatever their case.

    Raises:
        ChartError: A field has the wrong type.
    """
    fields = dict.fromkeys(("apiVersion", "kind", "name"), "")
    annotations: dict[str, str] = {}
    for key, item in sorted(value.items()):
        name = field_named(key, _FIELDS)
        at = f"{_STRUCT}.{name}" if major < 4 else f".{key}"
        if name == "metadata":
            outer = ".metadata" if major < 4 else at
            for inner, entry in sorted(mapping_of(item, at, _METADATA).items()):
                field = field_named(inner, ("name", "annotations"))
                place = f"{outer}.{field if major < 4 else inner}"
                if field == "name":
                    fields["name"] = text_of(entry, place)
                elif field == "annotations":
                    annotations = text_map_of(entry, place, keyed=major > 3) or {}
        elif name:
            fields[name] = text_of(item, at)
    return Head(fields["apiVersion"], fields["kind"], fields["name"], annotations)
