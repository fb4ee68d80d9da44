"""Small durable facts by key, such as how far a poll got."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from towline.store.database import Database
from towline.store.tables import kv


class KeyValues:
    """Bytes by key.

    Args:
        database: Where the rows are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, key: str) -> bytes | None:
        """The value, or None."""
        query = sa.select(kv.c.value).where(kv.c["key"] == key)
        return await self._database.read(lambda c: c.execute(query).scalar())

    async def put(self, key: str, value: bytes) -> None:
        """Stores or replaces the value."""
        statement = (
            insert(kv)
            .values(key=key, value=value)
            .on_conflict_do_update(index_elements=["key"], set_={"value": value})
        )
        await self._database.write(lambda c: c.execute(statement).rowcount)

    async def remove(self, key: str) -> None:
        """Forgets the key; absent is no error."""
        statement = sa.delete(kv).where(kv.c["key"] == key)
        await self._database.write(lambda c: c.execute(statement).rowcount)
