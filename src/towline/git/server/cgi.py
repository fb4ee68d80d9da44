"""Runs `git http-backend` for one request, streaming both ways."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from towline.aio.pipes import hand_over
from towline.git.command import Git, GitLimits, drain, spawn
from towline.git.failures import redact

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_log = logging.getLogger("towline.forge")

_CHUNK = 64 * 1024
_MAX_HEADER = 16 * 1024
_SHOWN_HEADERS = {b"content-type", b"cache-control", b"expires", b"pragma"}


class BackendCall:
    """One request that git answers.

    Args:
        git: Gives the hardened environment.
        variables: The CGI variables.
        config: Git configuration of the call.
        limits: Bounds of the child.
        body_limit: Bytes of the request's body, at most.
        finish_alone: Go on when the client leaves after its body has arrived.
    """

    def __init__(
        self,
        git: Git,
        *,
        variables: Mapping[str, str],
        config: Mapping[str, str],
        limits: GitLimits,
        body_limit: int,
        finish_alone: bool,
    ) -> None:
        self._git = git
        self._variables = variables
        self._config = config
        self._limits = limits
        self._body_limit = body_limit
        self._finish_alone = finish_alone
        self._too_large = False
        self._gone = False

    async def run(self, receive: Receive, send: Send, *, timeout: float) -> int:
        """Serves the request.

        Args:
            receive: The ASGI channel of the request's body.
            send: The ASGI channel of the response.
            timeout: Seconds that the whole exchange may take.

        Returns:
            The HTTP status that was answered, 0 when the client left before.
        """
        environment = self._git.environment(config=self._config, extra=self._variables)
        argv = ["git", "http-backend"]
        async with spawn(argv, env=environment, cwd="/", limits=self._limits) as child:
            async with asyncio.TaskGroup() as group:
                errors = group.create_task(drain(_pipe(child.stderr)))
                feeder = group.create_task(self._feed(receive, child))
                status = 0
                try:
                    async with asyncio.timeout(timeout):
                        status = await self._relay(_pipe(child.stdout), send)
                except TimeoutError:
                    _log.warning("git backend timed out path=%s", self._variables["PATH_INFO"])
                finally:
                    feeder.cancel()
                    if status == 0 or self._gone:
                        _stop(child)
            await child.wait()
        words = redact(errors.result().decode("utf-8", "replace")).strip()
        if words:
            _log.info(
                "git backend says path=%s text=%r", self._variables["PATH_INFO"], words[-500:]
            )
        return status

    async def _feed(self, receive: Receive, child: asyncio.subprocess.Process) -> None:
        stdin = child.stdin
        if stdin is None:
            raise RuntimeError("the child was started without pipes")
        size = 0
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                self._leave(child)
                return
            body = message.get("body", b"")
            more = message.get("more_body", False)
            size += len(body)
            if size > self._body_limit:
                self._too_large = True
                _stop(child)
                return
            await hand_over(stdin, body)
        stdin.close()
        while (await receive())["type"] != "http.disconnect":
            pass
        if not self._finish_alone:
            self._leave(child)

    def _leave(self, child: asyncio.subprocess.Process) -> None:
        self._gone = True
        _stop(child)

    async def _relay(self, stdout: asyncio.StreamReader, send: Send) -> int:
        head = await _read_head(stdout)
        if head is None:
            status = 413 if self._too_large else 500
            await send_plain(send, status, "the request is too large" if self._too_large else "")
            return status
        status, headers, rest = head
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": rest, "more_body": True})
        while chunk := await stdout.read(_CHUNK):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return status


async def send_plain(
    send: Send, status: int, text: str, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    """Answers with a line of text."""
    body = (text or "error").encode() + b"\n"
    base = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": [*base, *headers]})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _read_head(
    stdout: asyncio.StreamReader,
) -> tuple[int, list[tuple[bytes, bytes]], bytes] | None:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = await stdout.read(_CHUNK)
        if not chunk or len(data) > _MAX_HEADER:
            return None
        data += chunk
    block, _, rest = data.partition(b"\r\n\r\n")
    status = 200
    headers = []
    for line in block.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"status":
            status = int(value.split()[0])
        elif name.lower() in _SHOWN_HEADERS:
            headers.append((name.lower(), value.strip()))
    return status, headers, rest


def _pipe(stream: asyncio.StreamReader | None) -> asyncio.StreamReader:
    if stream is None:
        raise RuntimeError("the child was started without pipes")
    return stream


def _stop(child: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
