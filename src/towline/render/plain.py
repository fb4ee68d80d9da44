"""Renders a folder of plain manifests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from towline.argo.application import Directory
from towline.argo.globs import matches
from towline.argo.manifest import Manifest
from towline.errors import InputError, LimitError
from towline.render.documents import manifests_of_json, manifests_of_yaml
from towline.render.jsonnet import manifests_of_jsonnet, read_options
from towline.render.result import RenderResult, result_of
from towline.render.tree import FileTree, RecordingTree, clean_path, join

SOURCE_TYPE: Final = "Directory"
MAX_COMBINED_BYTES: Final = 10 * 1024 * 1024
_MAX_DEPTH: Final = 64
_MANIFEST_FILE: Final = re.compile(r"^.*\.(yaml|yml|json|jsonnet)$")
_SKIP_MARK: Final = "+argocd:skip-file-rendering"


def render_directory(tree: FileTree, path: str, options: Directory) -> RenderResult:
    """Reads every manifest file of a folder.

    Args:
        tree: The repository at one commit.
        path: The application's folder within it.
        options: Which files count.

    Raises:
        InputError: A broken manifest, or a path out of the repository.
        NotFoundError: The folder is not there.
        LimitError: Too much text.
    """
    recording = tree if isinstance(tree, RecordingTree) else RecordingTree(tree)
    folder = clean_path(path)
    found: list[Manifest] = []
    total = 0
    for file in _files(recording, folder, "", options, 0):
        place = join(folder, file)
        content = recording.read(place)
        total += len(content)
        if total > MAX_COMBINED_BYTES:
            raise LimitError(
                f"the manifest files of {path!r} are larger than {MAX_COMBINED_BYTES} bytes in all"
            )
        text = _text(content, file)
        if _SKIP_MARK in text:
            continue
        if file.endswith(".jsonnet"):
            found += manifests_of_jsonnet(
                recording,
                text,
                folder=folder,
                file=file,
                path=place,
                options=read_options(options.jsonnet),
            )
            continue
        read = manifests_of_json if file.endswith(".json") else manifests_of_yaml
        found += read(text, file, place)
    return result_of(found, SOURCE_TYPE, recording.reads)


def _files(
    tree: RecordingTree, folder: str, below: str, options: Directory, depth: int
) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        raise LimitError(f"folders are nested deeper than {_MAX_DEPTH}")
    for name, is_dir, _ in tree.listdir(join(folder, below) if below else folder):
        relative = join(below, name)
        if is_dir:
            if options.recurse:
                yield from _files(tree, folder, relative, options, depth + 1)
        elif _wanted(relative, options):
            yield relative


def _wanted(relative: str, options: Directory) -> bool:
    if not options.disable_extension_filter and not _MANIFEST_FILE.match(relative):
        return False
    if options.exclude and matches(options.exclude, relative):
        return False
    return not options.include or matches(options.include, relative)


def _text(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError("the file is not UTF-8 text", file=file, line=line) from error
