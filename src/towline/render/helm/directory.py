"""The files of a chart folder, without what .helmignore leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from towline.errors import LimitError
from towline.render.helm.chart import ChartFile
from towline.render.helm.ignore import FILE_NAME, IgnoreRules, parse_rules
from towline.render.tree import FileTree, join

_BOM: Final = b"\xef\xbb\xbf"
_FILE_BYTES: Final = 5 * 1024 * 1024
_TOTAL_BYTES: Final = 100 * 1024 * 1024
_FILES: Final = 20_000
_DEPTH: Final = 64


def read_directory(tree: FileTree, folder: str, *, major: int = 3) -> list[ChartFile]:
    """Reads a chart folder, in the order in which Helm walks it.

    Args:
        tree: The files; what is read of it is recorded there.
        folder: The chart's folder.
        major: Helm 3 bounds each file, Helm 4 only all of them.

    Raises:
        NotFoundError: No such folder.
        ChartError: The .helmignore is malformed.
        LimitError: A file, or all of them, are too large.
    """
    names = {name for name, is_dir, _ in tree.listdir(folder) if not is_dir}
    rules = parse_rules(
        tree.read(join(folder, FILE_NAME)).decode("utf-8", "replace") if FILE_NAME in names else ""
    )
    files: list[ChartFile] = []
    total = 0
    for path in _walk(tree, folder, "", rules, 0):
        data = tree.read(join(folder, path))
        total += len(data)
        if major < 4 and len(data) > _FILE_BYTES:
            name = path.rpartition("/")[2]
            raise LimitError(
                f'chart file "{name}" is larger than the maximum file size {_FILE_BYTES}'
            )
        if total > _TOTAL_BYTES or len(files) >= _FILES:
            raise LimitError(f"chart is larger than {_TOTAL_BYTES} bytes or {_FILES} files")
        files.append(ChartFile(path, data.removeprefix(_BOM)))
    return files


def _walk(tree: FileTree, folder: str, below: str, rules: IgnoreRules, depth: int) -> Iterator[str]:
    if depth > _DEPTH:
        raise LimitError(f"folders are nested deeper than {_DEPTH}")
    for name, is_dir, _ in sorted(tree.listdir(join(folder, below) if below else folder)):
        path = join(below, name)
        if rules.ignores(path, folder=is_dir):
            continue
        if is_dir:
            yield from _walk(tree, folder, path, rules, depth + 1)
        else:
            yield path
