"""Brings an application's manifests: revisions, files, renders; from memory where possible."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from towline.aio.clock import Clock
from towline.argo.application import Application, Source, decode
from towline.argo.manifest import content_digest
from towline.argo.names import instance_name
from towline.argo.pinned import Pinned
from towline.controllers.application.memory import Memory, Rendered
from towline.controllers.application.ports import ChartPort, ClusterFacts, RepositoryPort
from towline.controllers.application.renders import Outcome, Renders
from towline.controllers.application.snapshots import Snapshots
from towline.errors import InputError, TowlineError, TransientError
from towline.render.documents import UNREADABLE
from towline.render.environment import build_variables
from towline.render.inputs import FileTree, Inputs
from towline.render.result import combined
from towline.render.source import RenderRequest

_MAX_SOURCES: Final = 64


class SourceReader:
    """Reads sources for the engine.

    Args:
        repos: Git repositories.
        charts: Chart repositories and registries, if there are any.
        renders: Renders, and remembers what was rendered.
        facts: What templates may know of the cluster.
        age_keys: Identities that open encrypted files, by project.
        clock: To tell which knowledge of the remote is newer.
        namespace: The control namespace.
    """

    def __init__(
        self,
        *,
        repos: RepositoryPort,
        charts: ChartPort | None,
        renders: Renders,
        facts: ClusterFacts | None,
        age_keys: Callable[[str], tuple[str, ...]],
        clock: Clock,
        namespace: str,
    ) -> None:
        self._repos = repos
        self._charts = charts
        self._snapshots = Snapshots(self._resolve)
        self._renders = renders
        self._facts = facts
        self._age_keys = age_keys
        self._clock = clock
        self._namespace = namespace

    async def pin(
        self,
        app: Application,
        memory: Memory,
        sources: tuple[dict[str, Any], ...] | None = None,
        wanted: tuple[str, ...] = (),
        *,
        fresh: bool,
    ) -> Pinned:
        """The revisions that the sources (or the wanted revisions) name.

        Args:
            app: The application.
            memory: What is remembered of it.
            sources: Other sources than the application's own.
            wanted: Other revisions than the sources' own, one per source.
            fresh: Ask the remotes.

        Raises:
            TowlineError: A revision does not exist, a repository does not answer, or the sources
                change faster than they can be read together.
        """
        raw = sources or app.raw_sources
        if len(raw) > _MAX_SOURCES or (wanted and len(wanted) != len(raw)):
            raise InputError(f"{len(wanted)} revisions are given for {len(raw)} sources")
        head, memory.head = memory.head, None
        usable = head is not None and not wanted and len(raw) == 1 and not raw[0].get("chart")
        if head is not None and usable and head[1] > memory.resolved_at:
            memory.resolved_at = head[1]
            return Pinned(raw, (head[0],), several=app.several)
        asked_at = self._clock.monotonic()
        asked = wanted or tuple(str(source.get("targetRevision") or "") for source in raw)
        revisions = await self._snapshots.take(list(zip(raw, asked, strict=True)), fresh=fresh)
        if fresh and not wanted:
            memory.resolved_at = asked_at
        return Pinned(raw, revisions, several=app.several)

    async def render(
        self, app: Application, memory: Memory, pinned: Pinned, *, fresh: bool = False
    ) -> Rendered:
        """The manifests of the sources at their revisions.

        Args:
            app: The application.
            memory: What is remembered of it.
            pinned: The sources.
            fresh: Render anew whatever is remembered.

        Raises:
            TowlineError: A manifest is wrong or a repository does not answer.
        """
        requests = [
            self._request(app, *item) for item in zip(pinned.sources, pinned.revisions, strict=True)
        ]
        keys = self._age_keys(app.spec.project)
        asked = content_digest(
            [self._renders.variables(), *(build_variables(one, keys) for one in requests[:1])]
        )
        known = memory.rendered
        if known and not fresh and (known.pinned, known.asked) == (pinned, asked):
            return known
        trees = [
            await self._tree(source, revision)
            for source, revision in zip(pinned.sources, pinned.revisions, strict=True)
        ]
        refs = _refs(pinned.sources, trees)
        outcomes: list[Outcome | None] = []
        for request, tree in zip(requests, trees, strict=True):
            if app.several and not request.source.get("path") and not request.source.get("chart"):
                outcomes.append(None)  # only there to be referred to
                continue
            inputs = Inputs(tree=tree, refs=refs, age_keys=keys)
            outcomes.append(await self._renders.render(inputs, request, fresh=fresh))
        rendered = Rendered(
            pinned,
            asked,
            combined([outcome.result for outcome in outcomes if outcome is not None]),
            tuple(outcomes),
        )
        if pinned.sources == app.raw_sources:
            memory.rendered = rendered
        return rendered

    def _request(self, app: Application, source: dict[str, Any], revision: str) -> RenderRequest:
        facts = self._facts
        return RenderRequest(
            source=source,
            app_name=instance_name(app.name, app.namespace, self._namespace),
            namespace=app.spec.destination.namespace,
            revision=revision,
            project=app.spec.project,
            kube_version=facts.kube_version() if facts else "",
            api_versions=facts.api_versions() if facts else (),
        )

    async def _resolve(self, raw: Mapping[str, Any], revision: str, *, fresh: bool) -> str:
        source = decode(dict(raw), Source, at="spec.source")
        if source.chart:
            return await self._chart_port().resolve(
                source.repo_url, source.chart, revision, fresh=fresh
            )
        return await self._repos.resolve(source.repo_url, revision or "HEAD", fresh=fresh)

    async def _tree(self, raw: Mapping[str, Any], revision: str) -> FileTree:
        url, chart = str(raw.get("repoURL") or ""), str(raw.get("chart") or "")
        if chart:
            return await self._chart_port().tree(url, chart, revision)
        return await self._repos.tree(url, revision)

    def _chart_port(self) -> ChartPort:
        if self._charts is None:
            raise InputError("charts from repositories are not available in this installation")
        return self._charts


def _refs(sources: tuple[dict[str, Any], ...], trees: list[FileTree]) -> dict[str, FileTree]:
    return {
        str(source["ref"]): tree
        for source, tree in zip(sources, trees, strict=True)
        if source.get("ref") and not source.get("chart")
    }


def target_error(error: TowlineError, sources: int = 1) -> str:
    """The text of a ComparisonError for sources that cannot be rendered.

    Argo CD's words to the letter, the boundary between its components included: scripts and alerts
    look for them.
    """
    code = "FailedPrecondition" if str(error).startswith(UNREADABLE) else "Unknown"
    text = f"failed to generate manifest for source 1 of {sources}"
    return f"Failed to load target state: {text}: rpc error: code = {code} desc = {error}"


def comparison_error(error: TowlineError) -> str:
    """The text of a ComparisonError for objects that cannot be compared."""
    text = f"failed to calculate diff: {error}"
    return f"Failed to compare desired state to live state: {text}"


def is_passing(error: TowlineError) -> bool:
    """Whether an error is the repository's and may pass by itself."""
    return isinstance(error, TransientError)
