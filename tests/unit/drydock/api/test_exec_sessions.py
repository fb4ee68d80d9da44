"""exec, attach: channels, endings, back-pressure, with a node of the test's own."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from towline.drydock.api.exec import open_attach, open_exec
from towline.drydock.api.exec_channels import WIRES, terminal_size
from towline.drydock.api.exec_port import Sink
from towline.drydock.api.messages import Request
from towline.drydock.api.websocket import WebSocket, upgrade_request
from towline.kube.status import ApiError

POD = {
    "metadata": {"name": "p", "namespace": "default", "uid": "u"},
    "spec": {"nodeName": "n", "containers": [{"name": "a"}, {"name": "b"}]},
}


class Process:
    """A process that says what it is told and remembers what it heard."""

    def __init__(self) -> None:
        self.output: list[tuple[int, bytes]] = []
        self.code = 0
        self.lasts = False
        self.refuses: ApiError | None = None
        self.heard: list[Any] = []
        self.asked: dict[str, Any] = {}
        self.began = asyncio.Event()
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.left = asyncio.Event()

    async def run(self, sink: Sink) -> int:
        self.began.set()
        for stream, data in self.output:
            await sink(stream, data)
        if self.lasts:
            await asyncio.Event().wait()
        if self.refuses:
            raise self.refuses
        return self.code

    async def write(self, data: bytes) -> None:
        await self.may_read.wait()
        self.heard.append(data)

    async def end_input(self) -> None:
        self.heard.append("end")
        self.lasts = False

    async def resize(self, width: int, height: int) -> None:
        self.heard.append((width, height))

    @asynccontextmanager
    async def exec(
        self, pod: Any, container: str, command: Sequence[str], **streams: bool
    ) -> AsyncIterator[Process]:
        self.asked = {"pod": pod, "container": container, "command": list(command), **streams}
        try:
            yield self
        finally:
            self.left.set()

    @asynccontextmanager
    async def attach(self, pod: Any, container: str, **streams: bool) -> AsyncIterator[Process]:
        self.asked = {"pod": pod, "container": container, **streams}
        yield self

    async def connect(self, pod: Any, port: int) -> Any:
        raise NotImplementedError


class Client:
    """The other end of a WebSocket."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[bytes] = []
        self.closed: int | None = None
        self.gone = asyncio.Event()
        self.may_send = asyncio.Event()
        self.may_send.set()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        await self.may_send.wait()
        if message["type"] == "websocket.close":
            self.closed = message["code"]
        elif message["type"] == "websocket.send":
            self.sent.append(message.get("bytes") or message.get("text", "").encode())

    def say(self, data: bytes) -> None:
        self.incoming.put_nowait({"type": "websocket.receive", "bytes": data})

    def leave(self) -> None:
        self.incoming.put_nowait({"type": "websocket.disconnect"})

    def on(self, channel: int) -> bytes:
        return b"".join(data[1:] for data in self.sent if data[:1] == bytes((channel,)))

    @property
    def socket(self) -> WebSocket:
        return WebSocket(self.incoming.get, self.send, self.gone)


def _request(query: str, *protocols: str) -> Request:
    scope = {
        "type": "websocket",
        "path": "/",
        "query_string": query.encode(),
        "headers": [],
        "subprotocols": list(protocols),
    }
    return upgrade_request(scope, asyncio.Queue[Any]().get)


async def _exec(client: Client, process: Process, query: str, protocol: str) -> None:
    answer = open_exec(_request(f"container=a&{query}", protocol), process, POD)
    assert answer.protocol == protocol
    async with asyncio.timeout(5):
        await answer.serve(client.socket)


@pytest.mark.asyncio
async def test_output_goes_by_channels_and_ends_with_a_status() -> None:
    client, process = Client(), Process()
    process.output = [(1, b"out"), (2, b"err")]
    await _exec(client, process, "command=x&command=y&stdout=1&stderr=1", "v4.channel.k8s.io")
    assert client.sent[:3] == [b"\x01", b"\x01out", b"\x02err"]
    assert json.loads(client.on(3)) == {"metadata": {}, "status": "Success"}
    assert client.closed == 1000
    assert process.asked["command"] == ["x", "y"]
    assert process.left.is_set()


@pytest.mark.asyncio
async def test_an_exit_code_is_a_cause_of_the_failure() -> None:
    client, process = Client(), Process()
    process.code = 7
    await _exec(client, process, "command=x&stdout=1", "v5.channel.k8s.io")
    status = json.loads(client.on(3))
    assert (status["status"], status["reason"]) == ("Failure", "NonZeroExitCode")
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "7"}]
    assert status["message"].startswith("command terminated with non-zero exit code")


@pytest.mark.asyncio
async def test_a_nodes_refusal_comes_on_the_error_channel() -> None:
    client, process = Client(), Process()
    process.refuses = ApiError("no such thing", reason="InternalError")
    await _exec(client, process, "command=x&stderr=1", "v5.channel.k8s.io")
    status = json.loads(client.on(3))
    assert (status["message"], status["code"]) == ("no such thing", 500)


