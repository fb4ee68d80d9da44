"""What must exist before applications can: the default project."""

from __future__ import annotations

import logging

from towline.aio.clock import Clock
from towline.argo.names import APP_PROJECT, DEFAULT_PROJECT, FIELD_MANAGER
from towline.argo.project import default_project
from towline.controllers.application.ports import ClusterApi
from towline.errors import TransientError
from towline.kube.status import ApiError

_WAIT_SECONDS = 0.2

_log = logging.getLogger("towline.engine")


async def ensure_default_project(client: ClusterApi, clock: Clock, namespace: str) -> None:
    """Makes the project `default` if there is none, as soon as its kind is served."""
    while True:
        try:
            found = await client.discovery.resource(APP_PROJECT)
            if found is not None:
                if await client.get(APP_PROJECT, namespace, DEFAULT_PROJECT) is None:
                    await client.create(default_project(namespace), manager=FIELD_MANAGER)
                return
        except (ApiError, TransientError) as error:
            if isinstance(error, ApiError) and error.reason == "AlreadyExists":
                return
            _log.warning("default project not made error=%s", error)
        await clock.sleep(_WAIT_SECONDS)
