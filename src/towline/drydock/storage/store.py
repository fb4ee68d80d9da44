"""The store: every object in memory, every acknowledged write on disk, one order of changes.

A write is decided and queued without waiting, against the newest state including writes that are
still on their way to disk (`head`). Queued writes are committed together by one thread; readers
and watchers see them only afterwards, in order.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from towline.aio.clock import Clock
from towline.drydock.storage import journal as journal_module
from towline.drydock.storage.faults import Fault, fault_of, read_only, refusal
from towline.drydock.storage.history import History
from towline.drydock.storage.journal import Journal
from towline.drydock.storage.record import (
    ADDED,
    DELETED,
    MODIFIED,
    Change,
    Record,
    StoreKey,
    encode_object,
)
from towline.drydock.storage.tablelayout import ADD, DELETE, MODIFY, Row
from towline.drydock.storage.tables import Tables
from towline.errors import SettingsError
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

_log = logging.getLogger("towline.drydock.storage")

MAX_BATCH = 64
REPLAY_ROWS = 2000
# Decoded forms of so many new versions stay for those who watch and read them next.
WARM_RECORDS = 1000
_OPS = {ADDED: ADD, MODIFIED: MODIFY, DELETED: DELETE}
_TYPES = {op: type_ for type_, op in _OPS.items()}


class Subscriber(Protocol):
    """Someone who is told of committed changes, on the event loop, and must not wait."""

    def offer(self, change: Change) -> None:
        """Takes notice of a change."""
        ...

    def end(self) -> None:
        """No more changes will come: the kind is gone or the store closes."""
        ...


class _Write:
    __slots__ = ("change", "done", "row")

    def __init__(self, change: Change, row: Row, done: asyncio.Future[Record]) -> None:
        self.change = change
        self.row = row
        self.done = done


class Store:
    """Objects with one global revision.

    Use `Store.open`. All methods belong to the event loop that first writes.

    Attributes:
        revision: The newest committed revision.
    """

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._tables = Tables()
        self.revision = journal.last_revision()
        self._next = self.revision
        self._pending: dict[StoreKey, Change] = {}
        self._queue: list[_Write] = []
        self._flight: asyncio.Future[None] | None = None
        self._subscribers: dict[GroupResource, dict[Subscriber, None]] = {}
        self._observers: list[Callable[[Change], None]] = []
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="drydock-store")
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._warm: deque[Record] = deque()
        self._closed = False
        self._failure = ""
        self.history = self._load()

    @classmethod
    def open(cls, path: Path, clock: Clock, *, sync: str = "full") -> Store:
        """Opens or creates the file and loads it.

        Raises:
            SettingsError: When the file is damaged.
        """
        journal = Journal(path, sync=sync)
        try:
            return cls(journal, clock)
        except SettingsError:
            journal.close(clean=False)
            raise

    def _load(self) -> History:
        for row in self._journal.current():
            self._tables.put(_record(row), None)
        rows = self._journal.tail(REPLAY_ROWS)
        floor = rows[0].rev - 1 if rows else self.revision
        history = History(max(floor, self._journal.floor()))
        known: dict[int, Record] = {}
        for row in rows:
            old = known.pop(row.prev, None) or self._past(row.prev)
            record = _record(row)
            known[row.rev] = record
            history.append(Change(_TYPES[row.op], record, old, row.at))
        return history

    def _past(self, rev: int) -> Record | None:
        found = self._journal.version(rev) if rev else None
        return None if found is None else _record(found)

    @property
    def closed(self) -> bool:
        """Whether the store was closed."""
        return self._closed

    @property
    def writable(self) -> bool:
        """Whether writes are taken: not closed, and no I/O error so far."""
        return not self._closed and not self._failure

    # Reads

    def get(self, key: StoreKey) -> Record | None:
        """The committed version."""
        return self._tables.get(key)

    def head(self, key: StoreKey) -> Record | None:
        """The newest version, committed or on its way: what a write must build on."""
        pending = self._pending.get(key)
        if pending is None:
            return self._tables.get(key)
        return None if pending.type == DELETED else pending.record

    def records(self, resource: GroupResource, namespace: str = "") -> list[Record]:
        """Committed versions in key order; all namespaces when `namespace` is empty."""
        return self._tables.table(resource).sorted(namespace)

    def head_records(self, resource: GroupResource) -> Iterator[Record]:
        """The newest versions of a resource in no particular order."""
        for record in self._tables.table(resource).sorted():
            if record.key not in self._pending:
                yield record
        for key, pending in list(self._pending.items()):
            if pending.type != DELETED and key.resource == resource:
                yield pending.record

    def count(self, resource: GroupResource) -> int:
        """How many objects of a resource there are."""
        return len(self._tables.table(resource))

    def by_uid(self, uid: str) -> Record | None:
        """The object with that uid."""
        return self._tables.by_uid(uid)

    def by_owner(self, uid: str) -> list[Record]:
        """Objects with an owner reference to that uid."""
        return self._tables.by_owner(uid)

    def records_at(self, resource: GroupResource, namespace: str, rev: int) -> list[Record]:
        """Versions as they were at a revision, in key order.

        Raises:
            ApiError: `Expired` when the revision is older than the history.
        """
        if rev >= self.revision:
            return self.records(resource, namespace)
        if rev < self.history.floor:
            raise ApiError(
                "The resourceVersion for the provided list is too old.", reason="Expired"
            )
        current = {record.key: record for record in self._tables.table(resource).sorted()}
        state = self.history.rewind(current, resource, rev)
        return [state[key] for key in sorted(state) if not namespace or key.namespace == namespace]

    # Writes

    def put(self, key: StoreKey, obj: dict[str, Any]) -> asyncio.Future[Record]:
        """Queues a new version; the future is done when it is durable and published.

        The caller has decided on the basis of `head`. The object belongs to the store from now on.
        """
        old = self.head(key)
        self._next += 1
        stamped, raw = encode_object(obj, self._next)
        create_rev = self._next if old is None else old.create_rev
        record = Record(key, self._next, create_rev, raw, stamped)
        return self._submit(ADDED if old is None else MODIFIED, record, old)

    def remove(self, key: StoreKey, obj: dict[str, Any]) -> asyncio.Future[Record]:
        """Queues the deletion; `obj` is the last state, which watchers get.

        Raises:
            KeyError: When there is no such object.
        """
        old = self.head(key)
        if old is None:
            raise KeyError(key)
        self._next += 1
        stamped, raw = encode_object(obj, self._next)
        record = Record(key, self._next, old.create_rev, raw, stamped)
        return self._submit(DELETED, record, old)

    def _submit(self, type_: str, record: Record, old: Record | None) -> asyncio.Future[Record]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Record] = loop.create_future()
        if not self.writable:
            closed = ApiError("the store is closed", reason="ServiceUnavailable")
            done.set_exception(read_only(self._failure) if self._failure else closed)
            return done
        change = Change(type_, record, old, self._clock.now().timestamp())
        prev = 0 if old is None else old.rev
        row = Row(
            record.rev, record.key.text, _OPS[type_], prev, record.create_rev, change.at, record.raw
        )
        self._pending[record.key] = change
        self._queue.append(_Write(change, row, done))
        if self._flight is None:
            # Writes of the same turn of the loop, and all that arrive while a commit runs, share
            # the next one: no timer, no added latency for a lone write.
            self._flight = loop.create_future()
            loop.call_soon(self._launch)
        return done

    def _launch(self) -> None:
        loop = asyncio.get_running_loop()
        batch, self._queue = self._queue[:MAX_BATCH], self._queue[MAX_BATCH:]
        rows = [write.row for write in batch]
        commit = loop.run_in_executor(self._writer, self._journal.append, rows)
        commit.add_done_callback(lambda done: self._landed(batch, done))

    def _landed(self, batch: list[_Write], commit: asyncio.Future[None]) -> None:
        error = None if commit.cancelled() else commit.exception()
        if commit.cancelled() or error is not None:
            self._fail(batch, error)
        else:
            for write in batch:
                self._publish(write.change)
            for write in batch:
                if not write.done.done():
                    write.done.set_result(write.change.record)
            if self._journal.checkpoint_due:
                # The writers have their answer; the next commit waits behind it in the thread.
                asyncio.get_running_loop().run_in_executor(self._writer, self._checkpoint)
        if self._queue:
            self._launch()
        elif self._flight is not None:
            flight, self._flight = self._flight, None
            flight.set_result(None)

    def _fail(self, batch: list[_Write], error: BaseException | None) -> None:
        # Later writes were decided on the basis of the failed ones: they fail with them.
        cause = error or asyncio.CancelledError()
        _log.error("commit failed writes=%d error=%s", len(batch) + len(self._queue), cause)
        self._note(cause)
        failed = batch + self._queue
        self._queue = []
        self._pending.clear()
        for write in failed:
            if not write.done.done():
                write.done.set_exception(refusal(cause))

    def _note(self, error: BaseException) -> None:
        if fault_of(error) is Fault.BROKEN and not self._failure:
            self._failure = str(error)
            _log.critical("state is read-only until a restart error=%s", error)

    def _publish(self, change: Change) -> None:
        key, old = change.record.key, change.old
        if change.type == DELETED:
            if old is not None:
                self._tables.drop(old)
        else:
            self._tables.put(change.record, old)
        if self._pending.get(key) is change:
            del self._pending[key]
        self.revision = change.rev
        self._wake_waiters()
        self.history.append(change)
        for observe in self._observers:
            observe(change)
        for subscriber in list(self._subscribers.get(key.resource, ())):
            subscriber.offer(change)
        change.frames.clear()
        if old is not None:
            old.forget()
        self._warm.append(change.record)
        if len(self._warm) > WARM_RECORDS:
            self._warm.popleft().forget()

    # Observation

    async def reached(self, revision: int, seconds: float) -> bool:
        """Waits until a revision is committed; False when that took too long."""
        if self.revision >= revision:
            return True
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (revision, waiter)
        self._waiters.append(entry)
        try:
            async with asyncio.timeout(seconds):
                await waiter
        except TimeoutError:
            return False
        finally:
            if entry in self._waiters:
                self._waiters.remove(entry)
        return True

    def _wake_waiters(self) -> None:
        for revision, waiter in list(self._waiters):
            if revision <= self.revision and not waiter.done():
                waiter.set_result(None)

    def observe(self, observer: Callable[[Change], None]) -> None:
        """Calls `observer` for every change of every kind, before subscribers and writers hear."""
        self._observers.append(observer)

    def subscribe(self, resource: GroupResource, subscriber: Subscriber) -> None:
        """From now on offers every change of a resource."""
        self._subscribers.setdefault(resource, {})[subscriber] = None

    def unsubscribe(self, resource: GroupResource, subscriber: Subscriber) -> None:
        """Stops offering; absent is fine."""
        found = self._subscribers.get(resource)
        if found is not None:
            found.pop(subscriber, None)
            if not found:
                del self._subscribers[resource]

    def end_watches(self, resource: GroupResource | None = None) -> None:
        """Ends every subscription of a resource, or of all."""
        chosen = list(self._subscribers) if resource is None else [resource]
        for each in chosen:
            for subscriber in self._subscribers.pop(each, {}):
                subscriber.end()

    # Upkeep

    async def compact(self, *, keep_seconds: float, keep_changes: int) -> int:
        """Forgets changes older than that; returns how many the journal forgot.

        What a full disk or another fault leaves undone is logged and left to the next call.
        """
        before = self._clock.now().timestamp() - keep_seconds
        self.history.expire(before)
        loop = asyncio.get_running_loop()
        total = 0
        while self.writable:
            forgotten = await loop.run_in_executor(
                self._writer, self._compact_slice, before, keep_changes
            )
            total += forgotten
            if forgotten < journal_module.COMPACT_SLICE:
                break
        if self._flight is None and self.writable:
            await loop.run_in_executor(self._writer, lambda: self._checkpoint(truncate=True))
        return total

    def _compact_slice(self, before: float, keep_changes: int) -> int:
        try:
            return self._journal.compact(before=before, keep=keep_changes)
        except sqlite3.Error as error:
            _log.warning("compaction postponed error=%s", error)
            self._note(error)
            return 0

    def _checkpoint(self, *, truncate: bool = False) -> None:
        try:
            self._journal.checkpoint(truncate=truncate)
        except sqlite3.Error as error:
            _log.warning("checkpoint postponed error=%s", error)
            self._note(error)

    async def close(self) -> None:
        """Waits for queued writes, ends all watches and closes the file; again does nothing."""
        if self._closed:
            return
        self._closed = True
        self.end_watches()
        if self._flight is not None:
            await asyncio.wait([self._flight])
        loop = asyncio.get_running_loop()
        if not self._failure:
            await loop.run_in_executor(self._writer, lambda: self._checkpoint(truncate=True))
        await loop.run_in_executor(self._writer, self._journal.close)
        self._writer.shutdown(wait=False)


def _record(row: Row) -> Record:
    return Record(StoreKey.parse(row.key), row.rev, row.create_rev, bytes(row.value))
