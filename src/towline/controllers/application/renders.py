"""Where a source is rendered: from memory, in a thread when it is small and plain, in a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from towline.controllers.application.plugins import NO_PLUGINS, Plugins
from towline.controllers.application.ports import ForeignPort, WorkerPort
from towline.errors import LimitError, TowlineError
from towline.render.cache import RenderCache
from towline.render.inputs import FileTree, Foreign, Inputs, MissingInputError
from towline.render.result import RenderResult
from towline.render.source import BUILT_IN, Renderer, RenderRequest, render_source
from towline.render.tree import Read

_THREADS: Final = 4
_SMALL: Final = 256 * 1024  # bytes of manifests that a thread parses in a few milliseconds
_MAX_FOREIGN: Final = 64


class Outcome(msgspec.Struct, frozen=True, eq=False):
    """A render, and whether an earlier one was still good."""

    result: RenderResult
    remembered: bool


class Renders:
    """Renders sources.

    Args:
        cache: Remembers renders by what they read; used by one event loop only.
        workers: Processes for everything that is not small and plain; None renders in threads.
        foreign: Fetches what lies outside an application's sources.
        plugins: Config-management plugins; None when there cannot be any.
    """

    def __init__(
        self,
        cache: RenderCache,
        workers: WorkerPort | None = None,
        foreign: ForeignPort | None = None,
        plugins: Plugins | None = None,
    ) -> None:
        self._cache = cache
        self._plugins = plugins
        self._workers = workers
        self._foreign = foreign
        self._threads = asyncio.Semaphore(_THREADS)

    def variables(self) -> Mapping[str, str]:
        """What a render may depend on besides its inputs and its request."""
        return self._plugins.variables() if self._plugins is not None else {}

    async def render(
        self, inputs: Inputs, request: RenderRequest, *, fresh: bool = False
    ) -> Outcome:
        """The manifests of one source.

        Args:
            inputs: What may be read.
            request: What to render.
            fresh: Render even if a result is known.

        Raises:
            TowlineError: The source is wrong, or something that it needs cannot be had.
        """
        inputs = msgspec.structs.replace(inputs, variables={**inputs.variables, **self.variables()})
        if not fresh:
            for wanted in self._cache.foreign(request):
                inputs = await self._with(inputs, wanted, request)
            known = self._cache.lookup(inputs, request)
            if known is not None:
                return Outcome(known, remembered=True)
        while True:
            try:
                result = await self._make(inputs, request)
            except MissingInputError as missing:
                if missing.wanted in inputs.foreign:
                    raise
                inputs = await self._with(inputs, missing.wanted, request)
            else:
                return Outcome(self._cache.keep(inputs, request, result), remembered=False)

    async def _with(self, inputs: Inputs, wanted: Foreign, request: RenderRequest) -> Inputs:
        if self._foreign is None or len(inputs.foreign) >= _MAX_FOREIGN:
            raise LimitError(f"{wanted} cannot be fetched in this installation")
        tree = await self._foreign.fetch(wanted, project=request.project)
        return msgspec.structs.replace(inputs, foreign={**inputs.foreign, wanted: tree})

    async def _make(self, inputs: Inputs, request: RenderRequest) -> RenderResult:
        if self._plugins is None:
            return _with_reads(await self._built_in(inputs, request), NO_PLUGINS)
        attempt = await self._plugins.render(inputs, request)
        if attempt.result is not None:
            return attempt.result
        return _with_reads(await self._built_in(inputs, request), attempt.read)

    async def _built_in(self, inputs: Inputs, request: RenderRequest) -> RenderResult:
        if self._workers is None:
            async with self._threads:
                return await asyncio.to_thread(render_source, inputs, request)
        try:
            small = msgspec.structs.replace(inputs, tree=_Small(inputs.tree))
            async with self._threads:
                return await asyncio.to_thread(render_source, small, request, _IN_THREADS)
        except _NotSmallError:
            return await self._workers.render(inputs, request)


class _NotSmallError(TowlineError):
    """The source is for a worker."""


class _Small:
    """A tree of which only so much is read."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree
        self._left = _SMALL

    def listdir(self, path: str) -> list[tuple[str, bool, str]]:
        return self._tree.listdir(path)

    def oid(self, path: str) -> str:
        return self._tree.oid(path)

    def read(self, path: str) -> bytes:
        content = self._tree.read(path)
        self._left -= len(content)
        if self._left < 0:
            raise _NotSmallError("too much for a thread")
        return content


def _with_reads(result: RenderResult, read: tuple[Read, ...]) -> RenderResult:
    """The result, which also depends on something else that was read."""
    if not read:
        return result
    return msgspec.structs.replace(result, read=tuple(dict.fromkeys((*result.read, *read))))


def _elsewhere(*_: Any) -> RenderResult:
    raise _NotSmallError("not a plain folder")


_IN_THREADS: Final[Mapping[str, Renderer]] = {
    tool: renderer if tool == "Directory" else _elsewhere for tool, renderer in BUILT_IN.items()
}
