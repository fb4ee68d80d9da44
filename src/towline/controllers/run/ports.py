"""What the run controller asks of its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from towline.git.credentials import GitCredentials
from towline.kube.refs import GroupVersionKind


class Tree(Protocol):
    """Files of a commit."""

    def read(self, path: str) -> bytes:
        """Content of a file.

        Raises:
            NotFoundError: There is none.
        """
        ...


class CommitFacts(Protocol):
    """What a commit says about itself."""

    @property
    def author(self) -> str:
        """Name of the author."""
        ...

    @property
    def email(self) -> str:
        """Address of the author."""
        ...

    @property
    def message(self) -> str:
        """Whole message."""
        ...

    @property
    def trailers(self) -> tuple[tuple[str, str], ...]:
        """`Key: value` lines of the last paragraph."""
        ...


class GitPort(Protocol):
    """Repositories by URL."""

    async def resolve(self, url: str, revision: str, *, fresh: bool = True) -> str:
        """The commit that a revision names."""
        ...

    async def heads(self, url: str) -> Mapping[str, str]:
        """`HEAD` and refs with their commits, asked now."""
        ...

    async def default_branch(self, url: str) -> str:
        """The branch behind `HEAD`, from the last listing."""
        ...

    async def tree(self, url: str, commit: str) -> Tree:
        """Files of a commit."""
        ...

    async def commit_info(self, url: str, commit: str) -> CommitFacts:
        """What a commit says about itself."""
        ...

    async def checkout(
        self,
        url: str,
        commit: str,
        destination: Path,
        *,
        local_branch: str = "",
        credentials: GitCredentials | None = None,
    ) -> None:
        """Fills an empty or absent directory with a work tree."""
        ...


class CachedPipeline(Protocol):
    """A Pipeline object as an informer holds it."""

    @property
    def resource_version(self) -> str:
        """Changes with every write."""
        ...

    def body(self) -> dict[str, Any]:
        """The object."""
        ...


class PipelineObjects(Protocol):
    """The Pipelines of the cluster, kept up to date."""

    async def synced(self, timeout: float | None = None) -> None:
        """Returns once the first list is in."""
        ...

    def list(self, namespace: str = "") -> Sequence[CachedPipeline]:
        """All objects."""
        ...

    def subscribe(self, callback: Callable[[Any, Any, Any], None]) -> Callable[[], None]:
        """Calls back after every change."""
        ...


class KubeObjects(Protocol):
    """The Kubernetes API, as far as runs need it."""

    async def get(self, gvk: GroupVersionKind, namespace: str, name: str) -> dict[str, Any] | None:
        """An object, or None."""
        ...

    async def patch(
        self,
        gvk: GroupVersionKind,
        namespace: str,
        name: str,
        patch: Any,
        *,
        manager: str,
        subresource: str = "",
    ) -> dict[str, Any]:
        """Writes a merge patch."""
        ...
