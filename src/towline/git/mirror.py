"""Mirrors: repositories by URL, resolved and read without work trees.

The one door to remote repositories for the engine (resolve, tree) and the pipelines (checkout).
Requests for one URL share what they can: one listing serves everybody who asked before it began,
and objects are fetched once.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from towline.git.aliases import resolve_alias
from towline.git.bare import BareMirror
from towline.git.checkout import checkout_workspace
from towline.git.command import Git, GitLimits
from towline.git.credentials import GitCredentials, embedded
from towline.git.library import isolate_library
from towline.git.refs import checked_revision
from towline.git.remote import Remote, RequestTold
from towline.git.replica import CredentialsFor, Replica
from towline.git.revisions import full_sha, may_be_short, resolve_ref, unresolved
from towline.git.smart_http import SmartHttp
from towline.git.tree import CommitInfo, GitTree

_FETCH_LIMITS = GitLimits(file=4 << 30)
_MOST_REPLICAS = 256


async def no_credentials(_url: str) -> GitCredentials | None:
    """For repositories that anybody may read."""
    return None


def nobody_told(_repository: str, _kind: str, _seconds: float, _failed: bool) -> None:
    """For mirrors whose requests nobody counts."""


class Mirrors:
    """All mirrors of this process; one process per root directory.

    Args:
        root: Where the bare repositories live; a cache, safe to delete.
        git: The git program.
        credentials: Gives the credentials for an URL (free of secrets, after aliases).
        aliases: Where repositories really are: URL prefix or host name to URL prefix.
        session: HTTP session to use; without one the mirrors open their own on first use.
        limits: Bounds of a fetch.
        most: Repositories that are held open at one time.
        told: Is told of each request to a remote.
    """

    def __init__(
        self,
        root: Path,
        git: Git,
        credentials: CredentialsFor = no_credentials,
        aliases: Mapping[str, str] | None = None,
        *,
        session: aiohttp.ClientSession | None = None,
        limits: GitLimits = _FETCH_LIMITS,
        most: int = _MOST_REPLICAS,
        told: RequestTold = nobody_told,
    ) -> None:
        isolate_library()
        self._root = root
        self._git = git
        self._credentials = credentials
        self._aliases = dict(aliases or {})
        self._session = session
        self._own_session = session is None
        self._limits = limits
        self._most = most
        self._told = told
        self._replicas: OrderedDict[str, Replica] = OrderedDict()

    async def resolve(self, url: str, revision: str, *, fresh: bool = True) -> str:
        """The commit that a revision names.

        Args:
            url: The repository.
            revision: Full or short id, version constraint over tags, ref, branch, tag, `HEAD`.
            fresh: Ask the server; otherwise the last listing is good enough.

        Returns:
            The full id, 40 hexadecimal digits.

        Raises:
            NotFoundError: It names nothing, or there is no such repository.
            InputError: The URL or the revision is malformed.
            DeniedError: Credentials are wrong or missing, or the transport is not allowed.
            TransientError: The server cannot be reached now.
        """
        revision = checked_revision(revision)
        sha = full_sha(revision)
        if sha is not None:
            return sha
        replica, own = self._replica(url)
        refs = await replica.refs(own, fresh=fresh)
        found = resolve_ref(revision, refs)
        if found is not None:
            return found
        if may_be_short(revision):
            return await replica.expand(revision.lower(), refs, own)
        raise unresolved(revision)

    async def heads(self, url: str) -> dict[str, str]:
        """`HEAD`, branches and tags (`refs/...`) with the commits they name, asked now.

        Raises:
            TowlineError: As `resolve`.
        """
        replica, own = self._replica(url)
        refs = await replica.refs(own, fresh=True)
        return {name: ref.commit for name, ref in refs.items()}

    async def default_branch(self, url: str) -> str:
        """Name of the branch that `HEAD` stands for, from the last listing; empty if unknown."""
        replica, own = self._replica(url)
        refs = await replica.refs(own, fresh=False)
        head = refs.get("HEAD")
        return head.target.removeprefix("refs/heads/") if head is not None else ""

    async def tree(self, url: str, commit: str) -> GitTree:
        """The files of a commit, fetched when they are not here yet.

        Raises:
            TowlineError: As `resolve`.
        """
        replica, own = self._replica(url)
        return await replica.read([commit], own, lambda bare: bare.tree(commit))

    async def commit_info(self, url: str, commit: str) -> CommitInfo:
        """What a commit says about itself.

        Raises:
            TowlineError: As `resolve`.
        """
        replica, own = self._replica(url)
        return await replica.read([commit], own, lambda bare: bare.commit_info(commit))

    async def checkout(
        self,
        url: str,
        commit: str,
        destination: Path,
        *,
        local_branch: str = "",
        credentials: GitCredentials | None = None,
    ) -> None:
        """Fills a workspace with a commit, all branches and tags; `origin` is the given URL.

        Args:
            url: The repository; written to the workspace without credentials.
            commit: Full id of the commit.
            destination: An empty or absent directory.
            local_branch: Branch to be on; empty for a detached HEAD.
            credentials: Used instead of those that are configured.

        Raises:
            ConflictError: The destination is not empty.
            TowlineError: As `resolve`.
        """
        replica, own = self._replica(url)
        origin = str(self._git.url(url))
        await replica.ensure_all(commit, credentials or own)
        await checkout_workspace(
            self._git,
            replica.bare.path,
            destination,
            commit=commit,
            origin=origin,
            local_branch=local_branch,
        )

    async def close(self) -> None:
        """Releases connections and file handles."""
        for replica in self._replicas.values():
            replica.bare.close()
        if self._own_session and self._session is not None:
            await self._session.close()
            self._session = None

    def _replica(self, text: str) -> tuple[Replica, GitCredentials | None]:
        """The replica behind an URL, and the credentials that the URL itself carries."""
        asked = self._git.url(text)
        url = self._git.url(resolve_alias(asked, self._aliases))
        name = str(url)
        replica = self._replicas.get(name)
        if replica is None:
            bare = BareMirror(self._root / _folder(name))
            remote = Remote(url, self._git, SmartHttp(self._http()), self._limits, self._told)
            replica = Replica(bare, remote, self._credentials, self._git)
            self._let_go()
            self._replicas[name] = replica
        self._replicas.move_to_end(name)
        # What was meant for one host is not for the one that an alias puts in its place.
        own = embedded(asked) if url.origin == asked.origin else None
        return replica, own

    def _let_go(self) -> None:
        """Makes room for one more: idle ones used least recently go, their objects stay on disk."""
        surplus = len(self._replicas) + 1 - self._most
        if surplus > 0:
            idle = [name for name, one in self._replicas.items() if not one.busy]
            for name in idle[:surplus]:
                self._replicas.pop(name).bare.close()

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True
            )
        return self._session


def _folder(url: str) -> str:
    """A directory name that is unique for the URL and tells people which one it is."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", url.partition("://")[2] or url).strip("-")[:60]
    return f"{words}-{hashlib.sha256(url.encode()).hexdigest()[:16]}.git"
