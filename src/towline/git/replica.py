"""One repository as it is here: its remote, its objects, and who waits for what."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from towline.errors import NotFoundError, TransientError
from towline.git.bare import BareMirror
from towline.git.command import Git
from towline.git.credentials import GitCredentials
from towline.git.packs import IncompletePackError
from towline.git.remote import Remote, check_wants
from towline.git.revisions import unresolved
from towline.git.smart_http import RemoteRefs

T = TypeVar("T")

CredentialsFor = Callable[[str], Awaitable[GitCredentials | None]]

_MAX_PACKS = 32


class Replica:
    """Coordinates the requests for one repository.

    Args:
        bare: Its objects.
        remote: Where they come from.
        credentials: Gives the configured credentials for the remote's URL.
        git: The git program, for upkeep.
    """

    def __init__(
        self, bare: BareMirror, remote: Remote, credentials: CredentialsFor, git: Git
    ) -> None:
        self.bare = bare
        self._remote = remote
        self._credentials = credentials
        self._git = git
        self._refs: RemoteRefs | None = None
        self._refs_lock = asyncio.Lock()
        self._objects_lock = asyncio.Lock()
        self._asked = 0
        self._served = 0

    @property
    def busy(self) -> bool:
        """Whether a request is under way."""
        return self._refs_lock.locked() or self._objects_lock.locked()

    async def refs(self, given: GitCredentials | None, *, fresh: bool) -> RemoteRefs:
        """The listing; one request serves all who asked before it was sent.

        Args:
            given: Credentials to use instead of the configured ones.
            fresh: Whether an earlier listing is not good enough.
        """
        if not fresh and self._refs is not None:
            return self._refs
        self._asked += 1
        ticket = self._asked
        async with self._refs_lock:
            if self._served < ticket or self._refs is None or given is not None:
                upto = self._asked
                self._refs = await self._remote.ls_refs(await self._access(given))
                self._served = max(self._served, upto)
            return self._refs

    async def ensure(self, commits: Sequence[str], given: GitCredentials | None) -> None:
        """Fetches those of the objects that are not here.

        Raises:
            NotFoundError: The remote does not have one of them.
            TowlineError: The remote cannot be read.
        """
        check_wants(commits)
        if not self._missing(commits):
            return
        async with self._objects_lock:
            missing = self._missing(commits)
            if not missing:
                return
            access = await self._access(given)
            path, tips = str(self.bare.path), self.bare.tips
            try:
                await self._remote.fetch(path, missing, tips, access)
                lacking = bool(self._missing(missing))
            except IncompletePackError:
                if not tips:
                    raise
                lacking = True
            if lacking:
                # What we claimed to have is not really here: start from nothing.
                self.bare.reset()
                self.bare.open()
                await self._remote.fetch(str(self.bare.path), list(commits), (), access)
            absent = self._missing(missing)
            if absent:
                raise NotFoundError(f"no such commit: {absent[0]}")
            self.bare.fetched(missing)
            await self._compact()

    async def ensure_all(self, commit: str, given: GitCredentials | None) -> None:
        """Fetches all branches and tags, and publishes them in the bare repository."""
        refs = await self.refs(given, fresh=True)
        await self.ensure(_unique([*_tips(refs), commit]), given)
        async with self._objects_lock:
            self.bare.write_refs(refs)

    async def read(
        self,
        commits: Sequence[str],
        given: GitCredentials | None,
        reader: Callable[[BareMirror], T],
    ) -> T:
        """Reads commits, fetched when absent; a damaged mirror is replaced and read once more."""
        await self.ensure(commits, given)
        try:
            return reader(self.bare)
        except (TransientError, NotFoundError):
            async with self._objects_lock:
                self.bare.reset()
            await self.ensure(commits, given)
            return reader(self.bare)

    async def expand(self, prefix: str, refs: RemoteRefs, given: GitCredentials | None) -> str:
        """The full id that begins so.

        Raises:
            NotFoundError: No commit, or more than one, begins so.
        """
        found = self.bare.expand(prefix)
        if found is None:
            await self.ensure(_unique(_tips(refs)), given)
            found = self.bare.expand(prefix)
        if found is None:
            raise unresolved(prefix)
        return found

    async def _access(self, given: GitCredentials | None) -> GitCredentials | None:
        return given if given is not None else await self._credentials(str(self._remote.url))

    def _missing(self, oids: Sequence[str]) -> list[str]:
        return [oid for oid in oids if not self.bare.contains(oid)]

    async def _compact(self) -> None:
        if self.bare.packs() > _MAX_PACKS:
            await self._git.run(
                ["repack", "--geometric=2", "-d", "--quiet"], cwd=self.bare.path, timeout=300
            )


def _tips(refs: RemoteRefs) -> list[str]:
    return [ref.oid for name, ref in refs.items() if name.startswith("refs/")]


def _unique(oids: list[str]) -> list[str]:
    return list(dict.fromkeys(oids))
