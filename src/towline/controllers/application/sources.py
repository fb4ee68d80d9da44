"""Brings an application's manifests: revision, files, render; each step from memory if possible."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from towline.aio.clock import Clock
from towline.argo.application import Application
from towline.argo.manifest import content_digest
from towline.argo.names import instance_name
from towline.controllers.application.memory import Memory, Rendered
from towline.controllers.application.ports import RepositoryPort
from towline.errors import TowlineError, TransientError
from towline.render.cache import RenderCache
from towline.render.source import RenderRequest

_RENDERS_AT_ONCE: Final = 4


class SourceReader:
    """Reads sources for the engine.

    Args:
        repos: Repositories.
        renders: Remembers renders by what they read.
        clock: To tell which knowledge of the remote is newer.
        namespace: The control namespace.
    """

    def __init__(
        self, repos: RepositoryPort, renders: RenderCache, clock: Clock, namespace: str
    ) -> None:
        self._repos = repos
        self._renders = renders
        self._clock = clock
        self._namespace = namespace
        self._slots = asyncio.Semaphore(_RENDERS_AT_ONCE)

    async def revision(
        self, app: Application, memory: Memory, wanted: str | None = None, *, fresh: bool
    ) -> str:
        """The commit that the application's (or the wanted) revision names.

        Args:
            app: The application.
            memory: What is remembered of it.
            wanted: Another revision than the source's own.
            fresh: Ask the remote.

        Raises:
            TowlineError: The revision does not exist or the repository does not answer.
        """
        revision = app.source.target_revision if wanted is None else wanted
        head, memory.head = memory.head, None
        if wanted is None and head is not None and head[1] > memory.resolved_at:
            memory.resolved_at = head[1]
            return head[0]
        asked_at = self._clock.monotonic()
        commit = await self._repos.resolve(app.source.repo_url, revision or "HEAD", fresh=fresh)
        if fresh and wanted is None:
            memory.resolved_at = asked_at
        return commit

    async def render(
        self,
        app: Application,
        memory: Memory,
        revision: str,
        source: dict[str, Any] | None = None,
        *,
        fresh: bool = False,
    ) -> Rendered:
        """The manifests at a commit.

        Args:
            app: The application.
            memory: What is remembered of it.
            revision: The commit.
            source: Another source than the application's own.
            fresh: Render anew whatever is remembered.

        Raises:
            TowlineError: A manifest is wrong or the repository does not answer.
        """
        raw = source or app.raw_source
        request = RenderRequest(
            source=raw,
            app_name=instance_name(app.name, app.namespace, self._namespace),
            namespace=app.spec.destination.namespace,
            revision=revision,
        )
        digest = content_digest([raw, request.app_name, request.namespace])
        known = memory.rendered
        if known and not fresh and (known.revision, known.source) == (revision, digest):
            return known
        url = str(raw.get("repoURL") or "")
        tree = await self._repos.tree(url, revision)
        async with self._slots:
            # Manifests of any size are parsed: not on the event loop.
            result = await asyncio.to_thread(self._renders.render, tree, request, fresh=fresh)
        rendered = Rendered(revision, digest, result)
        if source is None:
            memory.rendered = rendered
        return rendered


def target_error(error: TowlineError) -> str:
    """The text of a ComparisonError for a source that cannot be rendered."""
    text = f"failed to generate manifest for source 1 of 1: {error}"
    return f"Failed to load target state: {text}"


def is_passing(error: TowlineError) -> bool:
    """Whether an error is the repository's and may pass by itself."""
    return isinstance(error, TransientError)
