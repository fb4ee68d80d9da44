"""Client of podman's REST interface on a unix socket: containers and images, nothing else."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import aiohttp
import msgspec

from towline.drydock.node.images import Credentials, ImageInfo
from towline.errors import TowlineError, TransientError

_BASE = "http://podman/v4.0.0/libpod"
_CALL = 60.0
_PULL = 1800.0
_LINE = 2**20
_REPLY = 2**16


class PodmanError(TowlineError):
    """Podman said no.

    Attributes:
        code: HTTP status of its answer.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code

    @property
    def missing(self) -> bool:
        """Whether the container or image does not exist (any more)."""
        return self.code == 404 or "no such container" in self.message


class Podman:
    """Podman's service, as an asynchronous context manager.

    Args:
        socket: The unix socket on which it listens.
    """

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(path=str(self._socket), limit=64),
            timeout=aiohttp.ClientTimeout(total=_CALL),
            read_bufsize=_LINE,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ping(self) -> None:
        """Asks for a sign of life.

        Raises:
            TransientError: When nobody answers.
        """
        await self._call("GET", "/_ping")

    async def containers(self) -> list[dict[str, Any]]:
        """All containers, in podman's short form."""
        return list(await self._call("GET", "/containers/json", all="true"))

    async def inspect(self, container: str) -> dict[str, Any]:
        """A container in podman's long form.

        Raises:
            PodmanError: With code 404 when it is not there.
        """
        return dict(await self._call("GET", f"/containers/{_part(container)}/json"))

    async def create(self, spec: dict[str, Any]) -> str:
        """Makes a container and returns its identifier."""
        answer = await self._call("POST", "/containers/create", body=spec)
        return str(answer["Id"])

    async def start(self, container: str) -> None:
        """Starts a container that was made."""
        await self._call("POST", f"/containers/{_part(container)}/start")

    async def kill(self, container: str, signal: str) -> None:
        """Sends a signal; a container that does not run is no error."""
        try:
            await self._call("POST", f"/containers/{_part(container)}/kill", signal=signal)
        except PodmanError as error:
            if not error.missing and error.code != 409 and "not running" not in error.message:
                raise

    async def remove(self, container: str) -> None:
        """Deletes a container and its anonymous volumes, by force; absent is no error."""
        try:
            await self._call(
                "DELETE", f"/containers/{_part(container)}", force="true", v="true", timeout="0"
            )
        except PodmanError as error:
            if not error.missing:
                raise

    async def image(self, reference: str) -> ImageInfo | None:
        """An image in the storage, or None."""
        try:
            body = await self._call("GET", f"/images/{_part(reference)}/json")
        except PodmanError as error:
            if error.missing:
                return None
            raise
        return _image_info(dict(body))

    async def pull(self, reference: str, credentials: Credentials | None) -> None:
        """Fetches an image from its registry or a mirror of it.

        Raises:
            PodmanError: With what the registry said.
        """
        headers = {}
        if credentials is not None:
            body = {"username": credentials.username, "password": credentials.password}
            headers["X-Registry-Auth"] = base64.urlsafe_b64encode(
                msgspec.json.encode(body)
            ).decode()
        params = {"reference": reference, "policy": "always", "quiet": "true"}
        async for line in self._lines("POST", "/images/pull", params, headers, total=_PULL):
            if line.get("error"):
                raise PodmanError(str(line["error"]), 500)

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Container events from now on, until podman ends."""
        params = {"stream": "true", "filters": '{"type":["container"]}'}
        async for line in self._lines("GET", "/events", params, {}, total=None):
            yield line

    async def _lines(
        self,
        method: str,
        path: str,
        params: dict[str, str],
        headers: dict[str, str],
        *,
        total: float | None,
    ) -> AsyncIterator[dict[str, Any]]:
        timeout = aiohttp.ClientTimeout(total=total)
        try:
            async with self._open().request(
                method,
                _BASE + path,
                params=params,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as answer:
                if answer.status >= 300:
                    raise _error(await answer.content.read(_REPLY), answer.status)
                async for line in answer.content:
                    if line.strip():
                        yield msgspec.json.decode(line)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise TransientError(
                f"podman does not answer: {type(error).__name__} {error}"
            ) from error

    async def _call(
        self, method: str, path: str, *, body: dict[str, Any] | None = None, **params: str
    ) -> Any:
        data = msgspec.json.encode(body) if body is not None else None
        headers = {"Content-Type": "application/json"} if data is not None else {}
        try:
            async with self._open().request(
                method,
                _BASE + path,
                params=params,
                data=data,
                headers=headers,
                allow_redirects=False,
            ) as answer:
                content = await answer.content.read(-1)
                status = answer.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TransientError(
                f"podman does not answer: {type(error).__name__} {error}"
            ) from error
        if status >= 300 and status != 304:
            raise _error(content, status)
        if status in {204, 304} or not content or content == b"OK":
            return None
        return msgspec.json.decode(content)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise TransientError("podman is not running")
        return self._session


def _part(text: str) -> str:
    return quote(text, safe="")


def _error(content: bytes, status: int) -> PodmanError:
    try:
        body = msgspec.json.decode(content)
        message = str(body.get("message") or body.get("cause") or "")
    except (msgspec.DecodeError, AttributeError):
        message = content[:500].decode(errors="replace")
    return PodmanError(message or f"podman answered {status}", status)


def _image_info(body: dict[str, Any]) -> ImageInfo:
    config = body.get("Config") or {}
    return ImageInfo(
        id=str(body["Id"]),
        digests=tuple(str(digest) for digest in body.get("RepoDigests") or ()),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
        user=str(config.get("User") or body.get("User") or ""),
        working_dir=str(config.get("WorkingDir") or ""),
        stop_signal=str(config.get("StopSignal") or ""),
        size=int(body.get("Size") or 0),
    )
