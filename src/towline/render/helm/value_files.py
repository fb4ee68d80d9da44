"""Which files `valueFiles` and `fileParameters` name, and what is in them.

An entry is a path relative to the application's folder, a path from the repository's root with a
leading slash, `$ref/path` in another source, a glob, or a URL. Nothing outside of the sources is
read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from towline.argo.globs import matches
from towline.errors import InputError, LimitError, NotFoundError
from towline.render.environment import substitute
from towline.render.inputs import Foreign
from towline.render.tree import RecordingTree, clean_path, join

_SCHEME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_ALLOWED_SCHEMES: Final = frozenset({"http", "https"})
_REFERENCE: Final = re.compile(r"\$([a-zA-Z0-9_-]+)(/.*)")
_VARIABLES: Final = re.compile(r"(?:ARGOCD_|KUBE_)")
_GLOB: Final = re.compile(r"[*?\[{]")
_MOST_FILES: Final = 10_000
_FIELD: Final = "spec.source.helm.valueFiles"


class ValueFiles:
    """Reads the files of one source.

    Args:
        tree: The repository; what is read of it is recorded.
        folder: The application's folder.
    """

    def __init__(self, tree: RecordingTree, folder: str) -> None:
        self._tree = tree
        self._folder = folder

    def read_all(self, entries: tuple[str, ...], *, ignore_missing: bool) -> Iterator[bytes]:
        """Contents in order; a file that is named twice counts once, where it came first.

        Raises:
            InputError: A path leads out of its repository, or a scheme is not allowed.
            NotFoundError: A file is missing, and missing ones are not ignored.
        """
        explicit = {self._place(entry)[1:] for entry in entries if not self._is_glob(entry)}
        seen: set[tuple[str, str]] = set()
        for entry in entries:
            if self._is_url(entry):
                yield self._fetch(substitute(entry, self._tree))
                continue
            for tree, root, path in self._files(entry, explicit, ignore_missing=ignore_missing):
                if (root, path) in seen:
                    continue
                seen.add((root, path))
                try:
                    yield tree.read(path)
                except NotFoundError as error:
                    if not ignore_missing:
                        raise NotFoundError(f"open {path}: no such file or directory") from error

    def read(self, entry: str) -> bytes:
        """The content of one file.

        Raises:
            InputError: The path leads out of its repository.
            NotFoundError: There is no such file.
        """
        tree, _, path = self._place(entry)
        try:
            return tree.read(path)
        except NotFoundError as error:
            raise NotFoundError(f"open {path}: no such file or directory") from error

    def _files(
        self, entry: str, explicit: set[tuple[str, str]], *, ignore_missing: bool
    ) -> Iterator[tuple[RecordingTree, str, str]]:
        tree, root, path = self._place(entry)
        if not self._is_glob(entry):
            yield tree, root, path
            return
        found = [name for name in _expand(tree, path) if (root, name) not in explicit]
        if not found and not ignore_missing:
            raise NotFoundError(f"no file matches {entry!r}", hint="see ignoreMissingValueFiles")
        for name in found:
            yield tree, root, name

    def _place(self, entry: str) -> tuple[RecordingTree, str, str]:
        """The tree, its name, and the path in it."""
        reference = _REFERENCE.fullmatch(entry)
        if reference is not None:
            name = reference[1]
            try:
                tree = self._tree.ref(name)
            except NotFoundError:
                if not _VARIABLES.match(name):
                    raise
            else:
                inner = substitute(reference[2], self._tree).lstrip("/")
                return tree, f"${name}", clean_path(inner, field=_FIELD)
        path = substitute(entry, self._tree)
        if self._is_url(path):
            return self._tree, path, path
        if path.startswith("/"):
            return self._tree, "", clean_path(path.lstrip("/"), field=_FIELD)
        return self._tree, "", clean_path(join(self._folder, path), field=_FIELD)

    def _fetch(self, url: str) -> bytes:
        scheme = url.partition("://")[0].lower()
        if scheme not in _ALLOWED_SCHEMES:
            raise InputError(f"the URL scheme {scheme!r} is not allowed", field=_FIELD)
        tree = self._tree.foreign(Foreign("file", url))
        names = [name for name, is_dir, _ in tree.listdir("") if not is_dir]
        if len(names) != 1:
            raise NotFoundError(f"{url} gave no file")
        return tree.read(names[0])

    @staticmethod
    def _is_url(entry: str) -> bool:
        return _SCHEME.match(entry) is not None

    @staticmethod
    def _is_glob(entry: str) -> bool:
        return _GLOB.search(entry.partition("${")[0]) is not None and not _SCHEME.match(entry)


def _expand(tree: RecordingTree, pattern: str) -> list[str]:
    """Files that match, sorted; only folders that the pattern can reach are listed."""
    parts = pattern.split("/")
    fixed = next((at for at, part in enumerate(parts) if _GLOB.search(part)), len(parts))
    start = "/".join(parts[:fixed])
    deep = "**" in pattern
    try:
        found = list(_below(tree, start, len(parts) - fixed, deep=deep))
    except NotFoundError:
        return []
    return sorted(path for path in found if _fits(pattern, path))


def _fits(pattern: str, path: str) -> bool:
    if matches(pattern, path, separator="/"):
        return True
    # `**/` also stands for no folder at all.
    return "**/" in pattern and matches(pattern.replace("**/", "", 1), path, separator="/")


def _below(tree: RecordingTree, folder: str, levels: int, *, deep: bool) -> Iterator[str]:
    pending = [(folder, levels)]
    count = 0
    while pending:
        at, left = pending.pop()
        for name, is_dir, _ in tree.listdir(at):
            count += 1
            if count > _MOST_FILES:
                raise LimitError(f"a glob of {_FIELD} looks at more than {_MOST_FILES} files")
            path = join(at, name)
            if not is_dir:
                yield path
            elif deep or left > 1:
                pending.append((path, left - 1))
