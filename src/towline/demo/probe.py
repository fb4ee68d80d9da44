"""A client that asks a page twenty times a second and counts what failed."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit


class Probe:
    """Requests at a steady rate, each on a connection of its own.

    Attributes:
        requests: How many were sent.
        failures: What went wrong, one text for each failed request.
        first_seen: Wall time (seconds since 1970) at which each body was first received.
    """

    def __init__(self, url: str, *, rate: float = 20.0, timeout: float = 10.0) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or 80
        self._path = parts.path or "/"
        self._interval = 1.0 / rate
        self._timeout = timeout
        self.requests = 0
        self.failures: list[str] = []
        self.first_seen: dict[str, float] = {}

    async def run(self) -> None:
        """Asks until cancelled; a slow answer does not slow the rate."""
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(self._ask())
                await asyncio.sleep(self._interval)

    async def _ask(self) -> None:
        self.requests += 1
        try:
            async with asyncio.timeout(self._timeout):
                status, body = await get(self._host, self._port, self._path)
        except (OSError, TimeoutError, ValueError) as error:
            self.failures.append(f"{type(error).__name__}: {error}")
            return
        if status == 200:
            self.first_seen.setdefault(body, time.time())
        else:
            self.failures.append(f"HTTP {status}")


async def get(host: str, port: int, path: str) -> tuple[int, str]:
    """One plain HTTP GET.

    Returns:
        Status and body.

    Raises:
        OSError: When the connection fails.
        ValueError: When the answer is not HTTP or is cut.
    """
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        await writer.drain()
        answer = await reader.read()
    finally:
        writer.close()
    head, separator, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if not separator or len(words) < 2 or not words[1].isdigit():
        raise ValueError(f"no HTTP answer ({len(answer)} bytes)")
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and len(body) != int(value):
            raise ValueError(f"answer cut after {len(body)} of {int(value)} bytes")
    return int(words[1]), body.decode(errors="replace")
