"""Renders sources in the pool, as far as workers can reach what they read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from towline.errors import TransientError
from towline.git.tree import GitTree
from towline.render.archives import ArchiveTree
from towline.render.inputs import FileTree, Inputs
from towline.render.result import RenderResult
from towline.render.source import RenderRequest, render_source
from towline.workers.messages import Address
from towline.workers.pool import DamagedTreeError, WorkerPool
from towline.workers.trees import address_of

K = TypeVar("K")


class WorkerRenderer:
    """Renders in worker processes; in a thread what only this process can read.

    Args:
        pool: The workers.
        archives: Folder of chart archives, named for their digests.
    """

    def __init__(self, pool: WorkerPool, archives: Path | None = None) -> None:
        self._pool = pool
        self._archives = archives

    async def render(self, inputs: Inputs, request: RenderRequest) -> RenderResult:
        """The manifests of a source.

        Raises:
            TransientError: A mirror is damaged; it is made anew at its next use.
            TowlineError: As rendering says.
        """
        tree = address_of(inputs.tree, self._archives)
        refs = self._addresses(inputs.refs)
        foreign = self._addresses(inputs.foreign)
        if tree is None or refs is None or foreign is None:
            return await asyncio.to_thread(render_source, inputs, request)
        try:
            return await self._pool.render(request, tree, refs, foreign, inputs.age_keys)
        except DamagedTreeError as error:
            for name in error.trees:
                damaged = inputs.refs[name[1:]] if name else inputs.tree
                if isinstance(damaged, GitTree):
                    damaged.mark_damaged()
                elif isinstance(damaged, ArchiveTree) and self._archives is not None:
                    (self._archives / damaged.digest).unlink(missing_ok=True)
            raise TransientError(error.message) from error

    def _addresses(self, trees: Mapping[K, FileTree]) -> dict[K, Address] | None:
        """Where the trees are; None when one of them is in this process only."""
        found: dict[K, Address] = {}
        for name, tree in trees.items():
            address = address_of(tree, self._archives)
            if address is None:
                return None
            found[name] = address
        return found
