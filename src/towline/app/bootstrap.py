"""What Towline needs in the cluster before it can work: its namespace and its resource kinds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from towline.errors import TowlineError, TransientError
from towline.kube.status import ApiError
from towline.kubeclient.client import KubeClient

_log = logging.getLogger("towline.app")
_MANAGER = "towline"


async def prepare_cluster(
    client: KubeClient, namespace: str, definitions: Sequence[dict[str, Any]]
) -> None:
    """Creates the namespace and the custom resource definitions.

    A definition that somebody else manages (an installed Argo CD's own) is left as it is.

    Raises:
        TowlineError: When the cluster does not let us.
    """
    await _ensure(
        client, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    )
    for definition in definitions:
        await _ensure(client, definition)


async def reach(client: KubeClient, *, seconds: float = 60.0) -> None:
    """Waits until the API answers.

    Raises:
        TowlineError: When it does not within that time.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        try:
            await client.request("GET", "/readyz", accept="text/plain")
        except (TransientError, ApiError) as error:
            if loop.time() > end:
                raise TowlineError(f"{client.server} does not answer: {error}") from error
            await asyncio.sleep(0.1)
        else:
            return


async def _ensure(client: KubeClient, obj: dict[str, Any]) -> None:
    try:
        await client.apply(obj, manager=_MANAGER, force=False)
    except ApiError as error:
        if error.reason != "Conflict":
            raise
        _log.info("left as it is kind=%s name=%s", obj["kind"], obj["metadata"]["name"])
