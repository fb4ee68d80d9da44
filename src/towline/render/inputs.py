"""Everything that a render may read: trees of files, build variables, what lies elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol, runtime_checkable

import msgspec

from towline.errors import TowlineError


class FileTree(Protocol):
    """A read-only tree of files. Paths are relative with `/`; the root is an empty string."""

    def listdir(self, path: str) -> list[tuple[str, bool, str]]:
        """Entries of a folder as (name, is a folder, content id).

        Raises:
            NotFoundError: No such folder.
        """
        ...

    def read(self, path: str) -> bytes:
        """A file's content.

        Raises:
            NotFoundError: No such file.
        """
        ...

    def oid(self, path: str) -> str:
        """Content id of a file or folder.

        Raises:
            NotFoundError: Nothing there.
        """
        ...


@runtime_checkable
class LinkedTree(Protocol):
    """A tree with symbolic links: what is in a folder is not all that its content id covers."""

    def crosses_link(self, path: str) -> bool:
        """Whether a link is on the way to a path, or among the entries of a folder."""
        ...


class Foreign(msgspec.Struct, frozen=True, array_like=True, order=True):
    """Files outside the repository that a source names.

    Attributes:
        kind: A `chart`, a git `repository`, or one `file`.
        url: Repository, registry or address.
        name: The chart's name.
        version: Version, constraint or git revision as written.
    """

    kind: Literal["chart", "repository", "file"]
    url: str
    name: str = ""
    version: str = ""

    def __str__(self) -> str:
        named = f"{self.url} {self.name}" if self.name else self.url
        return f"{self.kind} {named} {self.version}".rstrip()


class Inputs(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What one render may read.

    Attributes:
        tree: The repository, or the unpacked chart.
        refs: Other sources of the application by their `ref`.
        variables: Build variables, such as `ARGOCD_APP_REVISION`.
        foreign: What was fetched from elsewhere so far.
        age_keys: Identities that open encrypted files, `AGE-SECRET-KEY-1...`.
    """

    tree: FileTree
    refs: Mapping[str, FileTree] = {}
    variables: Mapping[str, str] = {}
    foreign: Mapping[Foreign, FileTree] = {}
    age_keys: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Inputs(tree={self.tree!r}, age_keys={len(self.age_keys)})"


class MissingInputError(TowlineError):
    """A render needs something from elsewhere: fetch it, and render again with it.

    Attributes:
        wanted: What is missing.
    """

    def __init__(self, wanted: Foreign) -> None:
        super().__init__(f"{wanted} was not fetched")
        self.wanted = wanted
