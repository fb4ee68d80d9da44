"""A plain HTTP client: what it sends is exactly what a scenario says, what comes back is kept."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

_TIMEOUT = 20.0


class Reply(NamedTuple):
    """A whole answer: `body` is decoded JSON when it is JSON, else text."""

    status: int
    headers: dict[str, str]
    body: Any


class Client:
    """Speaks to one server as its administrator.

    Args:
        url: `https://HOST:PORT` or `http://HOST:PORT`.
        token: Bearer token.

    Attributes:
        url: Where it is.
        token: How it is let in.
    """

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token
        self._connection: http.client.HTTPConnection | None = None

    def request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Reply:
        """Sends one request and reads the whole answer.

        Raises:
            OSError: The server does not answer.
        """
        for fresh in (False, True):
            connection = self._connect(fresh=fresh)
            try:
                connection.request(method, path, body or None, self._headers(headers))
                response = connection.getresponse()
                raw = response.read()
            except (http.client.HTTPException, ConnectionError):
                # A kept connection may have been closed by the server: a new one is tried once.
                if fresh:
                    raise
                continue
            return Reply(response.status, _joined(response.getheaders()), _decoded(raw))
        raise ConnectionError(self.url)

    def events(self, path: str) -> Iterator[dict[str, Any]]:
        """The events of a watch, until the server ends it or the consumer has enough."""
        connection = self._open()
        try:
            connection.request("GET", path, headers=self._headers(None))
            response = connection.getresponse()
            if response.status != 200:
                raise AssertionError(f"{path}: {response.status} {response.read()!r}")
            while line := response.readline():
                yield json.loads(line)
        finally:
            connection.close()

    def close(self) -> None:
        """Closes the kept connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _headers(self, more: dict[str, str] | None) -> dict[str, str]:
        given = {
            "Authorization": f"Bearer {self.token}",
            "User-Agent": "conformance/1",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            **(more or {}),
        }
        return {name: value for name, value in given.items() if value}

    def _connect(self, *, fresh: bool) -> http.client.HTTPConnection:
        if fresh:
            self.close()
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _open(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
        # The certificate was made by the server a moment ago, on this machine's loopback.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT, context=context)


def _joined(headers: list[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode("utf-8", "replace")