@pytest.mark.asyncio
async def test_messages_reach_the_process_in_order() -> None:
    client, process = Client(), Process()
    process.lasts = True
    for message in (
        b"\x00one",
        b"",
        b"\x00",
        b"\x09what",
        b"\x04not json",
        b'\x04{"Width":80,"Height":0}',
        b'\x04{"Width":80,"Height":24}',
        b"\xff\x01",
        b"\xff\x00",
    ):
        client.say(message)
    serving = asyncio.create_task(
        _exec(client, process, "command=x&stdin=1&stdout=1&tty=1", "v5.channel.k8s.io")
    )
    while "end" not in process.heard:
        await asyncio.sleep(0)
    client.leave()
    await serving
    assert process.heard == [b"one", (80, 24), "end"]


@pytest.mark.asyncio
async def test_base64_wraps_every_channel() -> None:
    client, process = Client(), Process()
    process.output = [(1, b"\x00\xff")]
    client.say(b"0" + base64.b64encode(b"in"))
    client.say(b"0***")
    await _exec(client, process, "command=x&stdin=1&stdout=1", "v4.base64.channel.k8s.io")
    assert client.sent[1] == b"1" + base64.b64encode(b"\x00\xff")


@pytest.mark.asyncio
async def test_the_process_is_left_when_the_client_goes() -> None:
    client, process = Client(), Process()
    process.lasts = True
    client.leave()
    await _exec(client, process, "command=x&stdout=1", "v4.channel.k8s.io")
    assert process.left.is_set()
    assert client.closed is None


@pytest.mark.asyncio
async def test_a_client_that_goes_is_noticed_while_input_waits() -> None:
    client, process = Client(), Process()
    process.lasts = True
    process.may_read.clear()
    client.say(b"\x00never read")
    serving = asyncio.create_task(
        _exec(client, process, "command=x&stdin=1&stdout=1", "v4.channel.k8s.io")
    )
    await process.began.wait()
    client.gone.set()
    await serving
    assert process.left.is_set()
    assert process.heard == []


@pytest.mark.asyncio
async def test_input_waits_for_the_process_and_output_for_the_client() -> None:
    client, process = Client(), Process()
    process.output = [(1, b"%d" % n) for n in range(100)]
    process.lasts = True
    process.may_read.clear()
    for n in range(100):
        client.say(b"\x00%d" % n)
    serving = asyncio.create_task(
        _exec(client, process, "command=x&stdin=1&stdout=1", "v4.channel.k8s.io")
    )
    await process.began.wait()
    client.may_send.clear()
    for _ in range(50):
        await asyncio.sleep(0)
    assert client.incoming.qsize() >= 98, "what the process does not read stays with the client"
    process.may_read.set()
    client.may_send.set()
    while len(process.heard) < 100 or client.on(1) != b"".join(d for _, d in process.output):
        await asyncio.sleep(0)
    client.leave()
    await serving


@pytest.mark.asyncio
async def test_attach_asks_for_no_command_and_tells_success() -> None:
    client, process = Client(), Process()
    answer = open_attach(
        _request("container=b&stdout=1&stdin=1", "v4.channel.k8s.io"), process, POD
    )
    await answer.serve(client.socket)
    assert process.asked == {
        "pod": POD,
        "container": "b",
        "stdin": True,
        "stdout": True,
        "stderr": False,
    }
    assert json.loads(client.on(3))["status"] == "Success"


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("container=a&stdout=1", "at least 1 command"),
        ("container=a&command=x", "at least 1 of stdin, stdout, stderr"),
        ("container=a&command=x&tty=1&stderr=1", "at least 1 of stdin, stdout, stderr"),
        ("command=x&stdout=1", "a container name must be specified for pod p"),
        ("container=z&command=x&stdout=1", "container z is not valid for pod p"),
        ("container=a&command=x%00&stdout=1", "NUL"),
        (f"container=a&command={'x' * 200_000}&stdout=1", "too long"),
    ],
)
def test_requests_that_make_no_sense_are_refused(query: str, says: str) -> None:
    with pytest.raises(ApiError, match=says) as caught:
        open_exec(_request(query, "v4.channel.k8s.io"), Process(), POD)
    assert caught.value.code == 400


def test_a_pod_without_a_node_cannot_be_entered() -> None:
    query = _request("container=a&command=x&stdout=1", "v4.channel.k8s.io")
    waiting = {**POD, "spec": {"containers": [{"name": "a"}]}}
    with pytest.raises(ApiError, match="pod p does not have a host assigned"):
        open_exec(query, Process(), waiting)
    with pytest.raises(ApiError, match="error dialing backend"):
        open_exec(query, None, POD)


@pytest.mark.parametrize(
    ("upgrade", "says"),
    [(b"SPDY/3.1", "SPDY/3.1 is not served here"), (b"", "Upgrade request required")],
)
def test_what_is_no_websocket_is_told_so(upgrade: bytes, says: str) -> None:
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"container=a&command=x&stdout=1",
        "headers": [(b"upgrade", upgrade)],
    }
    with pytest.raises(ApiError, match=says):
        open_exec(Request(scope, asyncio.Queue[Any]().get), Process(), POD)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b'{"Width":80,"Height":24}', (80, 24)),
        (b'{"Width":70000,"Height":24}', None),
        (b'{"Width":-1,"Height":24}', None),
        (b"[]", None),
    ],
)
def test_terminal_sizes_are_checked(data: bytes, size: tuple[int, int] | None) -> None:
    assert terminal_size(data) == size


def test_older_wires_tell_failures_as_text_only() -> None:
    assert WIRES["channel.k8s.io"].ending(None) == b""
    assert WIRES[""].ending({"message": "no"}) == b"no"
