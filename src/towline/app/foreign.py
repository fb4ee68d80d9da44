"""Files outside an application's sources: chart dependencies, remote bases, files on the web.

Each must be permitted by the project's `sourceRepos`, as a source of the application would be.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from towline.aio.clock import Clock
from towline.app.charts import Charts
from towline.argo.project import Project
from towline.errors import DeniedError, NotFoundError
from towline.git.mirror import Mirrors
from towline.gitops.projects import source_permitted
from towline.oci.outbound import AddressPolicy, OutboundClient, expect
from towline.render.archives import ArchiveTree
from towline.render.inputs import FileTree, Foreign

_log = logging.getLogger("towline.engine")
_FILE_BYTES: Final = 10 << 20
_SECONDS: Final = 120.0
_KEPT: Final = 256


class ForeignFiles:
    """Fetches what a render asks for; implements the engine's `ForeignPort`.

    Args:
        charts: Charts.
        repositories: Git repositories.
        project: Finds a project by name.
        policy: Where requests may go, at the moment.
        remote_bases: Whether repositories and files may be named at all.
        clock: To know how old an answer is.
    """

    def __init__(
        self,
        *,
        charts: Charts,
        repositories: Mirrors,
        project: Callable[[str], Project | None],
        policy: Callable[[], AddressPolicy],
        remote_bases: bool,
        clock: Clock,
    ) -> None:
        self._charts = charts
        self._repositories = repositories
        self._project = project
        self._policy = policy
        self._remote_bases = remote_bases
        self._clock = clock
        self._known: dict[Foreign, tuple[float, FileTree]] = {}

    async def fetch(self, wanted: Foreign, *, project: str) -> FileTree:
        """The files.

        Raises:
            DeniedError: Remote bases are off, or the project does not permit the place.
            TowlineError: They cannot be had.
        """
        self._check(wanted, project)
        now = self._clock.monotonic()
        known = self._known.get(wanted)
        if known is not None and now - known[0] < _SECONDS:
            return known[1]
        tree = await self._fetched(wanted)
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[wanted] = (now, tree)
        return tree

    def _check(self, wanted: Foreign, name: str) -> None:
        if wanted.kind != "chart" and not self._remote_bases:
            raise DeniedError(
                f"{wanted}: remote bases and files are switched off",
                hint="copy it into the repository, or set engine.remote_bases",
            )
        project = self._project(name)
        if project is None or not source_permitted(project, wanted.url):
            raise DeniedError(
                f"{wanted.url} is not permitted in project '{name}'",
                hint="add it to the project's sourceRepos",
            )

    async def _fetched(self, wanted: Foreign) -> FileTree:
        if wanted.kind == "chart":
            version = await self._charts.resolve(
                wanted.url, wanted.name, wanted.version, fresh=False
            )
            return await self._charts.tree(wanted.url, wanted.name, version)
        if wanted.kind == "repository":
            commit = await self._repositories.resolve(
                wanted.url, wanted.version or "HEAD", fresh=True
            )
            _log.info("remote base url=%s commit=%s", wanted.url, commit)
            return await self._repositories.tree(wanted.url, commit)
        return await self._file(wanted.url)

    async def _file(self, url: str) -> FileTree:
        async with OutboundClient(self._policy()) as client:
            content = expect(await client.get(url, most_bytes=_FILE_BYTES), url)
        name = urlsplit(url).path.rpartition("/")[2] or "file"
        if not content:
            raise NotFoundError(f"{url} is empty")
        return ArchiveTree([(name, content)], hashlib.sha256(content).hexdigest())
