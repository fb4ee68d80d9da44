"""Whether the files of an application's folder match a plugin's patterns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from towline.argo.globs import matches
from towline.errors import LimitError
from towline.render.tree import RecordingTree, join

_WILD: Final = re.compile(r"[*?\[{\\]")
_BRACES: Final = re.compile(r"\{([^{}]*)\}")
_MOST_FOLDERS: Final = 10_000
_MOST_PATTERNS: Final = 256
_DEEPEST: Final = 32
_ANY: Final = "**"


def has_file(tree: RecordingTree, folder: str, pattern: str) -> bool:
    """Whether something matches a shell pattern; `*` and `?` do not cross folders.

    Args:
        tree: The repository; what was looked at is recorded.
        folder: The application's folder.
        pattern: Relative to the folder.

    Raises:
        LimitError: Too many folders have to be looked at.
    """
    plain = re.sub(r"\*+", "*", pattern.replace("{", "\\{").replace("}", "\\}"))
    return _Search(tree).found(folder, _segments(plain), 0)


def has_match(tree: RecordingTree, folder: str, pattern: str) -> bool:
    """Whether something matches a pattern with `**` (any number of folders) and braces.

    Args:
        tree: The repository; what was looked at is recorded.
        folder: The application's folder.
        pattern: Relative to the folder.

    Raises:
        LimitError: Too many folders have to be looked at, or the braces are too many.
    """
    search = _Search(tree)
    return any(search.found(folder, _segments(one), 0) for one in _alternatives(pattern))


class _Search:
    """A bounded walk."""

    def __init__(self, tree: RecordingTree) -> None:
        self._tree = tree
        self._left = _MOST_FOLDERS

    def found(self, folder: str, segments: Sequence[str], depth: int) -> bool:
        if not segments:
            return True
        # A link may lead back to its own folder, so depth is bounded, silently: files that are
        # found through it are found without it.
        if depth > _DEEPEST:
            return False
        head, rest = segments[0], segments[1:]
        if head != _ANY and not _WILD.search(head):
            return self._plain(folder, head, rest, depth)
        entries = self._entries(folder)
        if head == _ANY:
            if not rest:
                return bool(entries)
            return self.found(folder, rest, depth) or any(
                is_dir and self.found(join(folder, name), segments, depth + 1)
                for name, is_dir, _ in entries
            )
        return any(
            matches(head, name, separator="/")
            and (not rest or (is_dir and self.found(join(folder, name), rest, depth + 1)))
            for name, is_dir, _ in entries
        )

    def _plain(self, folder: str, name: str, rest: Sequence[str], depth: int) -> bool:
        kind = self._tree.kind(join(folder, name))
        if not rest:
            return bool(kind)
        return kind == "folder" and self.found(join(folder, name), rest, depth + 1)

    def _entries(self, folder: str) -> list[tuple[str, bool, str]]:
        self._left -= 1
        if self._left < 0:
            raise LimitError(f"discovery looks at more than {_MOST_FOLDERS} folders")
        return self._tree.listdir(folder)


def _segments(pattern: str) -> list[str]:
    return [segment for segment in pattern.split("/") if segment not in {"", "."}]


def _alternatives(pattern: str) -> Iterator[str]:
    """The patterns that the braces stand for, the innermost opened first."""
    todo, made = [pattern], 0
    while todo:
        one = todo.pop()
        braces = _BRACES.search(one)
        if braces is None:
            yield one
            continue
        choices = braces[1].split(",")
        made += len(choices)
        if made > _MOST_PATTERNS:
            raise LimitError(f"the pattern {pattern[:100]!r} has too many alternatives")
        todo += [one[: braces.start()] + choice + one[braces.end() :] for choice in choices]
