"""What must exist before applications can: the definitions and the default project."""

from __future__ import annotations

import logging
from typing import Any

from towline.aio.clock import Clock
from towline.argo.crds import crds
from towline.argo.names import APP_PROJECT, DEFAULT_PROJECT, FIELD_MANAGER
from towline.argo.project import default_project
from towline.controllers.application.ports import ClusterApi
from towline.errors import TransientError
from towline.kube.refs import GroupKind
from towline.kube.status import ApiError

_NAMESPACE = GroupKind("", "Namespace")
_WAIT_SECONDS = 0.2

_log = logging.getLogger("towline.engine")


async def install_definitions(client: ClusterApi, namespace: str) -> None:
    """Applies the definitions of Argo CD's kinds and makes the control namespace.

    Raises:
        ApiError: The server refused.
        TransientError: The server does not answer.
    """
    for definition in crds():
        await client.apply(definition, manager=FIELD_MANAGER, force=True)
    if await client.get(_NAMESPACE, "", namespace) is None:
        await _create(
            client,
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        )


async def ensure_default_project(client: ClusterApi, clock: Clock, namespace: str) -> None:
    """Makes the project `default` if there is none, as soon as its kind is served."""
    while True:
        try:
            found = await client.discovery.resource(APP_PROJECT)
            if found is not None:
                if await client.get(APP_PROJECT, namespace, DEFAULT_PROJECT) is None:
                    await _create(client, default_project(namespace))
                return
        except (ApiError, TransientError) as error:
            _log.warning("default project not made error=%s", error)
        await clock.sleep(_WAIT_SECONDS)


async def _create(client: ClusterApi, obj: dict[str, Any]) -> None:
    try:
        await client.create(obj, manager=FIELD_MANAGER)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
