"""Requests to addresses that a user named: one client that decides where it may connect.

The address that was checked is the address that is connected to: names are resolved once by a
resolver that leaves out what is not allowed, addresses written as such are checked before, and
every redirect is looked at again. Credentials go to the host they were given for only.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from typing import Any, Final, Self
from urllib.parse import urljoin, urlsplit

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult

from towline.errors import DeniedError, InputError, LimitError, NotFoundError, TransientError

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 5
_MOST_URL: Final = 8192
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class AddressPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Where requests may go.

    Attributes:
        everywhere: Whether there is no restriction: for commands that a person runs.
        hosts: Names that may resolve to anything.
        networks: Networks beside the public ones, such as `10.1.0.0/16`.
    """

    everywhere: bool = False
    hosts: frozenset[str] = frozenset()
    networks: tuple[str, ...] = ()

    def allows(self, host: str, address: str) -> bool:
        """Whether a host may be reached at an address."""
        if self.everywhere or host.lower() in self.hosts:
            return True
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return _is_public(parsed) or any(parsed in network for network in _networks(self.networks))


class Credentials(msgspec.Struct, frozen=True):
    """A user and a password, or a token as the password of an empty user."""

    username: str = ""
    password: str = ""

    @property
    def authorization(self) -> str:
        """The header of basic authentication."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"

    def __bool__(self) -> bool:
        return bool(self.username or self.password)

    def __repr__(self) -> str:
        return "Credentials(***)" if self else "Credentials()"


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """How servers are checked.

    Attributes:
        ca_file: Certificate authorities beside the system's.
        cert_file: Client certificate.
        key_file: Its key.
        verify: Whether certificates are checked.
    """

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    verify: bool = True


class Answer(msgspec.Struct, frozen=True):
    """What a server sent.

    Attributes:
        url: Where it came from, after redirects.
        status: HTTP status.
        headers: Its headers, names in lower case.
        body: Its body.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class OutboundClient:
    """Fetches what users name. An async context manager.

    Args:
        policy: Where it may connect.
        tls: How servers are checked.
        timeout: Seconds that one request may take, redirects included.
    """

    def __init__(
        self, policy: AddressPolicy, *, tls: Tls | None = None, timeout: float = 60.0
    ) -> None:
        self._policy = policy
        self._tls = tls or Tls()
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            resolver=_CheckedResolver(self._policy), ssl=_context(self._tls), use_dns_cache=False
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={"User-Agent": "towline"},
            # A proxy would resolve names by itself, past the policy.
            trust_env=self._policy.everywhere,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(
        self,
        url: str,
        *,
        most_bytes: int,
        headers: Mapping[str, str] | None = None,
        credentials: Credentials | None = None,
        credentials_everywhere: bool = False,
    ) -> Answer:
        """Fetches a URL; any status but a redirect is an answer.

        Args:
            url: `http` or `https`.
            most_bytes: Longest body.
            headers: Further headers; they are not sent to other hosts than the first.
            credentials: For basic authentication.
            credentials_everywhere: Whether other hosts get the credentials as well.

        Raises:
            InputError: The URL is none, or redirects do not end.
            DeniedError: The policy forbids the address.
            LimitError: The body is too long.
            TransientError: The server does not answer.
        """
        home = _origin(url)
        at = url
        try:
            async with asyncio.timeout(self._timeout):
                for _ in range(_MOST_REDIRECTS + 1):
                    same = _origin(at) == home
                    answer = await self._once(
                        at,
                        most_bytes,
                        dict(headers or {}) if same else {},
                        credentials if same or credentials_everywhere else None,
                    )
                    if answer.status not in _REDIRECTS:
                        return answer
                    at = urljoin(at, answer.headers.get("location", ""))
        except TimeoutError as error:
            raise TransientError(f"{_host(url)} does not answer in time") from error
        raise InputError(f"{_host(url)} redirects more than {_MOST_REDIRECTS} times")

    async def _once(
        self,
        url: str,
        most_bytes: int,
        headers: dict[str, str],
        credentials: Credentials | None,
    ) -> Answer:
        if self._session is None:
            raise RuntimeError("use the client as an async context manager")
        self._check(url)
        if credentials:
            headers.setdefault("Authorization", credentials.authorization)
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                body = await _body(response, most_bytes, _host(url))
                named = {name.lower(): value for name, value in response.headers.items()}
                return Answer(url, response.status, named, body)
        except _ForbiddenAddressError as error:
            raise DeniedError(str(error)) from error
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, _ForbiddenAddressError):
                raise DeniedError(str(error.os_error)) from error
            raise _unreachable(url, error) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _unreachable(url, error) from error

    def _check(self, url: str) -> None:
        """Refuses what never reaches the resolver: odd schemes, and addresses as host names."""
        parts = _split(url)
        if parts.username or parts.password:
            raise InputError(f"{_host(url)}: credentials do not belong into a URL")
        host = parts.hostname or ""
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return
        if not self._policy.allows(host, str(address)):
            raise DeniedError(
                f"{host} is not a public address", hint="an administrator can list it"
            )


class _ForbiddenAddressError(OSError):
    """All addresses of a name are forbidden."""


class _CheckedResolver(AbstractResolver):
    """Resolves names to the addresses that the policy allows."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
        )
        allowed: list[ResolveResult] = []
        for kind, _, protocol, _, address in found:
            if self._policy.allows(host, str(address[0])):
                allowed.append(
                    ResolveResult(
                        hostname=host,
                        host=str(address[0]),
                        port=port,
                        family=kind,
                        proto=protocol,
                        flags=socket.AI_NUMERICHOST,
                    )
                )
        if found and not allowed:
            raise _ForbiddenAddressError(f"{host} has no public address")
        return allowed

    async def close(self) -> None:
        """Nothing is kept."""


def expect(answer: Answer, what: str) -> bytes:
    """The body of an answer with status 200.

    Raises:
        NotFoundError: 404.
        DeniedError: 401 or 403.
        TransientError: Anything else.
    """
    if answer.status == 200:
        return answer.body
    if answer.status in {404, 410}:
        raise NotFoundError(f"{what} is not at {_host(answer.url)}")
    if answer.status in {401, 403}:
        raise DeniedError(f"{_host(answer.url)} does not give {what} without other credentials")
    raise TransientError(f"{_host(answer.url)} answered {answer.status} to {what}")


async def _body(response: aiohttp.ClientResponse, most: int, host: str) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > most:
            raise LimitError(f"{host} sends more than {most} bytes")
    return bytes(body)


def _split(url: str) -> Any:
    if len(url) > _MOST_URL:
        raise InputError("the URL is too long")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise InputError(f"{url[:200]!r} is not a URL") from error
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise InputError(f"{url[:200]!r} is not an http or https URL")
    return parts


def _origin(url: str) -> tuple[str, str, int]:
    parts = _split(url)
    return parts.scheme, parts.hostname.lower(), parts.port or _DEFAULT_PORTS[parts.scheme]


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _is_public(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address.teredo is not None:
            return False
        if inner is not None:
            return _is_public(inner)
        if address in _NAT64:
            return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global and not address.is_multicast


_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


def _networks(texts: tuple[str, ...]) -> list[_Network]:
    return [ipaddress.ip_network(text, strict=False) for text in texts]


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if tls.ca_file:
        context.load_verify_locations(tls.ca_file)
    if tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file or None)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _unreachable(url: str, error: Exception) -> TransientError:
    return TransientError(f"{_host(url)} cannot be reached: {type(error).__name__}")
