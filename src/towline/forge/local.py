"""The local forge: serves repositories and tells its subscribers about every push.

Nothing is lost between a push and its webhook: what was delivered is durable per subscriber and
ref, and compared with the refs themselves after each push and at start. A subscriber hears of each
state at least once; the delivery id is the same each time.
"""

from __future__ import annotations

import asyncio
import logging
import secrets as randomness
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol

import aiohttp
import msgspec

from towline.aio.workqueue import WorkQueue
from towline.errors import NotFoundError, TransientError
from towline.forge.hooks import Hook, HookRegistry
from towline.forge.payload import ZERO, CommitView, RefChange, push_body, push_headers

_log = logging.getLogger("towline.forge")

_PROVIDER = "github"
_MAX_COMMITS = 50


class RepositoryHost(Protocol):
    """Read access to the hosted repositories."""

    def names(self) -> list[str]:
        """All repositories."""
        ...

    def heads(self, full_name: str) -> dict[str, str]:
        """Branches and tags with the objects they name."""
        ...

    def serial(self, full_name: str, ref: str) -> int:
        """How often the ref was moved."""
        ...

    def moved_at(self, full_name: str, ref: str) -> float:
        """When the ref moved last, seconds since 1970; 0.0 when it is gone."""
        ...

    def default_branch(self, full_name: str) -> str:
        """Name of the default branch."""
        ...

    def is_ancestor(self, full_name: str, old: str, new: str) -> bool:
        """Whether the commit `new` contains `old`."""
        ...

    def history(
        self, full_name: str, before: str, after: str, *, limit: int = 20
    ) -> Sequence[CommitView]:
        """New commits, oldest first."""
        ...


class GitApplication(Protocol):
    """The ASGI application that serves the repositories."""

    def listen(self, listener: Callable[[str, str], None]) -> None:
        """Registers who is called with (full name, pusher) after each push."""
        ...

    def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
        /,
    ) -> Awaitable[None]:
        """Answers one ASGI request."""
        ...


class DeliveredHeads(Protocol):
    """The durable memory of what was delivered; a key is a repository or one more subscriber."""

    async def heads(self, repo: str, /) -> Mapping[str, str]:
        """Ref to the last delivered object id."""
        ...

    async def delivered(self, repo: str, ref: str, sha: str, /) -> None:
        """Remembers a delivery; zeros mean that the ref is gone. Durable when it returns."""
        ...


class Subscriber(msgspec.Struct, frozen=True):
    """Who is told about pushes to a repository, besides Towline itself.

    Attributes:
        full_name: The repository, or `*` for all.
        url: Where the webhook goes.
        secret: What signs it.
    """

    full_name: str
    url: str
    secret: bytes

    def __repr__(self) -> str:
        return f"Subscriber({self.full_name!r}, {self.url!r}, ***)"


