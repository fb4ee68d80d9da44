"""Kustomizations in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from towline.errors import NotFoundError
from towline.render.kustomize.build import BuildOptions, Built, Kustomizer
from towline.render.kustomize.tree_files import TreeFiles
from towline.render.tree import RecordingTree


class MemoryTree:
    """A tree of files; every read is counted."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = dict(files)
        self.reads: list[str] = []

    def listdir(self, path: str) -> list[tuple[str, bool, str]]:
        prefix = f"{path}/" if path else ""
        rest = [name[len(prefix) :] for name in self.files if name.startswith(prefix)]
        if not rest:
            raise NotFoundError(path)
        return sorted({(name.partition("/")[0], "/" in name, "") for name in rest})

    def read(self, path: str) -> bytes:
        self.reads.append(path)
        if path not in self.files:
            raise NotFoundError(path)
        return self.files[path].encode("utf-8", "surrogateescape")

    def oid(self, path: str) -> str:
        if path not in self.files:
            raise NotFoundError(path)
        return hashlib.sha1(self.files[path].encode("utf-8", "surrogateescape")).hexdigest()


Build = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def memory_tree() -> type[MemoryTree]:
    return MemoryTree


@pytest.fixture(scope="session")
def build() -> Build:
    """Builds the folder `top` of files; a mapping given as content becomes YAML."""

    def run(files: Mapping[str, Any], path: str = "top", **options: Any) -> list[dict[str, Any]]:
        return built(files, path, **options).objects

    return run


def built(files: Mapping[str, Any], path: str, **options: Any) -> Built:
    texts = {
        name: content if isinstance(content, str) else yaml.safe_dump(content)
        for name, content in files.items()
    }
    tree = TreeFiles(RecordingTree(MemoryTree(texts)))
    kustomizer = Kustomizer(**{k: options.pop(k) for k in ("remotes", "charts") if k in options})
    return kustomizer.build(tree, path, BuildOptions(**options))
