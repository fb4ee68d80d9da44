"""The audit log: append-only, each record bound to the one before by its hash."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import sqlalchemy as sa

from towline.aio.clock import Clock
from towline.store.database import Database
from towline.store.tables import audit
from towline.store.times import moment, stamp
from towline.store.values import AuditRecord

_FIELDS = ("actor", "source", "action", "object", "decision", "request_id")


class Audit:
    """Who did what, and whether it was allowed.

    Args:
        database: Where the rows are.
        clock: Their times.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def record(
        self,
        *,
        actor: str,
        action: str,
        object: str = "",  # noqa: A002  # the audit log's own word
        decision: str = "allowed",
        source: str = "",
        request_id: str = "",
    ) -> None:
        """Appends a record; it is durable when this returns."""
        row = {
            "at": stamp(self._clock.now()),
            "actor": actor,
            "source": source,
            "action": action,
            "object": object,
            "decision": decision,
            "request_id": request_id,
        }

        def work(connection: sa.Connection) -> None:
            last = sa.select(audit.c.hash).order_by(audit.c.seq.desc()).limit(1)
            previous = connection.execute(last).scalar() or ""
            digest = _hash(previous, row)
            connection.execute(sa.insert(audit).values(previous=previous, hash=digest, **row))

        await self._database.write(work)

    async def recent(self, limit: int = 100) -> list[AuditRecord]:
        """The latest records, newest first."""
        query = sa.select(audit).order_by(audit.c.seq.desc()).limit(limit)
        rows = await self._database.read(lambda c: c.execute(query).mappings().all())
        return [_record(row) for row in rows]

    async def verify(self) -> int | None:
        """Checks the chain; returns the first broken record's number, or None."""

        def work(connection: sa.Connection) -> int | None:
            previous = ""
            for row in connection.execute(sa.select(audit).order_by(audit.c.seq)).mappings():
                if row["previous"] != previous or row["hash"] != _hash(previous, dict(row)):
                    return int(row["seq"])
                previous = row["hash"]
            return None

        return await self._database.read(work)


def _hash(previous: str, row: dict[str, Any]) -> str:
    body = msgspec.json.encode([previous, row["at"], *(row[name] for name in _FIELDS)])
    return hashlib.sha256(body).hexdigest()


def _record(row: sa.RowMapping) -> AuditRecord:
    return AuditRecord(
        seq=row["seq"],
        at=moment(row["at"]),
        previous=row["previous"],
        hash=row["hash"],
        **{name: row[name] for name in _FIELDS},
    )
