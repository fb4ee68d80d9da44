"""Reads the files of a build: what a kustomization may load, and from where.

A kustomization loads files in or below its own folder, and other folders as bases; cycles are
refused. Remote bases and charts come through ports; without one they are refused.
"""

from __future__ import annotations

import posixpath
from typing import Final, Protocol

import msgspec

from towline.errors import DeniedError, InputError, NotFoundError
from towline.render.kustomize.model import HelmChart, HelmGlobals
from towline.render.kustomize.repositories import (
    RemoteBase,
    is_remote_file,
    is_repository,
    remote_base,
)

_NAMES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")


class Files(Protocol):
    """The files of a tree. Paths are relative to its root, clean, with `/`; the root is empty."""

    def real(self, path: str) -> tuple[str, bool] | None:
        """Where a path leads once links are followed, and whether that is a folder; None: nowhere.

        Raises:
            InputError: A link leads out of the tree.
        """
        ...

    def read(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            NotFoundError: There is none.
        """
        ...

    def shown(self, path: str) -> str:
        """The path as messages have it."""
        ...


class Remotes(Protocol):
    """What a build may fetch from elsewhere."""

    def base(self, address: RemoteBase) -> tuple[Files, str]:
        """The files of a repository, and the folder to build within them.

        Raises:
            DeniedError: The repository is not on the list.
            NotFoundError: There is no such revision.
        """
        ...

    def file(self, address: str) -> bytes:
        """A file from the web.

        Raises:
            DeniedError: The address is not on the list.
        """
        ...


class Charts(Protocol):
    """Inflates charts."""

    def inflate(self, chart: HelmChart, options: HelmGlobals, folder: Folder) -> str:
        """The manifests of a chart.

        Args:
            chart: What to inflate.
            options: Where charts are.
            folder: The kustomization's folder; all paths are relative to it.

        Raises:
            InputError: The chart is missing or does not render.
        """
        ...


class NoRemotes:
    """Refuses everything that is not in the tree."""

    def base(self, address: RemoteBase) -> tuple[Files, str]:
        """Refuses.

        Raises:
            DeniedError: Always.
        """
        raise DeniedError(
            f"remote base '{address.raw}' is not allowed", hint="allow its repository first"
        )

    def file(self, address: str) -> bytes:
        """Refuses.

        Raises:
            DeniedError: Always.
        """
        raise DeniedError(
            f"remote file '{address}' is not allowed", hint="put it into the repository"
        )


class Access(msgspec.Struct, frozen=True):
    """What a build may reach.

    Attributes:
        remotes: Other repositories and the web.
        charts: Charts; None when they are not enabled.
        restricted: Whether files must be in or below the folder of the kustomization.
    """

    remotes: Remotes
    charts: Charts | None
    restricted: bool


class Folder:
    """The folder of one kustomization.

    Args:
        files: The tree.
        root: The folder, links followed.
        access: What may be reached.
        referrer: The kustomization that names this one.
        remote: Address of the repository when the tree is one.
    """

    def __init__(
        self,
        files: Files,
        root: str,
        access: Access,
        *,
        referrer: Folder | None = None,
        remote: RemoteBase | None = None,
    ) -> None:
        self.files = files
        self.root = root
        self.access = access
        self._referrer = referrer
        self._remote = remote

    @property
    def shown(self) -> str:
        """The folder as messages have it."""
        return self.files.shown(self.root)

    def load(self, path: str) -> bytes:
        """A file that the kustomization names.

        Raises:
            InputError: It may not be loaded from here, or there is none.
            DeniedError: It is on the web and not allowed.
        """
        if is_remote_file(path):
            if is_repository(path):
                raise InputError(f"'{path}' is a git repository")
            return self.access.remotes.file(path)
        place = self._place(path)
        shown = self.files.shown(place)
        found = self._real(place)
        if found is None:
            raise InputError(
                f"evalsymlink failure on '{shown}' : lstat {shown}: no such file or directory"
            )
        target, is_folder = found
        if is_folder:
            raise InputError(f"'{shown}' must resolve to a file")
        if (self.access.restricted or self._remote) and not is_below(
            posixpath.dirname(target), self.root
        ):
            raise InputError(f"security; file '{shown}' is not in or below '{self.shown}'")
        try:
            return self.files.read(target)
        except NotFoundError as error:
            raise InputError(f"open {shown}: no such file or directory") from error

    def kustomization(self) -> tuple[bytes, str]:
        """The kustomization file and its name.

        Raises:
            InputError: There is none, or there are several.
        """
        found = []
        for name in _NAMES:
            place = posixpath.join(self.root, name)
            target = self._real(place)
            if target is not None and not target[1]:
                found.append((self.load(name), name))
        if not found:
            listed = "'kustomization.yaml', 'kustomization.yml' or 'Kustomization'"
            raise InputError(f"unable to find one of {listed} in directory '{self.shown}'")
        if len(found) > 1:
            raise InputError(f"Found multiple kustomization files under: {self.shown}\n")
        return found[0]

    def base(self, path: str) -> Folder:
        """The folder of a base or component.

        Raises:
            InputError: It is no folder, or refers back.
            DeniedError: It is remote and not allowed.
        """
        if not path:
            raise InputError("new root cannot be empty")
        address = remote_base(path)
        if address is not None:
            return self._remote_base(address)
        if path.startswith("/"):
            raise InputError(f"new root '{path}' cannot be absolute")
        if _is_ambiguous(path):
            clean = posixpath.normpath(path)
            raise InputError(
                f'path "{path}" is ambiguous: resolves to "{clean}" after normalization, which is '
                "likely not the intended target; check for YAML indentation errors in your "
                "kustomization file"
            )
        root = self._folder(path)
        self._refuse_cycle(root)
        return Folder(self.files, root, self.access, referrer=self)

    def _folder(self, path: str) -> str:
        try:
            place = self._place(path)
        except InputError as error:
            raise InputError(f"must build at directory: {error.message}") from error
        return directory(self.files, place)

    def _remote_base(self, address: RemoteBase) -> Folder:
        folder: Folder | None = self
        while folder is not None:
            if folder._remote is not None and folder._remote.raw.startswith(address.raw):  # noqa: SLF001
                raise InputError(
                    f"cycle detected: URI '{address.raw}' referenced by previous URI "
                    f"'{folder._remote.raw}'"  # noqa: SLF001
                )
            folder = folder._referrer  # noqa: SLF001
        files, root = self.access.remotes.base(address)
        found = files.real(root)
        if found is None or not found[1]:
            raise InputError(f"'{root}' is no folder of '{address.repository}'")
        return Folder(files, found[0], self.access, referrer=self, remote=address)

    def _refuse_cycle(self, root: str) -> None:
        folder: Folder | None = self
        while folder is not None and folder.files is self.files:
            if is_below(folder.root, root):
                shown = self.files.shown(root)
                raise InputError(
                    f"cycle detected: candidate root '{shown}' contains visited root "
                    f"'{folder.shown}'"
                )
            folder = folder._referrer  # noqa: SLF001

    def _place(self, path: str) -> str:
        if "\0" in path:
            raise InputError(f"{path!r} is not a path")
        joined = posixpath.normpath(posixpath.join("/", self.root, path))
        # An absolute path counts from the tree's root; `..` beyond it is refused below.
        depth = 0
        for part in [*self.root.split("/"), *path.split("/")]:
            depth += 0 if part in {"", "."} else -1 if part == ".." else 1
            if depth < 0 and not path.startswith("/"):
                raise InputError(f"'{path}' leads out of the repository")
        return joined.lstrip("/")

    def _real(self, place: str) -> tuple[str, bool] | None:
        return self.files.real(place)


def directory(files: Files, path: str) -> str:
    """A folder, links followed.

    Raises:
        InputError: There is none.
    """
    shown = files.shown(path)
    found = files.real(path)
    if found is None:
        raise InputError(
            "must build at directory: not a valid directory: evalsymlink failure on "
            f"'{shown}' : lstat {shown}: no such file or directory"
        )
    if not found[1]:
        raise InputError(f"must build at directory: '{shown}': file is not directory")
    return found[0]


def is_below(path: str, folder: str) -> bool:
    """Whether a folder is another one or in it; whole names are compared."""
    return not folder or path == folder or path.startswith(f"{folder}/")


def _is_ambiguous(path: str) -> bool:
    return any(part not in {"..", "."} and ".." in part for part in path.split("/"))
