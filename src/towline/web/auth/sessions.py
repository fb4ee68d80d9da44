"""Log-in, sessions and API tokens: opaque random values, stored only as digests."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets

from towline.aio.clock import Clock
from towline.errors import DeniedError, TransientError
from towline.store import Account
from towline.store.accounts import Accounts, LoginFailures
from towline.web.auth.passwords import Passwords

ABSOLUTE = dt.timedelta(hours=24)
IDLE = dt.timedelta(hours=2)
TOKEN_LIFE = dt.timedelta(days=90)
MAX_FAILURES = 5
WINDOW = dt.timedelta(seconds=300)
_TOUCH_EVERY = dt.timedelta(minutes=1)
_WRONG = "wrong user name or password"


class Sessions:
    """Who is it, and may they try."""

    def __init__(
        self, accounts: Accounts, failures: LoginFailures, passwords: Passwords, clock: Clock
    ) -> None:
        self._accounts = accounts
        self._failures = failures
        self._passwords = passwords
        self._clock = clock

    async def log_in(self, name: str, password: str, source: str) -> str:
        """Opens a session.

        Args:
            name: Account name as given.
            password: Password as given.
            source: Address of the client, for the limit.

        Returns:
            The secret that the client presents from now on.

        Raises:
            DeniedError: Wrong name or password; the answer does not say which.
            TransientError: Too many failures; try again later.
        """
        subjects = [f"source:{source}"]
        account = await self._accounts.get(name)
        if account is not None:
            # Only real accounts are counted by name: a flood of names can't push one out.
            subjects.append(f"account:{account.name}")
        for subject in subjects:
            if await self._failures.count(subject, keep=WINDOW) >= MAX_FAILURES:
                raise TransientError("too many failed log-ins", retry_after=WINDOW.total_seconds())
        usable = account is not None and not account.disabled
        encoded = account.password_hash if account is not None and usable else None
        if not await self._passwords.verify(encoded, password) or account is None:
            for subject in subjects:
                await self._failures.add(subject, keep=WINDOW)
            raise DeniedError(_WRONG)
        return await self._open(account.name, "login", "", ABSOLUTE)

    async def issue_token(self, account: str, name: str) -> str:
        """Makes an API token; it is shown once and kept as a digest."""
        return await self._open(account, "token", name, TOKEN_LIFE)

    async def identify(self, secret: str) -> Account | None:
        """The account behind a session or token; None when it is unknown, expired or idle."""
        if not 20 <= len(secret) <= 200:
            return None
        digest = _digest(secret)
        session = await self._accounts.session(digest)
        now = self._clock.now()
        if session is None or session.expires_at <= now:
            return None
        if session.kind == "login" and session.seen_at + IDLE <= now:
            return None
        account = await self._accounts.get(session.account)
        if account is None or account.disabled:
            return None
        if now - session.seen_at > _TOUCH_EVERY:
            await self._accounts.touch(digest)
        return account

    async def log_out(self, secret: str) -> None:
        """Ends the session at once."""
        await self._accounts.close_session(_digest(secret))

    async def _open(self, account: str, kind: str, name: str, life: dt.timedelta) -> str:
        secret = secrets.token_urlsafe(32)
        await self._accounts.open_session(
            _digest(secret),
            account,
            kind=kind,
            name=name,
            expires_at=self._clock.now() + life,
        )
        return secret


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
