"""Runs of pipelines: numbers, states, results."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import msgspec
import sqlalchemy as sa

from towline.aio.broadcast import Broadcast
from towline.aio.clock import Clock
from towline.errors import ConflictError, NotFoundError
from towline.store.database import Database
from towline.store.tables import counters, images, stages, steps
from towline.store.tables import manifest_commits as commits_table
from towline.store.tables import runs as table
from towline.store.times import moment, stamp
from towline.store.values import NewRun, Run

RunList = list[Run]
_parameters = msgspec.json.Decoder(dict[str, str])


class Runs:
    """The register of runs.

    Args:
        database: Where the rows are.
        changes: Told `("run", id)` after each change.
        clock: Times and ids of runs.
    """

    def __init__(
        self, database: Database, changes: Broadcast[tuple[str, str]], clock: Clock
    ) -> None:
        self._database = database
        self._changes = changes
        self._clock = clock
        self._ends: dict[str, asyncio.Event] = {}

    async def create(self, new: NewRun) -> Run:
        """Registers a queued run with the next number of its pipeline.

        Returns:
            The new run, or the one that has the same key already.
        """
        run_id, at = self._clock.uuid(), self._clock.now()
        run, fresh = await self._database.write(lambda c: _create(c, run_id, new, at))
        if fresh:
            self._changes.publish(("run", run.id))
        return run

    async def get(self, run_id: str) -> Run | None:
        """The run with that id."""
        return await self._one(table.c.id == run_id)

    async def by_number(self, pipeline: str, number: int) -> Run | None:
        """The run of that pipeline with that number."""
        return await self._one(table.c.pipeline == pipeline, table.c.number == number)

    async def by_key(self, key: str) -> Run | None:
        """The run with that key."""
        return await self._one(table.c["key"] == key)

    async def list(self, pipeline: str | None = None, limit: int = 50) -> RunList:
        """The latest runs, newest first."""
        query = sa.select(table).order_by(table.c.created_at.desc(), table.c.number.desc())
        if pipeline is not None:
            query = query.where(table.c.pipeline == pipeline)
        return await self._database.read(lambda c: _rows(c, query.limit(limit)))

    async def open_runs(self) -> RunList:
        """Runs that are queued or running, oldest first."""
        query = sa.select(table).where(table.c.state != "finished").order_by(table.c.created_at)
        return await self._database.read(lambda c: _rows(c, query))

    async def counts(self, pipeline: str) -> dict[str, int]:
        """Kept runs of a pipeline, counted by result, or by state until they have one."""
        kind = sa.case((table.c.state == "finished", table.c.result), else_=table.c.state)
        query = sa.select(kind, sa.func.count()).where(table.c.pipeline == pipeline).group_by(kind)
        found = await self._database.read(lambda c: c.execute(query).all())
        return {str(name): int(number) for name, number in found}

    async def last_finished(self, pipeline: str, before: int) -> Run | None:
        """The latest finished run of the pipeline with a lower number."""
        query = (
            sa.select(table)
            .where(table.c.pipeline == pipeline, table.c.number < before)
            .where(table.c.state == "finished")
            .order_by(table.c.number.desc())
        )
        found = await self._database.read(lambda c: _rows(c, query.limit(1)))
        return found[0] if found else None

    async def start(self, run_id: str) -> Run:
        """Marks a run as running; called again after a crash, it counts one more attempt.

        Raises:
            ConflictError: It is finished.
            NotFoundError: There is no such run.
        """
        run = await self._change(
            run_id,
            {"state": "running", "attempts": table.c.attempts + 1},
            started_at=stamp(self._clock.now()),
        )
        if run.state != "running":
            raise ConflictError(f"run {run.job} #{run.number} is finished")
        return run

    async def pin(self, run_id: str, ref: str, commit: str) -> Run:
        """Fixes the commit of a run that has none; a pinned one is left as it is."""

        def work(connection: sa.Connection) -> Run:
            connection.execute(
                sa.update(table)
                .where(table.c.id == run_id, table.c.commit == "")
                .values(ref=ref, commit=commit)
            )
            return _must(connection, run_id)

        run = await self._database.write(work)
        self._changes.publish(("run", run_id))
        return run

    async def finish(self, run_id: str, result: str, *, error: str = "") -> Run:
        """Ends a run; the first end counts."""
        run = await self._change(
            run_id,
            {"state": "finished", "result": result, "error": error[:4000]},
            finished_at=stamp(self._clock.now()),
        )
        if ended := self._ends.pop(run_id, None):
            ended.set()
        return run

    async def wait_finished(self, run_id: str) -> Run:
        """Waits until the run is finished, and returns it.

        Raises:
            NotFoundError: There is no such run.
        """
        while True:
            ended = self._ends.setdefault(run_id, asyncio.Event())
            run = await self.get(run_id)
            if run is None:
                raise NotFoundError(f"there is no run {run_id}")
            if run.state == "finished":
                self._ends.pop(run_id, None)
                return run
            await ended.wait()

    async def request_cancel(self, run_id: str) -> Run:
        """Asks for a run to be stopped; whoever runs it sees the change."""
        return await self._change(run_id, {"cancel": True})

    async def prune(self, pipeline: str, keep: int) -> tuple[str, ...]:
        """Forgets finished runs of a pipeline beyond the latest `keep`; returns their ids.

        Numbers are not given again.
        """

        def work(connection: sa.Connection) -> tuple[str, ...]:
            query = (
                sa.select(table.c.id)
                .where(table.c.pipeline == pipeline, table.c.state == "finished")
                .order_by(table.c.number.desc())
                .offset(keep)
                .limit(1000)
            )
            old = tuple(connection.execute(query).scalars())
            for of_run in (steps, stages, images, commits_table):
                connection.execute(sa.delete(of_run).where(of_run.c.run.in_(old)))
            connection.execute(sa.delete(table).where(table.c.id.in_(old)))
            return old

        return await self._database.write(work)

    async def origin_of_commit(self, commit: str) -> Run | None:
        """The first run of the chain that led to a pushed commit, or None.

        For a manifest commit this is the run of the application's own commit.
        """

        def work(connection: sa.Connection) -> Run | None:
            query = sa.select(commits_table.c.run).where(commits_table.c.commit == commit)
            run_id = connection.execute(query.limit(1)).scalar()
            run = _find(connection, run_id) if run_id else None
            for _ in range(32):  # a chain longer than this is a loop of somebody's making
                parent = _find(connection, run.parent_run) if run and run.parent_run else None
                if parent is None:
                    break
                run = parent
            return run

        return await self._database.read(work)

    async def _one(self, *conditions: sa.ColumnElement[bool]) -> Run | None:
        query = sa.select(table).where(*conditions).limit(1)
        found = await self._database.read(lambda c: _rows(c, query))
        return found[0] if found else None

    async def _change(self, run_id: str, values: dict[str, Any], **once: float) -> Run:
        def work(connection: sa.Connection) -> Run:
            present = _must(connection, run_id)
            if present.state == "finished":
                return present
            first = {name: at for name, at in once.items() if getattr(present, name) is None}
            connection.execute(
                sa.update(table).where(table.c.id == run_id).values(**values, **first)
            )
            return _must(connection, run_id)

        run = await self._database.write(work)
        self._changes.publish(("run", run_id))
        return run


def _create(
    connection: sa.Connection, run_id: str, new: NewRun, at: dt.datetime
) -> tuple[Run, bool]:
    if new.key:
        query = sa.select(table).where(table.c["key"] == new.key)
        present = _rows(connection, query)
        if present:
            return present[0], False
    connection.execute(
        sa.insert(table).values(
            id=run_id,
            pipeline=new.pipeline,
            job=new.job,
            number=_next_number(connection, new.pipeline),
            trigger=new.trigger,
            ref=new.ref,
            commit=new.commit,
            parameters=msgspec.json.encode(new.parameters).decode(),
            state="queued",
            result="",
            error="",
            key=new.key or None,
            parent_run=new.parent_run,
            parent_step=new.parent_step,
            delivery=new.delivery,
            cause=new.cause,
            attempts=0,
            cancel=False,
            created_at=stamp(at),
        )
    )
    return _must(connection, run_id), True


def _next_number(connection: sa.Connection, pipeline: str) -> int:
    query = sa.select(counters.c.last).where(counters.c.pipeline == pipeline)
    last = connection.execute(query).scalar()
    if last is None:
        connection.execute(sa.insert(counters).values(pipeline=pipeline, last=1))
        return 1
    connection.execute(
        sa.update(counters).where(counters.c.pipeline == pipeline).values(last=last + 1)
    )
    return int(last) + 1


def _find(connection: sa.Connection, run_id: str) -> Run | None:
    found = _rows(connection, sa.select(table).where(table.c.id == run_id))
    return found[0] if found else None


def _must(connection: sa.Connection, run_id: str) -> Run:
    run = _find(connection, run_id)
    if run is None:
        raise NotFoundError(f"there is no run {run_id}")
    return run


def _rows(connection: sa.Connection, query: sa.Select[Any]) -> RunList:
    return [_run(row) for row in connection.execute(query).mappings()]


def _run(row: sa.RowMapping) -> Run:
    return Run(
        id=row["id"],
        pipeline=row["pipeline"],
        job=row["job"],
        number=row["number"],
        trigger=row["trigger"],
        ref=row["ref"],
        commit=row["commit"],
        parameters=_parameters.decode(row["parameters"]),
        state=row["state"],
        result=row["result"],
        error=row["error"],
        key=row["key"] or "",
        parent_run=row["parent_run"],
        parent_step=row["parent_step"],
        delivery=row["delivery"],
        cause=row["cause"],
        attempts=row["attempts"],
        cancel=row["cancel"],
        created_at=moment(row["created_at"]),
        started_at=moment(row["started_at"]),
        finished_at=moment(row["finished_at"]),
    )
