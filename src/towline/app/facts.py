"""What templates may know of the destination cluster: its version and what it serves."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import Final

from towline.errors import TowlineError
from towline.kube.status import ApiError
from towline.kubeclient.client import KubeClient

_log = logging.getLogger("towline.engine")
_SECONDS: Final = 300.0
_RETRY_SECONDS: Final = 5.0
_PLAIN: Final = re.compile(r"v?(\d+\.\d+\.\d+)")


class ClusterFactsReader:
    """Reads the facts, and reads them again from time to time: clusters are upgraded.

    Args:
        client: The cluster.
    """

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._version = ""
        self._served: tuple[str, ...] = ()

    def kube_version(self) -> str:
        """Its version without prefix and build, such as `1.36.1`; empty when unknown."""
        return self._version

    def api_versions(self) -> tuple[str, ...]:
        """`group/version` and `group/version/Kind` of everything that it serves, sorted."""
        return self._served

    async def read(self) -> None:
        """Reads them now.

        Raises:
            TowlineError: The cluster does not answer.
        """
        raw = json.loads(await self._client.request("GET", "/version"))
        match = _PLAIN.match(str(raw.get("gitVersion") or ""))
        served: set[str] = set()
        for resource in await self._client.discovery.all():
            place = f"{resource.group}/{resource.version}" if resource.group else resource.version
            served |= {place, f"{place}/{resource.kind}"}
        self._version = match[1] if match else ""
        self._served = tuple(sorted(served))

    async def run(self) -> None:
        """Keeps them fresh until cancelled."""
        while True:
            wait = _SECONDS
            try:
                await self.read()
            except (TowlineError, ApiError, ValueError) as error:
                _log.warning("version of the cluster not read error=%s", error)
                wait = _RETRY_SECONDS
            await asyncio.sleep(wait)
