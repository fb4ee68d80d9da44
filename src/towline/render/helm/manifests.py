"""What templates wrote, cut into manifests and put into the order of installation."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from towline.kube.install_order import INSTALL_ORDER
from towline.render.helm.errors import ChartError, RenderError
from towline.render.helm.heads import Head, head_of

HOOK: Final = "helm.sh/hook"
_RE_SPACE: Final = "\t\n\f\r "
SPACE: Final = (
    " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
# What belongs to a separator beside its dashes; RE2's \s is ASCII and knows no vertical tab.
_BLANKS: Final = {3: re.compile("[\t\n\f\r ]*"), 4: re.compile("[ \t]*")}

_KINDS: Final = ["PriorityClass", *INSTALL_ORDER]
_KINDS_4: Final = [*_KINDS, "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"]
_EVENTS: Final = {
    **{
        name: name
        for name in (
            "pre-install",
            "post-install",
            "pre-delete",
            "post-delete",
            "pre-upgrade",
            "post-upgrade",
            "pre-rollback",
            "post-rollback",
            "test",
        )
    },
    "test-success": "test",
}


class Manifest(msgspec.Struct, frozen=True):
    """One document that a template wrote.

    Attributes:
        path: The template.
        text: The document, without separators.
        head: What was read of it.
        events: When it runs, if it is a hook; `test` for tests.
    """

    path: str
    text: str
    head: Head
    events: tuple[str, ...] = ()


class Sorted(msgspec.Struct, frozen=True):
    """All manifests.

    Attributes:
        generic: Those that are no hooks, in the order of installation.
        hooks: Hooks, in the same order.
    """

    generic: tuple[Manifest, ...]
    hooks: tuple[Manifest, ...]


def sort_manifests(files: Mapping[str, str], *, major: int) -> Sorted:
    """Cuts rendered templates into documents and sorts these by kind.

    Args:
        files: Path of each template to what it wrote.
        major: Which Helm: 3 or 4.

    Raises:
        RenderError: A document is not YAML, or not a mapping.
    """
    generic: list[Manifest] = []
    hooks: list[Manifest] = []
    for path in sorted(files):
        if posixpath.basename(path).startswith("_") or not files[path].strip(SPACE):
            continue
        for text in split_documents(files[path], major=major):
            manifest = _manifest(path, text, major)
            if manifest is not None:
                (hooks if manifest.events else generic).append(manifest)
    order = _KINDS if major < 4 else _KINDS_4
    ranks = {kind: rank for rank, kind in enumerate(order)}
    return Sorted(tuple(_by_kind(generic, ranks)), tuple(_by_kind(hooks, ranks)))


def split_documents(text: str, *, major: int) -> list[str]:
    """The documents of a text; Helm 4 keeps the white space at their ends."""
    if major < 4:
        # White space before a separator belongs to it.
        parts = [part.rstrip(_RE_SPACE) for part in _cut(text.strip(SPACE), 3)]
        return [part.strip(SPACE) for part in parts if part]
    parts = _cut(text.lstrip(SPACE), 4)
    return [part.lstrip(SPACE) for part in parts if part.strip(SPACE)]


def _cut(text: str, major: int) -> list[str]:
    """What is between lines that begin with three dashes."""
    parts: list[str] = []
    begin = 0
    dashes = 0 if text.startswith("---") else _next_dashes(text, 0)
    while dashes is not None:
        parts.append(text[begin:dashes])
        blank = _BLANKS[major].match(text, dashes + 3)
        begin = blank.end() if blank else dashes + 3
        dashes = _next_dashes(text, begin)
    parts.append(text[begin:])
    return parts


def _next_dashes(text: str, start: int) -> int | None:
    found = text.find("\n---", start)
    return found + 1 if found >= 0 else None


def _by_kind(manifests: Iterable[Manifest], ranks: Mapping[str, int]) -> list[Manifest]:
    last = len(ranks)

    def key(manifest: Manifest) -> tuple[int, str]:
        rank = ranks.get(manifest.head.kind)
        return (last, manifest.head.kind) if rank is None else (rank, "")

    return sorted(manifests, key=key)


def _manifest(path: str, text: str, major: int) -> Manifest | None:
    try:
        head = head_of(text, major=major)
    except ChartError as error:
        raise RenderError(f"YAML parse error on {path}: {error.message}") from error
    if HOOK not in head.annotations:
        return Manifest(path, text, head)
    events = [name.strip(SPACE).lower() for name in head.annotations[HOOK].split(",")]
    if any(event not in _EVENTS for event in events):
        return None
    return Manifest(path, text, head, tuple(_EVENTS[event] for event in events))
