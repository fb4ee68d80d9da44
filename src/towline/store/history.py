"""What a run did: recorded effects, stages, images, manifest commits."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from towline.aio.broadcast import Broadcast
from towline.aio.clock import Clock
from towline.store.database import Database
from towline.store.tables import images, manifest_commits, stages, steps
from towline.store.times import moment, stamp
from towline.store.values import Image, ManifestCommit, Stage, Step


class Steps:
    """Effects that must not happen twice, by (run, step id).

    Args:
        database: Where the rows are.
        clock: Their times.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, run: str, step_id: str, kind: str, request: str) -> None:
        """Notes that the effect is about to happen; forgets an earlier record of the step."""
        row = {
            "kind": kind,
            "request": request,
            "result": None,
            "started_at": stamp(self._clock.now()),
            "finished_at": None,
        }
        statement = (
            insert(steps)
            .values(run=run, step_id=step_id, **row)
            .on_conflict_do_update(index_elements=["run", "step_id"], set_=row)
        )
        await self._database.write(lambda c: c.execute(statement).rowcount)

    async def finish(self, run: str, step_id: str, result: Any) -> None:
        """Records the result (a msgspec struct or JSON builtins)."""
        statement = (
            sa.update(steps)
            .where(steps.c.run == run, steps.c.step_id == step_id)
            .values(
                result=msgspec.json.encode(result).decode(),
                finished_at=stamp(self._clock.now()),
            )
        )
        await self._database.write(lambda c: c.execute(statement).rowcount)

    async def get(self, run: str, step_id: str) -> Step | None:
        """The record of that step."""
        query = sa.select(steps).where(steps.c.run == run, steps.c.step_id == step_id)
        found = await self._database.read(lambda c: c.execute(query).mappings().first())
        if found is None:
            return None
        result = found["result"]
        return Step(
            run=found["run"],
            step_id=found["step_id"],
            kind=found["kind"],
            request=found["request"],
            result=None if result is None else msgspec.json.decode(result),
            started_at=moment(found["started_at"]),
            finished_at=moment(found["finished_at"]),
        )


class Stages:
    """Stages of runs, for the page.

    Args:
        database: Where the rows are.
        changes: Told `("run", id)` after each change.
        clock: Their times.
    """

    def __init__(
        self, database: Database, changes: Broadcast[tuple[str, str]], clock: Clock
    ) -> None:
        self._database = database
        self._changes = changes
        self._clock = clock

    async def put(self, run: str, stage_id: str, name: str, status: str, message: str = "") -> None:
        """Notes a stage's new status; the first note is its start."""
        now = stamp(self._clock.now())
        change = {
            "name": name,
            "status": status,
            "message": message[:1000],
            "finished_at": None if status == "running" else now,
        }
        statement = (
            insert(stages)
            .values(run=run, stage_id=stage_id, started_at=now, **change)
            .on_conflict_do_update(index_elements=["run", "stage_id"], set_=change)
        )
        await self._database.write(lambda c: c.execute(statement).rowcount)
        self._changes.publish(("run", run))

    async def clear(self, run: str) -> None:
        """Forgets the stages of a run that starts again."""
        statement = sa.delete(stages).where(stages.c.run == run)
        await self._database.write(lambda c: c.execute(statement).rowcount)

    async def of(self, run: str) -> list[Stage]:
        """The run's stages in the order in which they began."""
        query = sa.select(stages).where(stages.c.run == run)
        query = query.order_by(stages.c.started_at, sa.literal_column("rowid"))
        found = await self._database.read(lambda c: c.execute(query).mappings().all())
        return [
            Stage(
                run=row["run"],
                stage_id=row["stage_id"],
                name=row["name"],
                status=row["status"],
                message=row["message"],
                started_at=moment(row["started_at"]),
                finished_at=moment(row["finished_at"]),
            )
            for row in found
        ]


class Images:
    """Images that runs pushed.

    Args:
        database: Where the rows are.
        clock: Their times.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, run: str, reference: str, stored: str, digest: str) -> None:
        """Records a push; pushing the same reference again in a run replaces the record."""
        row = {"stored": stored, "digest": digest, "pushed_at": stamp(self._clock.now())}
        statement = (
            insert(images)
            .values(run=run, reference=reference, **row)
            .on_conflict_do_update(index_elements=["run", "reference"], set_=row)
        )
        await self._database.write(lambda c: c.execute(statement).rowcount)

    async def of(self, run: str) -> list[Image]:
        """The run's images, oldest first."""
        return await self._find(images.c.run == run)

    async def by_digest(self, digest: str) -> list[Image]:
        """Every push of that manifest."""
        return await self._find(images.c.digest == digest)

    async def _find(self, condition: sa.ColumnElement[bool]) -> list[Image]:
        query = sa.select(images).where(condition).order_by(images.c.pushed_at)
        found = await self._database.read(lambda c: c.execute(query).mappings().all())
        return [
            Image(
                run=row["run"],
                reference=row["reference"],
                stored=row["stored"],
                digest=row["digest"],
                pushed_at=moment(row["pushed_at"]),
            )
            for row in found
        ]


class ManifestCommits:
    """Commits that runs pushed.

    Args:
        database: Where the rows are.
        clock: Their times.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, run: str, repository: str, ref: str, commit: str) -> bool:
        """Records a push; returns whether it was not recorded before."""
        statement = (
            insert(manifest_commits)
            .values(
                run=run,
                repository=repository,
                ref=ref,
                commit=commit,
                pushed_at=stamp(self._clock.now()),
            )
            .on_conflict_do_nothing()
        )
        return bool(await self._database.write(lambda c: c.execute(statement).rowcount))

    async def of(self, run: str) -> list[ManifestCommit]:
        """The run's commits, oldest first."""
        return await self._find(manifest_commits.c.run == run)

    async def by_commit(self, commit: str) -> list[ManifestCommit]:
        """Which runs pushed that commit."""
        return await self._find(manifest_commits.c.commit == commit)

    async def _find(self, condition: sa.ColumnElement[bool]) -> list[ManifestCommit]:
        query = sa.select(manifest_commits).where(condition)
        query = query.order_by(manifest_commits.c.pushed_at)
        found = await self._database.read(lambda c: c.execute(query).mappings().all())
        return [
            ManifestCommit(
                run=row["run"],
                repository=row["repository"],
                ref=row["ref"],
                commit=row["commit"],
                pushed_at=moment(row["pushed_at"]),
            )
            for row in found
        ]
