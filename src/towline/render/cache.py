"""Remembers renders by what they have read, so that a commit elsewhere costs no render."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from towline.argo.manifest import content_digest
from towline.render.result import RenderResult, with_objects_of
from towline.render.source import BUILT_IN, Renderer, RenderRequest, render_source
from towline.render.tree import FileTree, unchanged


class RenderCache:
    """Renders sources, from memory where nothing that was read has changed.

    Several renders may run at once, in threads of the caller.

    Args:
        renderers: Tools by source type.
        size: How many results are kept.
    """

    def __init__(self, *, renderers: Mapping[str, Renderer] = BUILT_IN, size: int = 2048) -> None:
        self._renderers = renderers
        self._size = size
        self._results: OrderedDict[str, RenderResult] = OrderedDict()

    def render(
        self, repository: str, tree: FileTree, request: RenderRequest, *, fresh: bool = False
    ) -> RenderResult:
        """Renders a source at one commit.

        Args:
            repository: URL of the repository, part of the key.
            tree: The repository at `request.revision`.
            request: What to render.
            fresh: Render even if a result is known.

        Raises:
            InputError: The source, an override or a manifest is wrong.
            NotFoundError: The folder is not in the repository.
            LimitError: Too much of something.
        """
        key = content_digest([repository, request.source, request.app_name, request.namespace])
        known = self._results.get(key)
        if known is not None and not fresh and unchanged(tree, known.read):
            self._keep(key, known)
            return known
        result = render_source(tree, request, self._renderers)
        if known is not None and known.digest == result.digest:
            result = with_objects_of(result, known)
        self._keep(key, result)
        return result

    def _keep(self, key: str, result: RenderResult) -> None:
        self._results.pop(key, None)
        self._results[key] = result
        while len(self._results) > self._size:
            self._results.popitem(last=False)
