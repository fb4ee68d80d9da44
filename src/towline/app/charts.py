"""Charts of the engine's applications: versions, archives by digest, credentials of Secrets."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from towline.aio.clock import Clock
from towline.errors import NotFoundError
from towline.git.credentials import GitCredentials
from towline.oci.charts import ChartCache, ChartSource
from towline.oci.outbound import AddressPolicy, Credentials, OutboundClient
from towline.render.archives import ArchiveTree, open_archive

_TREES: Final = 64
_RESOLVED_SECONDS: Final = 120.0

CredentialsFor = Callable[[str], Awaitable[GitCredentials | None]]


class Charts:
    """Resolves and unpacks charts; implements the engine's `ChartPort`.

    Args:
        cache: Archives by digest, where workers find them.
        policy: Where requests may go, at the moment.
        credentials: Of a repository's URL.
        clock: To know how old an answer is.
    """

    def __init__(
        self,
        cache: ChartCache,
        policy: Callable[[], AddressPolicy],
        credentials: CredentialsFor,
        clock: Clock,
    ) -> None:
        self._cache = cache
        self._policy = policy
        self._credentials = credentials
        self._clock = clock
        self._resolved: dict[tuple[str, str, str], tuple[float, str]] = {}
        self._trees: OrderedDict[tuple[str, str, str], ArchiveTree] = OrderedDict()

    async def resolve(self, url: str, chart: str, version: str, *, fresh: bool) -> str:
        """The exact version that a version or constraint names; empty for the newest.

        Raises:
            TowlineError: None fits, or the repository cannot be asked.
        """
        key = (url, chart, version)
        known = self._resolved.get(key)
        now = self._clock.monotonic()
        if known is not None and not fresh and now - known[0] < _RESOLVED_SECONDS:
            return known[1]
        async with OutboundClient(self._policy()) as client:
            source = ChartSource(client, cache=self._cache, plain_http=_on_this_machine(url))
            access = await self._access(url)
            found = await source.resolve(url, chart, version, credentials=access)
        self._resolved[key] = (now, found)
        return found

    async def tree(self, url: str, chart: str, version: str) -> ArchiveTree:
        """The files of a chart of an exact version; its root is the chart's folder.

        Raises:
            TowlineError: It cannot be had, or is malformed.
        """
        key = (url, chart, version)
        known = self._trees.get(key)
        if known is None:
            async with OutboundClient(self._policy()) as client:
                source = ChartSource(client, cache=self._cache, plain_http=_on_this_machine(url))
                access = await self._access(url)
                fetched = await source.fetch(url, chart, version, credentials=access)
            known = await asyncio.to_thread(self._unpacked, fetched.data)
        self._trees[key] = known
        self._trees.move_to_end(key)
        while len(self._trees) > _TREES:
            self._trees.popitem(last=False)
        return known

    def _unpacked(self, data: bytes) -> ArchiveTree:
        tree = chart_tree(data)
        self._cache.put(data)
        return tree

    async def _access(self, url: str) -> Credentials | None:
        found = await self._credentials(url)
        return Credentials(found.username, found.password) if found else None


def chart_tree(data: bytes) -> ArchiveTree:
    """The files of a chart archive.

    Raises:
        TowlineError: It is malformed or too large.
    """
    tree = open_archive(data)
    if not any(name == "Chart.yaml" for name, _, _ in tree.listdir("")):
        raise NotFoundError("the chart archive has no Chart.yaml")
    return tree


def _on_this_machine(url: str) -> bool:
    """Whether a registry listens on loopback, where the embedded one speaks plain HTTP."""
    host = urlsplit(url if "://" in url else f"oci://{url}").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
