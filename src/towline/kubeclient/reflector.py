"""Keeps an object store in step with one kind of a server: list, then watch, for ever.

A cut stream continues from the last version seen; when the server no longer knows that version
(410, as status or inside the stream), the kind is listed again and the differences appear as
ordinary changes. Nothing is concluded from a list that failed or that is older than what we saw.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import NamedTuple

import msgspec

from towline.aio.clock import Clock
from towline.errors import LimitError, TowlineError, TransientError
from towline.kube.status import ApiError
from towline.kubeclient.client import PAGE_SIZE, KubeClient
from towline.kubeclient.discovery import ApiResource
from towline.kubeclient.objects import CachedObject, cached_object, is_older
from towline.kubeclient.objectstore import ObjectStore

WATCH_SECONDS = 300.0
MAX_LINE = 32 * 1024 * 1024
BACKOFF_BASE = 0.05
BACKOFF_CAP = 5.0
REFUSED_CAP = 60.0
STALE_LISTS = 3
QUIET_ATTEMPTS = 5

_JSON = "application/json"
_METADATA_LIST = f"{_JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,{_JSON}"
_METADATA_WATCH = f"{_JSON};as=PartialObjectMetadata;g=meta.k8s.io;v=v1,{_JSON}"

_log = logging.getLogger("towline.kubeclient")


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")


class _List(msgspec.Struct):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None


class _BookmarkMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _Bookmark(msgspec.Struct):
    metadata: _BookmarkMeta


class _Status(msgspec.Struct):
    code: int = 0
    reason: str = ""
    message: str = ""


_event = msgspec.json.Decoder(_Event)
_list = msgspec.json.Decoder(_List)
_bookmark = msgspec.json.Decoder(_Bookmark)
_status = msgspec.json.Decoder(_Status)


class _Snapshot(NamedTuple):
    items: list[CachedObject]
    version: str


class _ExpiredError(Exception):
    """The server's history no longer reaches back to our version."""


