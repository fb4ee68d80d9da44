"""The API server called in process, as an ASGI application."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, MutableMapping
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import pytest_asyncio

from towline.aio.clock import SystemClock
from towline.drydock.admission.services import ServicePlan
from towline.drydock.api.app import ApiServer
from towline.drydock.api.auth import TokenFile
from towline.drydock.api.health import Health
from towline.drydock.api.resources import Resources
from towline.drydock.auth.access import open_access
from towline.drydock.registry import Registry
from towline.drydock.storage import Store
from towline.kube.refs import GroupResource
from towline.kube.schema.catalog import load_catalog


class Reply:
    """A whole answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)


class Call:
    """One request in flight."""

    def __init__(self, body: bytes, parts: int = 1) -> None:
        size = max(1, -(-len(body) // parts))
        self._parts = [body[i : i + size] for i in range(0, len(body), size)] or [b""]
        self._left = asyncio.Event()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.received = 0

    async def receive(self) -> dict[str, Any]:
        if self._parts:
            part = self._parts.pop(0)
            self.received += len(part)
            return {"type": "http.request", "body": part, "more_body": bool(self._parts)}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
            return
        if message.get("body"):
            self.chunks.put_nowait(message["body"])
        if not message.get("more_body"):
            self.chunks.put_nowait(None)

    def leave(self) -> None:
        self._left.set()


class Api:
    """Speaks to the server."""

    def __init__(self, app: ApiServer, registry: Registry, token: str) -> None:
        self.app = app
        self.registry = registry
        self.token = token
        self.tasks: list[asyncio.Task[None]] = []

    def start(
        self,
        method: str,
        url: str,
        *,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        parts: int = 1,
    ) -> Call:
        path, _, query = url.partition("?")
        given = {"authorization": f"Bearer {self.token}", **(headers or {})}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": quote(path).encode(),
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in given.items() if v],
        }
        call = Call(body, parts)
        self.tasks.append(asyncio.ensure_future(self.app(scope, call.receive, call.send)))
        return call

    async def request(self, method: str, url: str, value: Any = None, **more: Any) -> Reply:
        body = more.pop("body", b"")
        if value is not None:
            body = json.dumps(value).encode()
        call = self.start(method, url, body=body, **more)
        whole = b""
        while (chunk := await call.chunks.get()) is not None:
            whole += chunk
        return Reply(call.status, call.headers, whole)

    async def get(self, url: str, **headers: str) -> Reply:
        return await self.request("GET", url, headers=headers)

    def events(self, url: str, **headers: str) -> AsyncIterator[dict[str, Any]]:
        """The events of a watch that starts now."""
        return self._events(self.start("GET", url, headers=headers))

    async def _events(self, call: Call) -> AsyncIterator[dict[str, Any]]:
        left = b""
        try:
            while (chunk := await call.chunks.get()) is not None:
                *lines, left = (left + chunk).split(b"\n")
                for line in lines:
                    yield json.loads(line)
        finally:
            call.leave()


@pytest_asyncio.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    clock = SystemClock()
    store = Store.open(tmp_path / "state.db", clock, sync="normal")
    registry = Registry(store, load_catalog(), clock, Random(7), ServicePlan("10.96.0.0/24"))
    body = {"metadata": {"name": "default"}}
    await registry.create(GroupResource("", "namespaces"), body, manager="test")
    tokens = TokenFile(tmp_path / "tokens.csv")
    access = open_access(registry, tokens, tmp_path, clock)
    resources = Resources(registry, access, clock, Random(7), None)
    health = Health(lambda: not store.closed)
    app = ApiServer(registry, resources, access, health, clock=clock, address="127.0.0.1:1")
    made = Api(app, registry, tokens.admin_token)
    yield made
    store.end_watches()
    await asyncio.gather(*made.tasks)
    await store.close()
