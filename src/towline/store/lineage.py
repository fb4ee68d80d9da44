"""Times at which a change reached each stage on its way to the cluster."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from towline.aio.broadcast import Broadcast
from towline.store.database import Database
from towline.store.tables import marks
from towline.store.times import moment, stamp
from towline.store.values import LineageRow, Mark


class Lineage:
    """Marks by (subject, name); the first one counts, repeats change nothing.

    Args:
        database: Where the rows are.
        changes: Told `("lineage", subject)` after each new mark.
    """

    def __init__(self, database: Database, changes: Broadcast[tuple[str, str]]) -> None:
        self._database = database
        self._changes = changes

    async def mark(self, subject: str, name: str, at: dt.datetime, detail: str = "") -> bool:
        """Notes that the subject reached the point; returns whether it is news."""
        statement = (
            insert(marks)
            .values(subject=subject, name=name, at=stamp(at), detail=detail[:2000])
            .on_conflict_do_nothing()
        )
        news = bool(await self._database.write(lambda c: c.execute(statement).rowcount))
        if news:
            self._changes.publish(("lineage", subject))
        return news

    async def of(self, subject: str) -> LineageRow:
        """The marks of one subject; empty when it is unknown."""
        query = sa.select(marks).where(marks.c.subject == subject)
        found = await self._database.read(lambda c: c.execute(query).mappings().all())
        return LineageRow(subject=subject, marks={row["name"]: _mark(row) for row in found})

    async def table(self, limit: int = 50) -> list[LineageRow]:
        """The latest subjects, newest first by their first mark, each with all its marks."""

        def work(connection: sa.Connection) -> list[LineageRow]:
            first = sa.func.min(marks.c.at)
            latest = sa.select(marks.c.subject).group_by(marks.c.subject)
            subjects = list(
                connection.execute(latest.order_by(first.desc()).limit(limit)).scalars()
            )
            rows: dict[str, dict[str, Mark]] = {subject: {} for subject in subjects}
            query = sa.select(marks).where(marks.c.subject.in_(subjects)).order_by(marks.c.at)
            for row in connection.execute(query).mappings():
                rows[row["subject"]][row["name"]] = _mark(row)
            return [LineageRow(subject=name, marks=found) for name, found in rows.items()]

        return await self._database.read(work)


def _mark(row: sa.RowMapping) -> Mark:
    return Mark(
        subject=row["subject"], name=row["name"], at=moment(row["at"]), detail=row["detail"]
    )
