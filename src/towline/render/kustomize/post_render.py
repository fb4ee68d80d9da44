"""Kustomize after Helm: the manifests of a chart as one more file of a kustomization."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from towline.render.kustomize.build import Kustomizer
from towline.render.kustomize.files import Files

RENDERED: Final = "all.yaml"


def post_renderer(
    kustomizer: Kustomizer, files: Files, folder: str, *, name: str = RENDERED
) -> Callable[[str], str]:
    """A function from the manifests of a chart to what the kustomization makes of them.

    Args:
        kustomizer: Builds.
        files: The tree of the kustomization.
        folder: Its folder.
        name: The file of its `resources` that stands for the manifests.
    """

    def render(manifests: str) -> str:
        place = f"{folder}/{name}" if folder else name
        return kustomizer.build(_WithFile(files, place, manifests.encode()), folder).text

    return render


class _WithFile:
    """A tree with one more file."""

    def __init__(self, files: Files, path: str, content: bytes) -> None:
        self._files = files
        self._path = path
        self._content = content

    def real(self, path: str) -> tuple[str, bool] | None:
        return (path, False) if path == self._path else self._files.real(path)

    def read(self, path: str) -> bytes:
        return self._content if path == self._path else self._files.read(path)

    def shown(self, path: str) -> str:
        return self._files.shown(path)
