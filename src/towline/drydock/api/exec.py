"""exec and attach: a process's streams as channels of a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec

from towline.drydock.api import exec_channels as channels
from towline.drydock.api.exec_channels import WIRES, Wire
from towline.drydock.api.exec_port import Obj, PodExec, Session
from towline.drydock.api.messages import Request, Upgrade
from towline.drydock.api.podlogs import container_of
from towline.drydock.api.websocket import WebSocket, chosen
from towline.drydock.refusals import bad_request
from towline.kube.status import ApiError

_log = logging.getLogger("towline.drydock.exec")
_MAX_ARGUMENTS = 128 * 1024


class Streams(msgspec.Struct, frozen=True):
    """Which streams the client wants."""

    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool

    @property
    def first(self) -> int:
        """The lowest channel that the server writes on."""
        if self.stdout:
            return channels.STDOUT
        return channels.STDERR if self.stderr else channels.ERROR


def open_exec(request: Request, node: PodExec | None, pod: Obj) -> Upgrade:
    """A command in a container of the pod.

    Raises:
        ApiError: The request makes no sense, or cannot become a WebSocket.
    """
    container = container_of(pod, request.param("container"))
    host = the_node(node, pod)
    streams = _streams(request)
    command = request.params("command")
    if not command or not command[0]:
        raise bad_request("you must specify at least 1 command for the container")
    if sum(len(word) for word in command) > _MAX_ARGUMENTS or any("\0" in word for word in command):
        raise bad_request("command: too long, or with NUL characters")
    wire = WIRES[chosen(request, tuple(WIRES))]

    async def serve(socket: WebSocket) -> None:
        session = host.exec(
            pod,
            container,
            command,
            stdin=streams.stdin,
            stdout=streams.stdout,
            stderr=streams.stderr,
            tty=streams.tty,
        )
        await converse(socket, wire, session, streams, command)

    return Upgrade(wire.name, serve)


def open_attach(request: Request, node: PodExec | None, pod: Obj) -> Upgrade:
    """The container's own process.

    Raises:
        ApiError: The request makes no sense, or cannot become a WebSocket.
    """
    container = container_of(pod, request.param("container"))
    host = the_node(node, pod)
    streams = _streams(request)
    wire = WIRES[chosen(request, tuple(WIRES))]

    async def serve(socket: WebSocket) -> None:
        session = host.attach(
            pod,
            container,
            stdin=streams.stdin,
            stdout=streams.stdout,
            stderr=streams.stderr,
        )
        await converse(socket, wire, session, streams, [])

    return Upgrade(wire.name, serve)


def the_node(node: PodExec | None, pod: Obj) -> PodExec:
    """The node on which the pod is.

    Raises:
        ApiError: There is none.
    """
    host = (pod.get("spec") or {}).get("nodeName")
    if not host:
        raise bad_request(f"pod {pod['metadata']['name']} does not have a host assigned")
    if node is None:
        raise ApiError(
            f"error dialing backend: node {host} runs no containers", reason="InternalError"
        )
    return node


def _streams(request: Request) -> Streams:
    tty = request.flag("tty")
    streams = Streams(
        stdin=request.flag("stdin"),
        stdout=request.flag("stdout"),
        # A terminal has one output.
        stderr=request.flag("stderr") and not tty,
        tty=tty,
    )
    if not (streams.stdin or streams.stdout or streams.stderr):
        raise bad_request("you must specify at least 1 of stdin, stdout, stderr")
    return streams


async def converse(
    socket: WebSocket,
    wire: Wire,
    opening: AbstractAsyncContextManager[Session],
    streams: Streams,
    command: list[str],
) -> None:
    """Carries bytes both ways until the process ends or the client goes, then says how it ended."""
    failure: dict[str, Any] | None = None
    try:
        async with opening as session:
            await socket.send(wire.pack(streams.first, b""), text=wire.encoded)
            code = await _carried(socket, wire, session, streams)
        if code is None:
            return
        failure = channels.exit_failure(command, code)
    except ApiError as error:
        failure = channels.refusal(error)
    except ConnectionError:
        return
    except Exception as error:  # noqa: BLE001  # one session is one supervised unit
        _log.exception("session failed")
        text = f"Internal error occurred: {type(error).__name__}"
        failure = channels.refusal(ApiError(text, reason="InternalError"))
    with contextlib.suppress(ConnectionError):
        if last := wire.ending(failure):
            await socket.send(wire.pack(channels.ERROR, last), text=wire.encoded)
        await socket.close()


async def _carried(socket: WebSocket, wire: Wire, session: Session, streams: Streams) -> int | None:
    """The exit code; None when the client went away before the end."""

    async def sink(channel: int, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            await socket.send(wire.pack(channel, data), text=wire.encoded)

    async with asyncio.TaskGroup() as group:
        output = group.create_task(_outcome(session, sink))
        typing = group.create_task(_typed(socket, wire, session, streams))
        gone = group.create_task(socket.gone.wait())
        await asyncio.wait((output, gone), return_when=asyncio.FIRST_COMPLETED)
        for task in (output, typing, gone):
            task.cancel()
    if output.cancelled():
        return None
    result = output.result()
    if isinstance(result, ApiError):
        raise result
    return result


async def _outcome(session: Session, sink: Any) -> int | ApiError:
    try:
        return await session.run(sink)
    except ApiError as error:
        return error


async def _typed(socket: WebSocket, wire: Wire, session: Session, streams: Streams) -> None:
    """Hands the client's messages to the process."""
    async for message in socket.messages():
        channel, data = wire.unpack(message)
        if channel == channels.STDIN and streams.stdin and data:
            await session.write(data)
        elif channel == channels.RESIZE and (size := channels.terminal_size(data)):
            await session.resize(*size)
        elif channel == channels.CLOSE and wire.half_close and data[:1] == b"\0":
            await session.end_input()
