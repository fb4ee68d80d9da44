"""One SQLite file, one writer thread, group commit.

Writes that arrive while a commit is under way share the next one. A write's result is handed out
after its commit, so what a caller was told is on disk (WAL, synchronous=FULL).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from towline.errors import TransientError

T = TypeVar("T")

_MOST_PER_COMMIT = 64


class _Job(Generic[T]):
    __slots__ = ("future", "work")

    def __init__(
        self, work: Callable[[sa.Connection], T], future: concurrent.futures.Future[T]
    ) -> None:
        self.work = work
        self.future = future


class Database:
    """Asynchronous access to one database file.

    Args:
        path: The file; it is created when missing.
    """

    def __init__(self, path: Path) -> None:
        self._engine = open_engine(path)
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_loop, name="store-writer", daemon=True)
        self._readers = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="store-reader")
        self._reading: sa.Connection | None = None
        self._closed = False

    @property
    def engine(self) -> sa.Engine:
        """For migrations, before `start`."""
        return self._engine

    def start(self) -> None:
        """Starts the writer."""
        self._writer.start()

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Runs `work` in the writer thread and returns its value once it is durable.

        Work that raises leaves no trace; other work of the same commit is not affected.

        Raises:
            TransientError: The database could not be written.
        """
        if self._closed:
            raise TransientError("the store is closed")
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._jobs.put(_Job(work, future))
        # The write happens even if the caller goes away: its outcome is then simply not read.
        return await asyncio.shield(asyncio.wrap_future(future))

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Runs `work` on the read connection and returns its value."""
        if self._closed:
            raise TransientError("the store is closed")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read, work)

    async def close(self) -> None:
        """Finishes what was queued and closes the file."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.get_running_loop().run_in_executor(self._readers, self._close_reader)
        self._readers.shutdown()
        self._engine.dispose()

    def _read(self, work: Callable[[sa.Connection], T]) -> T:
        if self._reading is None:
            self._reading = self._engine.connect().execution_options(towline_begin="BEGIN")
        with self._reading.begin():
            return work(self._reading)

    def _close_reader(self) -> None:
        if self._reading is not None:
            self._reading.close()
            self._reading = None

    def _write_loop(self) -> None:
        connection: sa.Connection | None = None
        while True:
            batch, last = self._next_batch()
            if batch:
                if connection is None:
                    connection = self._engine.connect()
                if not _commit(connection, batch):
                    connection.close()  # after a failed commit nothing of it may be trusted
                    connection = None
            if last:
                break
        if connection is not None:
            connection.close()

    def _next_batch(self) -> tuple[list[_Job[Any]], bool]:
        batch: list[_Job[Any]] = []
        job = self._jobs.get()
        while job is not None:
            batch.append(job)
            if len(batch) == _MOST_PER_COMMIT or self._jobs.empty():
                return batch, False
            job = self._jobs.get()
        return batch, True


def _commit(connection: sa.Connection, batch: list[_Job[Any]]) -> bool:
    outcomes: list[tuple[_Job[Any], Any, BaseException | None]] = []
    try:
        with connection.begin():
            for job in batch:
                try:
                    with connection.begin_nested():
                        outcomes.append((job, job.work(connection), None))
                except sa.exc.OperationalError:
                    raise  # the file itself fails: nothing of this commit is safe
                except Exception as error:  # noqa: BLE001  # one job's fault stays its own
                    outcomes.append((job, None, error))
    except Exception as error:  # noqa: BLE001  # the supervised unit of the writer thread
        failure = TransientError(f"the store cannot be written: {error}")
        failure.__cause__ = error
        for job in batch:
            job.future.set_exception(failure)
        return False
    for job, value, problem in outcomes:
        if problem is None:
            job.future.set_result(value)
        else:
            job.future.set_exception(problem)
    return True


def open_engine(path: Path | str) -> sa.Engine:
    """An engine on a database file, with durable settings."""
    engine = sa.create_engine(
        f"sqlite:///{path}", poolclass=NullPool, connect_args={"check_same_thread": False}
    )

    @sa.event.listens_for(engine, "connect")
    def _configure(raw: Any, _record: Any) -> None:
        raw.isolation_level = None  # the driver's own transaction handling breaks savepoints
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
            raw.execute(f"PRAGMA {pragma}").close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        begin = connection.get_execution_options().get("towline_begin", "BEGIN IMMEDIATE")
        connection.exec_driver_sql(begin)

    return engine
