"""Collects changes of an Application and writes them as one merge patch, if there are any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from towline.argo.application import Application, parse_application
from towline.argo.names import APPLICATION, FIELD_MANAGER, REFRESH
from towline.controllers.application.ports import ClusterApi, LiveCache
from towline.kube.patch.merge import apply_merge_patch, create_merge_patch

Written = Callable[[Application, Application], None]


class Draft:
    """The next state of one Application.

    Args:
        app: The application as it is.
        written: Is told of each change that was written: before and after.
    """

    def __init__(self, app: Application, written: Written) -> None:
        self.app = app
        self._written = written
        self.status: dict[str, Any] = dict(app.status)
        self.operation: dict[str, Any] | None = app.raw.get("operation") or None
        self.refreshed = False
        self.finalizers: list[str] | None = None

    @property
    def state(self) -> dict[str, Any]:
        """`status.operationState`."""
        return self.status.get("operationState") or {}

    def busy(self) -> bool:
        """Whether an operation is under way."""
        return self.operation is not None

    def preview(self) -> Application:
        """The application as it will be once written."""
        return parse_application(apply_merge_patch(self.app.raw, self.patch()))

    def patch(self) -> dict[str, Any]:
        """The merge patch; empty when nothing changed."""
        patch: dict[str, Any] = {}
        if status := create_merge_patch(self.app.status, self.status):
            patch["status"] = status
        before = self.app.raw.get("operation") or None
        if before != self.operation:
            patch["operation"] = (
                create_merge_patch(before or {}, self.operation) if self.operation else None
            )
        if self.refreshed and REFRESH in self.app.annotations:
            patch["metadata"] = {"annotations": {REFRESH: None}}
        if self.finalizers is not None and tuple(self.finalizers) != tuple(self.app.finalizers):
            meta = patch.setdefault("metadata", {})
            meta["finalizers"] = self.finalizers or None
            # A list is replaced as a whole: nobody else's change may be lost.
            meta["resourceVersion"] = self.app.resource_version
        return patch

    async def write(self, client: ClusterApi, cache: LiveCache, *, exclusive: bool = False) -> None:
        """Writes what changed.

        Args:
            client: The API.
            cache: Takes in the answer.
            exclusive: Fail with a conflict when somebody changed the application meanwhile.

        Raises:
            ApiError: Refused; NotFound when the application is gone.
            TransientError: Not now.
        """
        patch = self.patch()
        if not patch:
            return
        if exclusive:
            meta = patch.setdefault("metadata", {})
            meta["resourceVersion"] = self.app.resource_version
            meta["uid"] = self.app.uid
        answer = await client.patch(
            APPLICATION, self.app.namespace, self.app.name, patch, manager=FIELD_MANAGER
        )
        cache.put(answer)
        before, self.app = self.app, parse_application(answer)
        self._written(before, self.app)
        self.status = dict(self.app.status)
        self.operation = self.app.raw.get("operation") or None
        self.refreshed = False
        self.finalizers = None
