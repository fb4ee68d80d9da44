"""The few calls of Towline's HTTP API that the demonstration needs."""

from __future__ import annotations

from typing import Any, Self

import aiohttp

from towline.errors import TowlineError


class TowlineApi:
    """A logged-in client. Use as an async context manager."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self._url = url.rstrip("/")
        self._credentials = {"username": username, "password": password}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        session = aiohttp.ClientSession()
        async with session.post(f"{self._url}/session", json=self._credentials) as answer:
            if answer.status != 200:
                await session.close()
                raise TowlineError(f"log-in failed: HTTP {answer.status}")
            token = (await answer.json())["token"]
        session.headers["Authorization"] = f"Bearer {token}"
        self._session = session
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def delivery(self, commit: str) -> dict[str, Any] | None:
        """Where a commit is: its stages, run, image and manifest commit; None while unknown."""
        if self._session is None:
            raise TowlineError("the API client is not open")
        async with self._session.get(f"{self._url}/deliveries/{commit}") as answer:
            if answer.status == 404:
                return None
            if answer.status != 200:
                raise TowlineError(f"GET deliveries/{commit[:8]}: HTTP {answer.status}")
            found: dict[str, Any] = await answer.json()
            return found

    async def log(self, run_id: str) -> str:
        """The log of a run, up to its first 256 KiB."""
        if self._session is None:
            raise TowlineError("the API client is not open")
        async with self._session.get(f"{self._url}/runs/{run_id}/log") as answer:
            return await answer.text(errors="replace") if answer.status == 200 else ""
