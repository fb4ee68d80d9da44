"""A small registry client: does an image exist, which digest has it, which tags are there."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Self

import aiohttp
import msgspec

from towline.errors import DeniedError, NotFoundError, TransientError
from towline.oci.mirrors import Location
from towline.oci.references import parse_reference

ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)
_MOST_BODY = 4 << 20


class RegistryClient:
    """Asks registries. An async context manager.

    Credentials are never sent: it serves the embedded registry and probes of others.

    Args:
        timeout: Seconds that a whole request may take.
    """

    def __init__(self, *, timeout: float = 10.0) -> None:
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers={"User-Agent": "towline"}, trust_env=True, auto_decompress=True
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def verify(self, location: Location, *, timeout: float | None = None) -> str:
        """The digest of the manifest that the registry holds under the location.

        Raises:
            NotFoundError: It has no such image.
            DeniedError: It asks for credentials.
            TransientError: It does not answer.
        """
        host, repository, what = _parts(location)
        url = f"{_base(location, host)}/v2/{repository}/manifests/{what}"
        async with self._request("HEAD", url, timeout) as answer:
            _check(answer, location.location)
            return str(answer.headers.get("Docker-Content-Digest", ""))

    async def may_have(self, location: Location, timeout: float) -> bool:
        """Whether the registry answers and does not say that it lacks the image.

        Raises:
            TransientError: It does not answer in that many seconds.
        """
        try:
            await self.verify(location, timeout=timeout)
        except NotFoundError:
            return False
        except DeniedError:
            return True
        return True

    async def tags(self, location: Location) -> Sequence[str]:
        """Tags of the location's repository; empty when it does not exist.

        Raises:
            DeniedError: It asks for credentials.
            TransientError: It does not answer.
        """
        host, repository, _ = _parts(location)
        url = f"{_base(location, host)}/v2/{repository}/tags/list"
        async with self._request("GET", url, None) as answer:
            if answer.status == 404:
                return []
            _check(answer, location.location)
            body = await answer.content.read(_MOST_BODY)
        document: dict[str, Any] = msgspec.json.decode(body)
        return [str(tag) for tag in document.get("tags") or []]

    async def answers(self, base: str) -> bool:
        """Whether a registry answers at a base URL such as `http://127.0.0.1:5000`."""
        try:
            async with self._request("GET", f"{base}/v2/", 2.0) as answer:
                return answer.status in {200, 401}
        except TransientError:
            return False

    @contextlib.asynccontextmanager
    async def _request(
        self, method: str, url: str, timeout: float | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            raise RuntimeError("use the client as an async context manager")
        limits = aiohttp.ClientTimeout(total=timeout or self._timeout)
        host = url.partition("://")[2].partition("/")[0]
        try:
            async with self._session.request(
                method, url, headers={"Accept": ACCEPT}, timeout=limits, allow_redirects=False
            ) as answer:
                yield answer
        except TimeoutError as error:
            raise TransientError(f"{host} does not answer") from error
        except (aiohttp.ClientError, OSError) as error:
            raise TransientError(f"{host} cannot be reached: {type(error).__name__}") from error


def _parts(location: Location) -> tuple[str, str, str]:
    host, _, rest = location.location.partition("/")
    parsed = parse_reference(location.location if "/" in rest else f"{host}/{rest}")
    repository = parsed.repository
    return host, repository, parsed.digest or parsed.tag


def _base(location: Location, host: str) -> str:
    if host == "docker.io":
        return "https://registry-1.docker.io"
    return f"{'http' if location.insecure else 'https'}://{host}"


def _check(answer: aiohttp.ClientResponse, shown: str) -> None:
    if answer.status == 404:
        raise NotFoundError(f"{shown} is not in the registry")
    if answer.status in {401, 403}:
        raise DeniedError(f"{shown}: the registry asks for credentials")
    if answer.status != 200:
        raise TransientError(f"{shown}: the registry answered {answer.status}")