class LocalForge:
    """The embedded forge, an ASGI application with a background part.

    Args:
        server: Serves git over HTTP.
        host: The repositories behind it.
        delivered: Memory of what was delivered.
        hooks: Where each repository's hook secret is kept.
        session: For the webhooks.
        hook_url: Where Towline takes GitHub webhooks.
        base_url: Where the repositories are served, without a slash at the end.
        subscribers: Others who want the webhooks.
    """

    def __init__(
        self,
        server: GitApplication,
        host: RepositoryHost,
        delivered: DeliveredHeads,
        hooks: HookRegistry,
        *,
        session: aiohttp.ClientSession,
        hook_url: str,
        base_url: str,
        subscribers: Sequence[Subscriber] = (),
    ) -> None:
        self._server = server
        self._host = host
        self._delivered = delivered
        self._hooks = hooks
        self._session = session
        self._hook_url = hook_url
        self._base_url = base_url.rstrip("/")
        self._subscribers = list(subscribers)
        self._pushers: dict[str, str] = {}
        self._queue: WorkQueue[tuple[str, str]] = WorkQueue(base=0.1, cap=15.0)
        self._creation = asyncio.Lock()
        server.listen(self.pushed)

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Answers one ASGI request."""
        await self._server(scope, receive, send)

    def pushed(self, full_name: str, pusher: str) -> None:
        """Takes notice that refs of a repository may have moved."""
        if pusher:
            self._pushers[full_name.lower()] = pusher
        self._queue.add((full_name, ""))
        for subscriber in self._subscribers:
            if _wants(subscriber, full_name):
                self._queue.add((full_name, subscriber.url))

    async def run(self) -> None:
        """Delivers what is undelivered, then every push, until cancelled."""
        for full_name in self._host.names():
            self.pushed(full_name, "")
        await self._queue.run(self._deliver, workers=4, name="webhooks")

    async def hook_secret(self, full_name: str) -> Hook:
        """The repository's hook, made with 32 random bytes when it has none."""
        async with self._creation:
            known = await self._find_hook(full_name)
            if known is not None:
                return known
            url = f"{self._base_url}/{full_name}.git"
            await self._hooks.put(full_name, url, randomness.token_bytes(32))
            stored = await self._find_hook(full_name)
        if stored is None:
            raise NotFoundError(f"the hook of {full_name} was not stored")
        return stored

    async def _find_hook(self, full_name: str) -> Hook | None:
        url = f"{self._base_url}/{full_name}.git".lower()
        found = [
            hook
            for hook in await self._hooks.secrets(_PROVIDER)
            if hook.full_name.lower() == full_name.lower()
        ]
        return next((hook for hook in found if hook.url.lower() == url), None) or next(
            iter(found), None
        )

    async def _deliver(self, key: tuple[str, str]) -> None:
        """Sends one subscriber all that it has not heard of a repository."""
        full_name, url = key
        if url:
            target = next(s for s in self._subscribers if s.url == url and _wants(s, full_name))
            secret, memory = target.secret, f"{full_name.lower()} {url}"
        else:
            url, memory = self._hook_url, full_name.lower()
            secret = (await self.hook_secret(full_name)).secret
        # Repositories with any number of refs are listed: not on the event loop.
        now = await asyncio.to_thread(self._host.heads, full_name)
        told = await self._delivered.heads(memory)
        for ref in sorted({*now, *told}, key=lambda name: (name.startswith("refs/tags/"), name)):
            before, after = told.get(ref, ZERO), now.get(ref, ZERO)
            if before != after:
                await self._send(full_name, ref, before, after, url=url, secret=secret)
                await self._delivered.delivered(memory, ref, after)

    async def _send(
        self, full_name: str, ref: str, before: str, after: str, *, url: str, secret: bytes
    ) -> None:
        change = RefChange(
            full_name=full_name,
            ref=ref,
            before=before,
            after=after,
            serial=self._host.serial(full_name, ref),
            pushed_at=self._host.moved_at(full_name, ref),
            forced=await self._forced(full_name, before, after),
            pusher=self._pushers.get(full_name.lower(), ""),
            default_branch=self._host.default_branch(full_name),
        )
        commits = await self._commits(full_name, before, after)
        complete = len(commits) < _MAX_COMMITS
        body = push_body(change, commits, self._base_url, complete=complete)
        headers = push_headers(change, secret, body)
        try:
            async with self._session.post(
                url,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=10),
            ) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TransientError(f"webhook not delivered: {type(error).__name__}") from error
        if not 200 <= status < 300:
            raise TransientError(f"webhook for {full_name} was answered with HTTP {status}")
        _log.info(
            "webhook delivered repo=%s ref=%s after=%s delivery=%s",
            full_name,
            ref,
            after[:12],
            headers["X-GitHub-Delivery"],
        )

    async def _forced(self, full_name: str, before: str, after: str) -> bool:
        if ZERO in {before, after}:
            return False
        return not await asyncio.to_thread(self._host.is_ancestor, full_name, before, after)

    async def _commits(self, full_name: str, before: str, after: str) -> Sequence[CommitView]:
        if after == ZERO:
            return []
        try:
            # Trees of any size are compared: not on the event loop.
            return await asyncio.to_thread(
                self._host.history, full_name, before, after, limit=_MAX_COMMITS
            )
        except (NotFoundError, ValueError):
            return []  # a tag of something that is no commit, or moved on: only the ref matters


def _wants(subscriber: Subscriber, full_name: str) -> bool:
    return subscriber.full_name in {"*", full_name} or (
        subscriber.full_name.lower() == full_name.lower()
    )
