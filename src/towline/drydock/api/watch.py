"""Watches over HTTP: one JSON line per change, encoded once for all who watch the same form."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from random import Random

import orjson

from towline.aio.clock import Clock
from towline.drydock.api.lists import check_options, parse_revision, selection_of
from towline.drydock.api.messages import Request, Stream
from towline.drydock.api.negotiate import OBJECT, Form
from towline.drydock.api.selection import Selection
from towline.drydock.api.views import Viewer, inclusion
from towline.drydock.registry import ServedKind
from towline.drydock.storage import ADDED, DELETED, MODIFIED, Change, Record, Store
from towline.kube.schema.fielderror import FieldError, forbidden, not_supported
from towline.kube.status import ApiError

MAX_WAITING = 1000
MAX_WAITING_BYTES = 8 << 20
_BOOKMARK_SECONDS = 60.0
_MIN_SECONDS = 1800
_INITIAL_END = {"k8s.io/initial-events-end": "true"}


class Watcher:
    """One client's watch: what it selects, in which form, and what waits to be sent.

    Args:
        kind: What is watched.
        selection: Which objects.
        form: How they are shown.
        include: What table rows carry.
        clock: For the ages in tables.
    """

    def __init__(
        self, kind: ServedKind, selection: Selection, form: Form, include: str, clock: Clock
    ) -> None:
        self._kind = kind
        self._selection = selection
        self._form = form
        self._view = Viewer(kind, form, include=include, clock=clock)
        self._plain = form.convert == OBJECT and kind.gvk == kind.stored and not kind.defaulted
        self._style = (kind.gvk.version, form.convert, form.version, include)
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._columns_sent = False
        self._ended = False
        self._ready = asyncio.Event()

    @property
    def ended(self) -> bool:
        """Whether nothing more will be queued."""
        return self._ended

    # Filled by the store

    def offer(self, change: Change) -> None:
        """Takes a change from the store, if it is selected."""
        if self._ended:
            return
        type_, record = self._seen(change)
        if type_:
            self._push(self._frame(change, type_, record))
            if len(self._waiting) > MAX_WAITING or self._bytes > MAX_WAITING_BYTES:
                # Too slow: the client comes back with the last version that it has seen.
                self.end()

    def end(self) -> None:
        """Sends what waits and closes."""
        self._ended = True
        self._ready.set()

    def present(self, record: Record) -> None:
        """Queues an object that is there already."""
        if self._selection.matches(record):
            self._push(self._encode(ADDED, record, record.rev))

    def replay(self, change: Change) -> None:
        """Queues an earlier change."""
        type_, record = self._seen(change)
        if type_:
            self._push(self._frame(change, type_, record))

    def bookmark(self, revision: int, annotations: dict[str, str] | None = None) -> None:
        """Queues how far the watch has come."""
        obj = self._view.bookmark(revision, annotations or {})
        self._push(orjson.dumps({"type": "BOOKMARK", "object": obj}) + b"\n")

    def fail(self, error: ApiError) -> None:
        """Queues an error and ends."""
        self._push(orjson.dumps({"type": "ERROR", "object": error.status()}) + b"\n")
        self.end()

    def _push(self, frame: bytes) -> None:
        self._waiting.append(frame)
        self._bytes += len(frame)
        self._ready.set()

    def _seen(self, change: Change) -> tuple[str, Record]:
        """The change as it looks through the selection; an empty type when it does not show."""
        selection, record, old = self._selection, change.record, change.old
        if selection.everything:
            shows = not selection.namespace or selection.namespace == record.key.namespace
            return (change.type if shows else ""), record
        before = old is not None and selection.matches(old)
        if change.type == DELETED:
            return (DELETED if before else ""), record
        after = selection.matches(record)
        if after:
            return (MODIFIED if before else ADDED), record
        if before and old is not None:
            return DELETED, old
        return "", record

    def _frame(self, change: Change, type_: str, record: Record) -> bytes:
        style = (type_, record is change.record, self._columns_sent, self._style)
        frame = change.frames.get(style)
        if frame is None:
            frame = change.frames[style] = self._encode(type_, record, change.rev)
        self._columns_sent = True
        return frame

    def _encode(self, type_: str, record: Record, revision: int) -> bytes:
        if self._plain and record.rev == revision:
            return b'{"type":"%b","object":%b}\n' % (type_.encode(), record.raw)
        obj = record.obj
        if record.rev != revision:
            obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(revision)}}
        shown = self._view.value(obj, columns=not self._columns_sent)
        self._columns_sent = True
        return orjson.dumps({"type": type_, "object": shown}) + b"\n"

    # Emptied by the connection

    async def take(self, timeout: float) -> bytes | None:
        """What waits, as soon as there is something; empty after the time-out, None at the end."""
        if not self._waiting and not self._ended:
            self._ready.clear()
            try:
                async with asyncio.timeout(timeout):
                    await self._ready.wait()
            except TimeoutError:
                return b""
        if self._waiting:
            batch = b"".join(self._waiting)
            self._waiting.clear()
            self._bytes = 0
            return batch
        return None if self._ended else b""


class Options:
    """What a watch request asks for beside the selection.

    Attributes:
        revision: Changes after this revision; 0 for all.
        initial: Whether present objects come first.
        bookmarks: Whether the client understands bookmarks.
        announce_end: Whether a bookmark marks the end of the present objects.
        seconds: After how long the watch ends.
    """

    __slots__ = ("announce_end", "bookmarks", "initial", "revision", "seconds")

    def __init__(self, request: Request, rng: Random) -> None:
        version = request.param("resourceVersion")
        match = request.param("resourceVersionMatch")
        self.revision = parse_revision(version)
        self.bookmarks = request.flag("allowWatchBookmarks")
        asked = request.has_param("sendInitialEvents")
        send = request.flag("sendInitialEvents")
        check_options(
            list(_problems(match, asked=asked, continued=bool(request.param("continue"))))
        )
        self.initial = send or (not asked and self.revision == 0)
        self.announce_end = send and self.bookmarks
        seconds = request.integer("timeoutSeconds")
        self.seconds = float(seconds) if seconds else _MIN_SECONDS * (1 + rng.random())


def _problems(match: str, *, asked: bool, continued: bool) -> Iterator[FieldError]:
    field, only = "resourceVersionMatch", "NotOlderThan"
    if asked and match != only:
        yield forbidden(field, f"sendInitialEvents requires setting {field} to {only}")
    if not match:
        return
    if not asked:
        why = f"{field} is forbidden for watch unless sendInitialEvents is provided"
        yield forbidden(field, why)
    if match != only:
        yield not_supported(field, match, (only,))
    if continued:
        yield forbidden(field, f"{field} is forbidden when continue is provided")


def open_watch(
    request: Request,
    store: Store,
    kind: ServedKind,
    namespace: str,
    form: Form,
    *,
    clock: Clock,
    rng: Random,
    name: str = "",
) -> Stream:
    """Starts a watch, of one object when a name is given; no change after this call is missed.

    Raises:
        ApiError: The options are wrong.
    """
    selection = selection_of(request, kind, namespace, name)
    options = Options(request, rng)
    include = inclusion(request, form)
    watcher = Watcher(kind, selection, form, include, clock)
    return Stream(
        _events(store, kind, watcher, options, selection), content_type="application/json"
    )


async def _events(
    store: Store, kind: ServedKind, watcher: Watcher, options: Options, selection: Selection
) -> AsyncIterator[bytes]:
    store.subscribe(kind.resource, watcher)
    try:
        _begin(store, kind, watcher, options, selection)
        loop = asyncio.get_running_loop()
        end = loop.time() + options.seconds
        mark = loop.time() + _BOOKMARK_SECONDS
        while True:
            now = loop.time()
            batch = await watcher.take(max(0.0, min(end, mark) - now))
            if batch is None:
                return
            if batch:
                yield batch
            now = loop.time()
            if watcher.ended:
                continue
            if now >= end:
                if options.bookmarks:
                    watcher.bookmark(store.revision)
                watcher.end()
            elif now >= mark:
                mark = now + _BOOKMARK_SECONDS
                if options.bookmarks:
                    watcher.bookmark(store.revision)
    finally:
        store.unsubscribe(kind.resource, watcher)


def _begin(
    store: Store, kind: ServedKind, watcher: Watcher, options: Options, selection: Selection
) -> None:
    """Queues everything up to now; runs without waiting, so it meets the live changes exactly."""
    if options.initial:
        for record in store.records(kind.resource, selection.namespace):
            watcher.present(record)
        if options.announce_end:
            watcher.bookmark(store.revision, _INITIAL_END)
    elif options.revision and options.revision < store.history.floor:
        text = f"too old resource version: {options.revision} ({store.history.floor})"
        watcher.fail(ApiError(text, reason="Expired"))
    elif options.revision:

        def wanted(change: Change) -> bool:
            return change.record.key.resource == kind.resource

        for change in store.history.since(options.revision, wanted):
            watcher.replay(change)
            change.frames.clear()
