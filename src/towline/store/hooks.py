"""Webhook secrets (sealed) and the local forge's outbox of refs."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from towline.aio.clock import Clock
from towline.store.database import Database
from towline.store.sealed import Sealer
from towline.store.tables import forge_heads, hooks
from towline.store.times import stamp
from towline.store.values import HookSecret


class Hooks:
    """One secret per (provider, repository).

    Args:
        database: Where the rows are.
        sealer: Encrypts what is stored.
        clock: Times and ids.
    """

    def __init__(self, database: Database, sealer: Sealer, clock: Clock) -> None:
        self._database = database
        self._sealer = sealer
        self._clock = clock

    async def put(
        self, full_name: str, url: str, secret: bytes, *, provider: str = "github"
    ) -> str:
        """Stores or replaces the repository's secret; returns the hook's id."""
        fresh_id, now = self._clock.uuid(), stamp(self._clock.now())

        def work(connection: sa.Connection) -> str:
            query = sa.select(hooks.c.id).where(
                hooks.c.provider == provider, hooks.c.full_name == full_name
            )
            hook_id = connection.execute(query).scalar()
            if hook_id is not None:
                sealed = self._sealer.seal(secret, purpose=f"hook:{hook_id}")
                change = sa.update(hooks).where(hooks.c.id == hook_id)
                connection.execute(change.values(url=url, sealed=sealed))
                return str(hook_id)
            sealed = self._sealer.seal(secret, purpose=f"hook:{fresh_id}")
            connection.execute(
                sa.insert(hooks).values(
                    id=fresh_id,
                    provider=provider,
                    full_name=full_name,
                    url=url,
                    sealed=sealed,
                    created_at=now,
                )
            )
            return fresh_id

        return await self._database.write(work)

    async def secrets(self, provider: str | None = None) -> list[HookSecret]:
        """The secrets, opened; all providers when none is named."""
        query = sa.select(hooks).order_by(hooks.c.full_name)
        if provider is not None:
            query = query.where(hooks.c.provider == provider)
        found = await self._database.read(lambda c: c.execute(query).mappings().all())
        return [
            HookSecret(
                hook_id=row["id"],
                provider=row["provider"],
                full_name=row["full_name"],
                url=row["url"],
                secret=self._sealer.open(row["sealed"], purpose=f"hook:{row['id']}"),
            )
            for row in found
        ]

    async def remove(self, full_name: str, *, provider: str = "github") -> None:
        """Forgets the repository's secret; absent is no error."""
        statement = sa.delete(hooks).where(
            hooks.c.provider == provider, hooks.c.full_name == full_name
        )
        await self._database.write(lambda c: c.execute(statement).rowcount)


class ForgeHeads:
    """Which head of each ref the local forge has told about.

    Args:
        database: Where the rows are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def heads(self, repository: str) -> dict[str, str]:
        """Ref -> commit id that was delivered last."""
        query = sa.select(forge_heads.c.ref, forge_heads.c.sha)
        query = query.where(forge_heads.c.repository == repository)
        found = await self._database.read(lambda c: c.execute(query).all())
        return {row[0]: row[1] for row in found}

    async def delivered(self, repository: str, ref: str, sha: str) -> None:
        """Notes a delivery; an all-zero or empty id means that the ref is gone."""
        if set(sha) <= {"0"}:
            gone = sa.delete(forge_heads).where(
                forge_heads.c.repository == repository, forge_heads.c.ref == ref
            )
            await self._database.write(lambda c: c.execute(gone).rowcount)
            return
        statement = (
            insert(forge_heads)
            .values(repository=repository, ref=ref, sha=sha)
            .on_conflict_do_update(index_elements=["repository", "ref"], set_={"sha": sha})
        )
        await self._database.write(lambda c: c.execute(statement).rowcount)
