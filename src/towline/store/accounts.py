"""Who may log in: accounts, sessions and tokens, failed logins."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from towline.aio.clock import Clock
from towline.store.database import Database
from towline.store.tables import accounts, login_failures, sessions
from towline.store.times import moment, stamp
from towline.store.values import Account, Session


class Accounts:
    """Accounts and their sessions; every change that takes rights away ends the sessions.

    Args:
        database: Where the rows are.
        clock: Their times.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def put(self, name: str, password_hash: str, role: str) -> None:
        """Creates the account, or sets a new password and role and ends its sessions."""
        now = stamp(self._clock.now())
        change = {"password_hash": password_hash, "role": role, "disabled": False}
        statement = (
            insert(accounts)
            .values(name=name, created_at=now, **change)
            .on_conflict_do_update(index_elements=["name"], set_=change)
        )

        def work(connection: sa.Connection) -> None:
            connection.execute(statement)
            connection.execute(sa.delete(sessions).where(sessions.c.account == name))

        await self._database.write(work)

    async def rehash(self, name: str, password_hash: str) -> None:
        """Stores the same password under newer hash parameters; sessions stay."""
        statement = sa.update(accounts).where(accounts.c.name == name)
        statement = statement.values(password_hash=password_hash)
        await self._database.write(lambda c: c.execute(statement).rowcount)

    async def disable(self, name: str) -> None:
        """Locks the account and ends its sessions."""

        def work(connection: sa.Connection) -> None:
            connection.execute(
                sa.update(accounts).where(accounts.c.name == name).values(disabled=True)
            )
            connection.execute(sa.delete(sessions).where(sessions.c.account == name))

        await self._database.write(work)

    async def get(self, name: str) -> Account | None:
        """The account with that name."""
        query = sa.select(accounts).where(accounts.c.name == name)
        row = await self._database.read(lambda c: c.execute(query).mappings().first())
        if row is None:
            return None
        return Account(
            name=row["name"],
            password_hash=row["password_hash"],
            role=row["role"],
            disabled=bool(row["disabled"]),
            created_at=moment(row["created_at"]),
        )

    async def open_session(
        self, id_hash: str, account: str, *, kind: str, name: str, expires_at: dt.datetime
    ) -> None:
        """Stores a session (`kind` login) or an API token (`kind` token)."""
        now = stamp(self._clock.now())
        statement = sa.insert(sessions).values(
            id_hash=id_hash,
            account=account,
            kind=kind,
            name=name,
            created_at=now,
            seen_at=now,
            expires_at=stamp(expires_at),
        )
        await self._database.write(lambda c: c.execute(statement).rowcount)

    async def session(self, id_hash: str) -> Session | None:
        """The session, or None when it is unknown or expired."""
        query = sa.select(sessions).where(
            sessions.c.id_hash == id_hash, sessions.c.expires_at > stamp(self._clock.now())
        )
        row = await self._database.read(lambda c: c.execute(query).mappings().first())
        return None if row is None else _session(row)

    async def sessions(self, account: str) -> list[Session]:
        """The account's open sessions and tokens."""
        query = sa.select(sessions).where(sessions.c.account == account)
        rows = await self._database.read(lambda c: c.execute(query).mappings().all())
        return [_session(row) for row in rows]

    async def touch(self, id_hash: str) -> None:
        """Notes that the session was used now."""
        statement = sa.update(sessions).where(sessions.c.id_hash == id_hash)
        statement = statement.values(seen_at=stamp(self._clock.now()))
        await self._database.write(lambda c: c.execute(statement).rowcount)

    async def close_session(self, id_hash: str) -> None:
        """Ends one session; unknown is no error."""
        statement = sa.delete(sessions).where(sessions.c.id_hash == id_hash)
        await self._database.write(lambda c: c.execute(statement).rowcount)

    async def purge(self, idle: dt.timedelta) -> int:
        """Removes expired sessions and logins idle for longer than `idle`."""
        now = self._clock.now()
        statement = sa.delete(sessions).where(
            sa.or_(
                sessions.c.expires_at <= stamp(now),
                sa.and_(sessions.c.kind == "login", sessions.c.seen_at <= stamp(now - idle)),
            )
        )
        return await self._database.write(lambda c: c.execute(statement).rowcount)


class LoginFailures:
    """Failed logins by subject (`account:NAME`, `source:ADDRESS`), durable.

    Args:
        database: Where the rows are.
        clock: Their times.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, subject: str, *, keep: dt.timedelta) -> int:
        """Notes a failure and returns how many there were within `keep`."""
        now = self._clock.now()

        def work(connection: sa.Connection) -> int:
            old = sa.delete(login_failures).where(login_failures.c.at <= stamp(now - keep))
            connection.execute(old)
            connection.execute(sa.insert(login_failures).values(subject=subject, at=stamp(now)))
            return _count(connection, subject, now - keep)

        return await self._database.write(work)

    async def count(self, subject: str, *, keep: dt.timedelta) -> int:
        """How many failures there were within `keep`."""
        since = self._clock.now() - keep
        return await self._database.read(lambda c: _count(c, subject, since))

    async def clear(self, subject: str) -> None:
        """Forgets the subject's failures, after a good login."""
        statement = sa.delete(login_failures).where(login_failures.c.subject == subject)
        await self._database.write(lambda c: c.execute(statement).rowcount)


def _count(connection: sa.Connection, subject: str, since: dt.datetime) -> int:
    query: sa.Select[Any] = (
        sa.select(sa.func.count())
        .select_from(login_failures)
        .where(login_failures.c.subject == subject, login_failures.c.at > stamp(since))
    )
    return int(connection.execute(query).scalar_one())


def _session(row: sa.RowMapping) -> Session:
    return Session(
        id_hash=row["id_hash"],
        account=row["account"],
        kind=row["kind"],
        name=row["name"],
        created_at=moment(row["created_at"]),
        seen_at=moment(row["seen_at"]),
        expires_at=moment(row["expires_at"]),
    )
