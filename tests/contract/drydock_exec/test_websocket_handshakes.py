"""Opening WebSockets: origins, credentials, subprotocols, as other clients do it."""

from __future__ import annotations

import base64
import json
import ssl
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

pytestmark = pytest.mark.asyncio

_EXEC = "pods/box/exec?command=id&command=-u&stdout=true&stderr=true"


def _open(
    machine: Any, path: str = _EXEC, *, token: str | None = None, origin: str = "", **more: Any
) -> connect:
    headers = {} if token == "" else {"Authorization": f"Bearer {token or machine.token}"}
    if origin:
        headers["Origin"] = origin
    more.setdefault("subprotocols", ["v4.channel.k8s.io"])
    return connect(
        f"{machine.url.replace('https', 'wss')}/api/v1/namespaces/default/{path}",
        ssl=ssl.create_default_context(cafile=machine.ca),
        additional_headers=headers,
        compression=None,
        **more,
    )


async def _refusal(machine: Any, *args: Any, **more: Any) -> tuple[int, Any]:
    with pytest.raises(InvalidStatus) as caught:
        await _open(machine, *args, **more)
    response = caught.value.response
    return response.status_code, json.loads(response.body or b"{}")


async def _all(client: ClientConnection) -> dict[int, bytes]:
    got: dict[int, bytes] = {}
    async for message in client:  # ends quietly with code 1000 only
        assert isinstance(message, bytes)
        got[message[0]] = got.get(message[0], b"") + message[1:]
    return got


@pytest.mark.parametrize("protocol", ["v5.channel.k8s.io", "v4.channel.k8s.io"])
async def test_the_end_is_told_as_a_status_and_then_closed(machine: Any, protocol: str) -> None:
    async with _open(machine, subprotocols=[protocol]) as client:
        assert client.subprotocol == protocol
        assert await client.recv() == b"\x01"
        got = await _all(client)
    assert got[1] == b"0\n"
    assert json.loads(got[3]) == {"metadata": {}, "status": "Success"}


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "https://localhost:1", "file://", "https://127.0.0.1.evil:1"],
)
async def test_s50_pages_of_other_origins_open_no_websocket(machine: Any, origin: str) -> None:
    code, status = await _refusal(machine, origin=origin)
    assert (code, status["reason"]) == (403, "Forbidden")


async def test_s50_our_own_origin_and_none_are_served(machine: Any) -> None:
    for origin in ("", machine.url):
        async with _open(machine, origin=origin) as client:
            assert (await _all(client))[1] == b"0\n"


async def test_s50_the_origin_alone_opens_nothing(machine: Any) -> None:
    for token in ("", "wrong"):
        code, status = await _refusal(machine, token=token, origin=machine.url)
        assert (code, status["reason"]) == (401, "Unauthorized")


async def test_browsers_give_their_token_as_a_subprotocol(machine: Any) -> None:
    token = base64.urlsafe_b64encode(machine.token.encode()).decode().rstrip("=")
    offered = [f"base64url.bearer.authorization.k8s.io.{token}", "v5.channel.k8s.io"]
    async with _open(machine, token="", subprotocols=offered) as client:
        assert client.subprotocol == "v5.channel.k8s.io"
        assert (await _all(client))[1] == b"0\n"


async def test_an_unknown_subprotocol_is_refused_with_those_that_are_spoken(machine: Any) -> None:
    code, status = await _refusal(machine, subprotocols=["v9.channel.k8s.io"])
    assert code == 400
    assert "[v9.channel.k8s.io]" in status["message"]
    assert "v5.channel.k8s.io" in status["message"]


@pytest.mark.parametrize("path", ["pods?watch=true", "pods/box/log?follow=true", "pods/box"])
async def test_other_paths_are_no_websockets(machine: Any, path: str) -> None:
    code, status = await _refusal(machine, path)
    assert (code, status["reason"]) == (400, "BadRequest")


async def test_input_half_closes_in_the_fifth_version(machine: Any) -> None:
    path = "pods/box/exec?command=cat&stdin=true&stdout=true"
    async with _open(machine, path, subprotocols=["v5.channel.k8s.io"]) as client:
        await client.send(b"\x00some ")
        await client.send(b"\x00words")
        await client.send(b"\xff\x00")
        assert (await _all(client))[1] == b"some words"
