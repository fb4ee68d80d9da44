"""What the HTTP server asks of the rest of Towline."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Protocol

from towline.lineage.delivery import Delivery
from towline.store.values import Run, Stage


class Applications(Protocol):
    """Applications as the cluster has them."""

    def all(self) -> list[dict[str, Any]]:
        """Every Application object."""
        ...

    def get(self, name: str) -> dict[str, Any] | None:
        """One Application of the control namespace."""
        ...

    def tree(self, name: str) -> list[dict[str, Any]]:
        """Resources of an application: group, kind, namespace, name, parent, health, status."""
        ...

    async def troubles(self, name: str) -> list[dict[str, Any]]:
        """Pods of an application that do not run: pod, container, reason, message, log (lines)."""
        ...

    async def sync(self, name: str, *, user: str, revision: str, prune: bool) -> None:
        """Starts a sync operation.

        Raises:
            NotFoundError: No such application.
            ConflictError: Another operation is in progress.
        """
        ...

    async def refresh(self, name: str, *, hard: bool) -> None:
        """Asks for a comparison with the repository."""
        ...


class Pipelines(Protocol):
    """Pipelines, their runs and logs."""

    def all(self) -> list[dict[str, Any]]:
        """Every Pipeline object."""
        ...

    async def runs(self, pipeline: str, limit: int) -> list[Run]:
        """Latest runs, of one pipeline (name or job name) or of all when it is empty."""
        ...

    async def run(self, run_id: str) -> Run | None:
        """One run."""
        ...

    async def stages(self, run_id: str) -> Sequence[Stage]:
        """Stages of a run in order."""
        ...

    async def log(self, run_id: str, offset: int) -> tuple[bytes, int]:
        """Log bytes from an offset, secrets masked, and the offset to go on from.

        A negative offset counts from the end.
        """
        ...

    async def start(self, pipeline: str, parameters: dict[str, str], *, user: str) -> Run:
        """Queues a run.

        Raises:
            NotFoundError: No such pipeline.
            InputError: A parameter is not declared or not allowed.
        """
        ...

    async def cancel(self, run_id: str) -> None:
        """Asks a run to stop."""
        ...


class Deliveries(Protocol):
    """Commits on their way."""

    async def recent(self, limit: int) -> list[Delivery]:
        """The latest, newest first."""
        ...

    async def get(self, commit: str) -> Delivery | None:
        """By commit id, or by at least 7 leading characters."""
        ...


class Changes(Protocol):
    """Notices that something shown on a page may have changed."""

    def subscribe(self) -> AsyncGenerator[str, None]:
        """Yields topics: `applications`, `runs`, `deliveries`."""
        ...
