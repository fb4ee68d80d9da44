"""Webhooks that were accepted: durable before the answer, each acted upon once."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from towline.aio.broadcast import Broadcast
from towline.aio.clock import Clock
from towline.store.database import Database
from towline.store.tables import deliveries as table
from towline.store.times import moment, stamp
from towline.store.values import Delivery


class Deliveries:
    """The intake's journal.

    Args:
        database: Where the rows are.
        changes: Told `("delivery", row number)` after each change.
        clock: Times of processing.
    """

    def __init__(
        self, database: Database, changes: Broadcast[tuple[str, str]], clock: Clock
    ) -> None:
        self._database = database
        self._changes = changes
        self._clock = clock

    async def accept(  # noqa: PLR0917  # the intake's port, in the order of its facts
        self,
        provider: str,
        hook: str,
        delivery_id: str,
        body_sha256: str,
        event: msgspec.Struct,
        received_at: dt.datetime,
    ) -> bool:
        """Stores a delivery; it is on disk when this returns.

        Returns:
            Whether it is new; False for one that was stored before.
        """
        row = {
            "provider": provider,
            "hook": hook,
            "delivery_id": delivery_id,
            "body_sha256": body_sha256,
            "event": msgspec.json.encode(event),
            "received_at": stamp(received_at),
            "outcome": "",
        }

        def work(connection: sa.Connection) -> int:
            statement = insert(table).values(row).on_conflict_do_nothing().returning(table.c.id)
            return connection.execute(statement).scalar() or 0

        number = await self._database.write(work)
        if number:
            self._changes.publish(("delivery", str(number)))
        return bool(number)

    async def pending(self, limit: int = 1000) -> list[Delivery]:
        """What was accepted and not acted upon yet, oldest first."""
        query = sa.select(table).where(table.c.processed_at.is_(None)).order_by(table.c.id)
        return await self._database.read(lambda c: _rows(c, query.limit(limit)))

    async def finish(self, number: int, outcome: str) -> None:
        """Notes that it was acted upon, and what came of it."""
        statement = (
            sa.update(table)
            .where(table.c.id == number, table.c.processed_at.is_(None))
            .values(processed_at=stamp(self._clock.now()), outcome=outcome[:1000])
        )
        await self._database.write(lambda c: c.execute(statement).rowcount)
        self._changes.publish(("delivery", str(number)))

    async def get(self, number: int) -> Delivery | None:
        """The delivery with that row number."""
        query = sa.select(table).where(table.c.id == number)
        found = await self._database.read(lambda c: _rows(c, query))
        return found[0] if found else None

    async def recent(self, limit: int = 50) -> list[Delivery]:
        """The latest, newest first."""
        query = sa.select(table).order_by(table.c.id.desc()).limit(limit)
        return await self._database.read(lambda c: _rows(c, query))

    async def count(self) -> int:
        """How many were ever accepted and are still kept."""
        query = sa.select(sa.func.count()).select_from(table)
        return await self._database.read(lambda c: c.execute(query).scalar_one())


def _rows(connection: sa.Connection, query: sa.Select[Any]) -> list[Delivery]:
    return [_delivery(row) for row in connection.execute(query).mappings()]


def _delivery(row: sa.RowMapping) -> Delivery:
    return Delivery(
        id=row["id"],
        provider=row["provider"],
        hook=row["hook"],
        delivery_id=row["delivery_id"],
        body_sha256=row["body_sha256"],
        event=row["event"],
        received_at=moment(row["received_at"]),
        processed_at=moment(row["processed_at"]),
        outcome=row["outcome"],
    )