class Reflector:
    """List and watch of one kind into a store.

    Args:
        client: Connection to the server.
        resource: The kind.
        store: Where the objects go.
        clock: To wait by.
        namespace: One namespace only, unless empty.
        gate: Bounds how many lists run at once.
        metadata_only: Ask for metadata without spec and status.
        listed: Event to set after the first complete list.

    Attributes:
        resource: The kind.
        listed: Set once a complete list came in.
        settled: Set once it was listed, or when that was refused or cannot be read.
    """

    def __init__(
        self,
        client: KubeClient,
        resource: ApiResource,
        store: ObjectStore,
        clock: Clock,
        *,
        namespace: str = "",
        gate: asyncio.Semaphore | None = None,
        metadata_only: bool = False,
        listed: asyncio.Event | None = None,
    ) -> None:
        self.resource = resource
        self.listed = listed or asyncio.Event()
        self.settled = asyncio.Event()
        self._metadata_only = metadata_only
        self._client = client
        self._store = store
        self._clock = clock
        self._namespace = namespace
        self._gate = gate or asyncio.Semaphore(1)
        self._path = resource.path(namespace)
        self._random = random.Random()  # noqa: S311  # jitter, not a secret
        self._version = ""
        self._attempts = 0
        self._stale = 0

    async def run(self) -> None:
        """Works until cancelled; failures are waited out.

        Raises:
            ApiError: 404, when the server no longer has the kind.
        """
        while True:
            try:
                if not self._version:
                    await self._relist()
                progress = await self._watch()
            except _ExpiredError:
                _log.info("watch history lost kind=%s, listing again", self._name)
                self._version = ""
                progress = False
            except ApiError as error:
                self.settled.set()
                if error.code == 404:
                    raise
                await self._failed(str(error), cap=REFUSED_CAP)
                continue
            except TransientError as error:
                await self._failed(str(error), retry_after=error.retry_after)
                continue
            except Exception as error:  # noqa: BLE001  # one kind's objects must not stop the others
                self._version = ""
                self.settled.set()
                if not isinstance(error, TowlineError | msgspec.DecodeError):
                    _log.exception("watch broke kind=%s", self._name)
                why = f"malformed answer: {type(error).__name__}: {error}"
                await self._failed(why, cap=REFUSED_CAP)
                continue
            if progress:
                self._attempts = 0
            else:
                await self._wait()

    @property
    def _name(self) -> str:
        return str(self.resource.group_resource)

    async def _failed(
        self, why: str, *, retry_after: float | None = None, cap: float = BACKOFF_CAP
    ) -> None:
        # A stream that is cut now and then is ordinary; one that stays cut is not.
        level = logging.WARNING if self._attempts >= QUIET_ATTEMPTS else logging.DEBUG
        _log.log(level, "watch interrupted kind=%s error=%s", self._name, why)
        await self._wait(retry_after or 0.0, cap)

    async def _wait(self, at_least: float = 0.0, cap: float = BACKOFF_CAP) -> None:
        delay = min(cap, BACKOFF_BASE * 2.0 ** min(self._attempts, 20))
        self._attempts += 1
        await self._clock.sleep(max(at_least, delay * self._random.uniform(0.5, 1.0)))

    async def _relist(self) -> None:
        async with self._gate:
            snapshot = await self._list()
        kind = self.resource.group_kind
        force = False
        if is_older(snapshot.version, self._store.seen(kind)):
            # Either a lagging replica answered, or the server was restored from a backup.
            self._stale += 1
            if self._stale < STALE_LISTS:
                raise TransientError(f"the list of {self._name} is older than what was seen before")
            force = True
        self._stale = 0
        self._store.replace(
            kind, snapshot.items, snapshot.version, namespace=self._namespace, force=force
        )
        self._version = snapshot.version
        self.listed.set()
        self.settled.set()

    async def _list(self) -> _Snapshot:
        items: list[CachedObject] = []
        query = {"limit": str(PAGE_SIZE)}
        gvk = self.resource.gvk
        accept = _METADATA_LIST if self._metadata_only else _JSON
        while True:
            try:
                body = await self._client.request("GET", self._path, query=query, accept=accept)
            except ApiError as error:
                if error.code == 410:
                    raise _ExpiredError from error
                raise
            page = _list.decode(body)
            items += [cached_object(bytes(raw), gvk) for raw in page.items or ()]
            if not page.metadata.continue_:
                return _Snapshot(items, page.metadata.resource_version)
            query["continue"] = page.metadata.continue_

    async def _watch(self) -> bool:
        """Follows one watch to its end; whether it brought anything or lasted."""
        loop = asyncio.get_running_loop()
        seconds = WATCH_SECONDS * self._random.uniform(1.0, 2.0)
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(int(seconds)),
        }
        began = loop.time()
        progress = False
        splitter = LineSplitter()
        try:
            async with self._client.stream(
                self._path,
                query=query,
                accept=_METADATA_WATCH if self._metadata_only else _JSON,
                silence=seconds + 15.0,
            ) as chunks:
                async for chunk in chunks:
                    for line in splitter.feed(chunk):
                        self._take(line)
                        progress = True
        except ApiError as error:
            if error.code == 410:
                raise _ExpiredError from error
            raise
        except TransientError:
            if progress:
                self._attempts = 0
            raise
        return progress or loop.time() - began > 1.0

    def _take(self, line: bytes) -> None:
        event = _event.decode(line)
        if event.type in {"ADDED", "MODIFIED", "DELETED"}:
            obj = cached_object(bytes(event.object), self.resource.gvk)
            self._store.watched(event.type, obj)
            self._advance(obj.resource_version)
        elif event.type == "BOOKMARK":
            self._advance(_bookmark.decode(event.object).metadata.resource_version)
        elif event.type == "ERROR":
            status = _status.decode(event.object)
            if status.code == 410 or status.reason in {"Expired", "Gone"}:
                raise _ExpiredError
            raise TransientError(f"the watch failed: {status.message or status.reason}")
        else:
            raise TransientError(f"the watch sent an unknown event {event.type!r}")

    def _advance(self, version: str) -> None:
        if version and not is_older(version, self._version):
            self._version = version


class LineSplitter:
    """Cuts a stream into complete lines; an unfinished last line is never handed out."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that this piece of the stream completes.

        Raises:
            LimitError: A line is longer than any object can be.
        """
        *lines, last = chunk.split(b"\n")
        if lines and self._rest:
            lines[0] = b"".join([*self._rest, lines[0]])
        if lines:
            self._rest.clear()
            self._size = 0
        if last:
            self._rest.append(last)
            self._size += len(last)
            if self._size > MAX_LINE:
                raise LimitError(f"a line of the watch is longer than {MAX_LINE} bytes")
        return [line for line in lines if line]
