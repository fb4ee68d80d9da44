"""One remote repository: the fast HTTP path with the git program behind it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from towline.errors import CommandError, InputError, NotFoundError
from towline.git.command import Git, GitLimits
from towline.git.credentials import GitCredentials
from towline.git.packs import PackWriter
from towline.git.refs import is_ref_name, is_sha
from towline.git.smart_http import (
    Endpoint,
    ProtocolUnsupported,
    RemoteRef,
    RemoteRefs,
    SmartHttp,
)
from towline.git.urls import RepoURL

T = TypeVar("T")

RequestTold = Callable[[str, str, float, bool], None]
"""Told of a request: repository, `ls-remote` or `fetch`, seconds, whether it failed."""


class Remote:
    """Lists refs of, and fetches from, one URL.

    Args:
        url: The repository.
        git: The git program.
        http: The protocol client.
        limits: Bounds of a fetch.
        told: Is told of each request.
    """

    def __init__(
        self, url: RepoURL, git: Git, http: SmartHttp, limits: GitLimits, told: RequestTold
    ) -> None:
        self.url = url
        self._told = told
        self._git = git
        self._http = http
        self._limits = limits
        self._moved: RepoURL | None = None
        self._plain = url.scheme not in {"http", "https"}

    async def ls_refs(self, credentials: GitCredentials | None) -> RemoteRefs:
        """`HEAD`, branches and tags as they are now.

        Raises:
            TowlineError: As `SmartHttp.ls_refs`.
        """
        with self._timed("ls-remote"):
            return await self._ls_refs(credentials)

    async def _ls_refs(self, credentials: GitCredentials | None) -> RemoteRefs:
        if not self._plain:
            with contextlib.suppress(ProtocolUnsupported):
                return await self._http_call(credentials, self._http.ls_refs)
        endpoint = self._endpoint(credentials)
        listing = await self._git.run(
            [
                "ls-remote",
                "--symref",
                "--end-of-options",
                str(endpoint.url),
                "HEAD",
                "refs/heads/*",
                "refs/tags/*",
            ],
            url=endpoint.url,
            credentials=endpoint.credentials,
            timeout=30,
        )
        return parse_ls_remote(listing.decode("utf-8", "replace"))

    async def fetch(
        self,
        repository: str,
        wants: Sequence[str],
        haves: Sequence[str],
        credentials: GitCredentials | None,
    ) -> None:
        """Brings the wanted objects and all they need into the repository at that path.

        Raises:
            TowlineError: As `SmartHttp.fetch`.
        """
        if wants:
            with self._timed("fetch"):
                await self._fetch(repository, wants, haves, credentials)

    @contextlib.contextmanager
    def _timed(self, kind: str) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        failed = True
        try:
            yield
            failed = False
        finally:
            self._told(str(self.url), kind, loop.time() - begun, failed)

    async def _fetch(
        self,
        repository: str,
        wants: Sequence[str],
        haves: Sequence[str],
        credentials: GitCredentials | None,
    ) -> None:
        if not self._plain:
            with contextlib.suppress(ProtocolUnsupported):
                await self._http_call(
                    credentials,
                    lambda endpoint: self._fetch_pack(endpoint, repository, wants, haves),
                )
                return
        endpoint = self._endpoint(credentials)
        try:
            await self._git_fetch(endpoint, repository, wants)
        except (CommandError, NotFoundError):
            # Old servers only serve what they advertise: take every branch and tag instead.
            everything = ["+refs/heads/*:refs/fetched/heads/*", "+refs/tags/*:refs/fetched/tags/*"]
            await self._git_fetch(endpoint, repository, everything)

    async def _fetch_pack(
        self, endpoint: Endpoint, repository: str, wants: Sequence[str], haves: Sequence[str]
    ) -> None:
        async with PackWriter(self._git, repository, self._limits) as writer:
            await self._http.fetch(endpoint, wants, haves, writer.write)
            await writer.finish()

    async def _git_fetch(self, endpoint: Endpoint, repository: str, what: Sequence[str]) -> None:
        await self._git.run(
            [
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-recurse-submodules",
                "--end-of-options",
                str(endpoint.url),
                *what,
            ],
            cwd=repository,
            url=endpoint.url,
            credentials=endpoint.credentials,
            limits=self._limits,
            timeout=300,
        )

    def _endpoint(self, credentials: GitCredentials | None) -> Endpoint:
        if self._moved is None:
            return Endpoint(self.url, credentials)
        return Endpoint(self._moved, credentials if self._moved.origin == self.url.origin else None)

    async def _http_call(
        self, credentials: GitCredentials | None, call: Callable[[Endpoint], Awaitable[T]]
    ) -> T:
        endpoint = self._endpoint(credentials)
        try:
            return await call(endpoint)
        except ProtocolUnsupported:
            moved = await self._http.resolve(Endpoint(self.url, credentials))
            if moved.url == endpoint.url:
                raise
            self._moved = moved.url
            return await call(self._endpoint(credentials))


def parse_ls_remote(text: str) -> RemoteRefs:
    """Reads the output of `git ls-remote --symref`."""
    refs: RemoteRefs = {}
    targets: dict[str, str] = {}
    for line in text.splitlines():
        value, _, name = line.partition("\t")
        if value.startswith("ref: "):
            targets[name] = value.removeprefix("ref: ")
        elif is_sha(value) and name.endswith("^{}"):
            base = name.removesuffix("^{}")
            if base in refs:
                refs[base] = RemoteRef(refs[base].oid, value, refs[base].target)
        elif is_sha(value) and (name == "HEAD" or is_ref_name(name)):
            refs[name] = RemoteRef(value, value, targets.get(name, ""))
    return refs


def check_wants(wants: Sequence[str]) -> None:
    """Refuses anything that is not a full object id.

    Raises:
        InputError: One of them is not.
    """
    for want in wants:
        if not is_sha(want):
            raise InputError(f"not a full commit id: {want[:80]!r}")
