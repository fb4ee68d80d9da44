"""HTTP to an API server: one connection pool, credentials, bounds, errors as our own classes.

The only place of this package that knows the HTTP library. Redirects are never followed, so
credentials cannot leave the server that they are for.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode, urlsplit

import aiohttp
from yarl import URL

from towline.errors import LimitError, SettingsError, TransientError
from towline.kube.status import ApiError
from towline.kubeclient.kubeconfig import ClusterAccess

CONNECT_SECONDS = 10.0
REQUEST_SECONDS = 60.0
MAX_BODY = 256 * 1024 * 1024
TOKEN_FILE_SECONDS = 60.0


class Reply(NamedTuple):
    """A complete answer: HTTP status, headers with lower-case names, body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Transport:
    """Requests to one API server.

    Use it as an async context manager; it owns its connections.

    Args:
        access: Server and credentials.
        user_agent: Value of the User-Agent header.
    """

    def __init__(self, access: ClusterAccess, *, user_agent: str) -> None:
        self._access = access
        self._base = access.server.rstrip("/")
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None
        self._token = access.token
        self._token_read_at = float("-inf")

    @property
    def server(self) -> str:
        """URL of the API server."""
        return self._base

    async def __aenter__(self) -> Self:
        secure = self._base.startswith("https:")
        connector = aiohttp.TCPConnector(
            ssl=tls_context(self._access) if secure else False,
            limit=0,  # each watch holds a connection
            keepalive_timeout=75.0,
            socket_factory=_keepalive_socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS, sock_connect=CONNECT_SECONDS),
            headers={"User-Agent": self._user_agent},
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=256 * 1024,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Sends one request and reads the whole answer, whatever its status below 300 or 304.

        Raises:
            ApiError: The server refused.
            TransientError: No connection, time-out, 429 or 5xx.
            LimitError: The answer is larger than this client accepts.
        """
        try:
            async with self._open(
                method, path, query=query, body=body, headers=headers
            ) as response:
                content = await _read(response)
                reply = Reply(
                    response.status,
                    {name.lower(): value for name, value in response.headers.items()},
                    content,
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from error
        raise_for_status(reply)
        return reply

    @contextlib.asynccontextmanager
    async def stream(
        self,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        silence: float,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Opens a GET whose answer arrives piece by piece.

        Args:
            path: Absolute path on the server.
            query: Query parameters.
            headers: More headers.
            silence: Seconds without a byte after which the stream counts as dead.

        Raises:
            ApiError: The server refused.
            TransientError: As for `exchange`; also raised while the stream is read.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=silence)
        try:
            async with self._open(
                "GET", path, query=query, headers=headers, timeout=timeout
            ) as response:
                if response.status != 200:
                    raise_for_status(
                        Reply(response.status, dict(response.headers), await _read(response))
                    )
                yield self._chunks(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from error

    async def _chunks(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        try:
            while chunk := await response.content.readany():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from error

    @contextlib.asynccontextmanager
    async def _open(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        body: bytes = b"",
        timeout: aiohttp.ClientTimeout | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            raise SettingsError("the Kubernetes client is used outside its context")
        url = f"{self._base}{path}"
        if query:
            url = f"{url}?{urlencode(query)}"
        all_headers = dict(headers or {})
        token = self._bearer()
        if token:
            all_headers["Authorization"] = f"Bearer {token}"
        async with self._session.request(
            method,
            URL(url, encoded=True),
            data=body or None,
            headers=all_headers,
            allow_redirects=False,
            server_hostname=self._access.tls_server_name or None,
            timeout=timeout or self._session.timeout,
        ) as response:
            yield response

    def _bearer(self) -> str:
        path = self._access.token_file
        if not path:
            return self._token
        now = asyncio.get_running_loop().time()
        if now - self._token_read_at > TOKEN_FILE_SECONDS:
            try:
                self._token = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(f"cannot read the token file {path}: {error}") from error
            self._token_read_at = now
        return self._token

    def _unreachable(self, error: BaseException) -> TransientError:
        host = urlsplit(self._base).netloc
        why = str(error) or type(error).__name__
        return TransientError(f"no answer from the Kubernetes API at {host}: {why}")


def raise_for_status(reply: Reply) -> None:
    """Turns a refusal into an error; 2xx and 304 pass.

    Raises:
        ApiError: 3xx (except 304) and 4xx.
        TransientError: 429 and 5xx, with the wait that the server asked for.
    """
    if reply.status < 300 or reply.status == 304:
        return
    error = _status_error(reply)
    if reply.status == 429 or reply.status >= 500:
        retry_after = _retry_after(reply, error)
        raise TransientError(error.message, retry_after=retry_after) from error
    raise error


def _status_error(reply: Reply) -> ApiError:
    if reply.status < 400:
        return ApiError(
            f"the server answered with a redirect (HTTP {reply.status}), which is not followed",
            code=reply.status,
        )
    try:
        body = json.loads(reply.body)
    except ValueError:
        body = None
    if isinstance(body, dict) and body.get("kind") == "Status":
        return ApiError.from_status(body, reply.status)
    text = reply.body[:200].decode("utf-8", "replace").strip()
    return ApiError(text or f"HTTP {reply.status}", code=reply.status)


def _retry_after(reply: Reply, error: ApiError) -> float | None:
    headers = {name.lower(): value for name, value in reply.headers.items()}
    told = headers.get("retry-after") or error.details.get("retryAfterSeconds")
    try:
        return max(0.0, float(told)) if told is not None else None
    except (TypeError, ValueError):
        return None


async def _read(response: aiohttp.ClientResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    while chunk := await response.content.readany():
        size += len(chunk)
        if size > MAX_BODY:
            raise LimitError(f"an answer of the Kubernetes API is larger than {MAX_BODY} bytes")
        parts.append(chunk)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def tls_context(access: ClusterAccess) -> ssl.SSLContext:
    """The TLS settings that an access asks for.

    Raises:
        SettingsError: When certificates or key cannot be used.
    """
    try:
        context = ssl.create_default_context(
            cadata=access.ca_data.decode("ascii") if access.ca_data else None
        )
        if access.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if access.client_certificate_data:
            _load_client_certificate(context, access)
    except (ssl.SSLError, ValueError) as error:
        raise SettingsError(f"the cluster's certificates cannot be used: {error}") from error
    return context


def _load_client_certificate(context: ssl.SSLContext, access: ClusterAccess) -> None:
    # The ssl module reads certificates from files only: 0600, gone right afterwards.
    with tempfile.TemporaryDirectory(prefix="towline-") as folder:
        path = Path(folder) / "client.pem"
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(access.client_certificate_data + b"\n" + access.client_key_data)
        context.load_cert_chain(path)


def _keepalive_socket(
    address: tuple[int, int, int, str, tuple[Any, ...]],
) -> socket.socket:
    """A TCP socket that notices a vanished peer within about a minute, also under a watch."""
    family, kind, protocol, _, _ = address
    sock = socket.socket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return sock
