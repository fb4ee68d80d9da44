"""A small API server on real sockets that speaks list and watch, with faults on demand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from towline.kubeclient import ClusterAccess, KubeClient

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


class FakeApi:
    """Objects by (group version, plural), one revision, a log for watches."""

    def __init__(self) -> None:
        self.revision = 100
        self.kinds: dict[str, dict[str, tuple[str, bool]]] = {
            "v1": {"configmaps": ("ConfigMap", True), "namespaces": ("Namespace", False)},
            "apiextensions.k8s.io/v1": {
                "customresourcedefinitions": ("CustomResourceDefinition", False)
            },
        }
        self.stored: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
        self.log: list[tuple[int, str, str, dict[str, Any]]] = []
        self.oldest = 0
        self.changed = asyncio.Condition()
        self.legacy = False
        self.broken_groups: set[str] = set()
        self.requests: list[tuple[str, str, dict[str, str], dict[str, str], bytes]] = []
        self.answers: list[Callable[[web.Request], web.Response | None]] = []
        self.watch_faults: list[str] = []
        self.watches = 0
        self.list_revision: int | None = None
        self.kick = asyncio.Event()
        self.url = ""

    def put(
        self, plural: str, namespace: str, name: str, at: str = "v1", **fields: Any
    ) -> dict[str, Any]:
        objects = self.stored.setdefault(f"{at}/{plural}", {})
        old = objects.get((namespace, name))
        self.revision += 1
        uid = old["metadata"]["uid"] if old else f"uid-{name}-{self.revision}"
        meta = {"name": name, "uid": uid, "resourceVersion": str(self.revision)}
        if namespace:
            meta["namespace"] = namespace
        meta |= fields.pop("metadata", {})
        obj = {"metadata": meta, **fields}
        objects[namespace, name] = obj
        self.log.append((self.revision, f"{at}/{plural}", "MODIFIED" if old else "ADDED", obj))
        return obj

    def remove(self, plural: str, namespace: str, name: str, at: str = "v1") -> None:
        obj = self.stored[f"{at}/{plural}"].pop((namespace, name))
        self.revision += 1
        last = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.revision)}}
        self.log.append((self.revision, f"{at}/{plural}", "DELETED", last))

    async def publish(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def cut_watches(self) -> None:
        self.kick.set()
        await self.publish()
        self.kick = asyncio.Event()

    def expire(self) -> None:
        self.oldest = self.revision

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.requests.append(
            (request.method, request.path, dict(request.query), dict(request.headers), body)
        )
        await self.publish()
        if self.answers and (answer := self.answers[0](request)) is not None:
            self.answers.pop(0)
            return answer
        if request.path in {"/api", "/apis"}:
            return self.discovery(request)
        root, _, rest = request.path.removeprefix("/").partition("/")
        parts = rest.split("/")
        at = parts.pop(0) if root == "api" else "/".join([parts.pop(0), parts.pop(0)])
        if at not in self.kinds or at in self.broken_groups:
            return web.Response(status=404, text="404 page not found\n")
        if not parts:
            return self.legacy_resources(at)
        return await self.resource(request, at, parts)

    async def resource(self, request: web.Request, at: str, parts: list[str]) -> web.StreamResponse:
        namespace = ""
        if parts[0] == "namespaces" and len(parts) > 2:
            namespace, parts = parts[1], parts[2:]
        if parts[0] not in self.kinds[at]:
            return status(404, "NotFound", "the server could not find the requested resource")
        where = f"{at}/{parts[0]}"
        if len(parts) > 1:
            found = self.stored.get(where, {}).get((namespace, parts[1]))
            if found is None:
                return status(404, "NotFound", "not found", {"name": parts[1]})
            return web.json_response(found)
        if request.query.get("watch"):
            return await self.watch(request, where, namespace)
        return self.list(request, where, namespace)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits for a request that makes the condition true."""
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(condition)

    def list(self, request: web.Request, where: str, namespace: str) -> web.Response:
        items = [
            obj
            for (at, _), obj in sorted(self.stored.get(where, {}).items())
            if not namespace or at == namespace
        ]
        limit = int(request.query.get("limit") or len(items) or 1)
        start = int(request.query.get("continue") or 0)
        meta = {"resourceVersion": str(self.list_revision or self.revision)}
        if start + limit < len(items):
            meta["continue"] = str(start + limit)
        return web.json_response({"metadata": meta, "items": items[start : start + limit]})

    async def watch(self, request: web.Request, where: str, namespace: str) -> web.StreamResponse:
        self.watches += 1
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        at = int(request.query["resourceVersion"])
        if at < self.oldest:
            await response.write(event("ERROR", {"kind": "Status", "code": 410}))
            return response
        kick = self.kick
        while not kick.is_set():
            for revision, place, type_, obj in list(self.log):
                if revision <= at or place != where:
                    continue
                if namespace and obj["metadata"].get("namespace") != namespace:
                    continue
                at = revision
                line = event(type_, obj)
                fault = self.watch_faults.pop(0) if self.watch_faults else ""
                if fault == "cut":
                    await response.write(line[: len(line) // 2])
                    request.transport.abort()  # type: ignore[union-attr]
                    return response
                await response.write(line * (3 if fault == "repeat" else 1))
                if fault == "bookmark":
                    mark = {"metadata": {"resourceVersion": str(self.revision)}}
                    await response.write(event("BOOKMARK", mark))
            async with self.changed:
                await self.changed.wait()
        return response

    def discovery(self, request: web.Request) -> web.Response:
        core = request.path == "/api"
        chosen = {at: kinds for at, kinds in self.kinds.items() if ("/" not in at) == core}
        if self.legacy:
            return web.json_response(legacy_groups(core, chosen))
        items: dict[str, dict[str, Any]] = {}
        for at, kinds in chosen.items():
            group, _, version = at.rpartition("/")
            item = items.setdefault(group, {"metadata": {"name": group}, "versions": []})
            entry: dict[str, Any] = {"version": version, "freshness": "Current"}
            if at in self.broken_groups:
                entry["freshness"] = "Stale"
            else:
                entry["resources"] = [aggregated(at, *kind) for kind in kinds.items()]
            item["versions"].append(entry)
        body = {"kind": "APIGroupDiscoveryList", "items": list(items.values())}
        etag = f'"{hash(json.dumps(body))}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304)
        return web.Response(
            text=json.dumps(body), headers={"Content-Type": AGGREGATED, "ETag": etag}
        )

    def legacy_resources(self, at: str) -> web.Response:
        resources = [
            {"name": plural, "kind": kind, "namespaced": namespaced, "verbs": VERBS}
            for plural, (kind, namespaced) in self.kinds[at].items()
        ]
        resources.append({"name": "configmaps/status", "kind": "ConfigMap", "verbs": ["get"]})
        return web.json_response({"groupVersion": at, "resources": resources})


def aggregated(at: str, plural: str, kind: tuple[str, bool]) -> dict[str, Any]:
    group, _, version = at.rpartition("/")
    return {
        "resource": plural,
        "responseKind": {"group": group, "version": version, "kind": kind[0]},
        "scope": "Namespaced" if kind[1] else "Cluster",
        "verbs": VERBS,
        "subresources": [{"subresource": "status", "verbs": ["get"]}],
    }


def legacy_groups(core: bool, chosen: dict[str, Any]) -> dict[str, Any]:
    if core:
        return {"kind": "APIVersions", "versions": list(chosen)}
    groups: dict[str, list[str]] = {}
    for at in chosen:
        groups.setdefault(at.partition("/")[0], []).append(at)
    return {
        "kind": "APIGroupList",
        "groups": [
            {
                "name": name,
                "versions": [{"groupVersion": at} for at in versions],
                "preferredVersion": {"groupVersion": versions[-1]},
            }
            for name, versions in groups.items()
        ],
    }


def event(type_: str, obj: dict[str, Any]) -> bytes:
    return json.dumps({"type": type_, "object": obj}).encode() + b"\n"


def status(
    code: int, reason: str, message: str, details: dict[str, Any] | None = None
) -> web.Response:
    body = {"kind": "Status", "code": code, "reason": reason, "message": message}
    return web.json_response({**body, "details": details or {}}, status=code)


@pytest_asyncio.fixture
async def api() -> AsyncIterator[FakeApi]:
    fake = FakeApi()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    fake.url = f"http://127.0.0.1:{port}"
    yield fake
    await fake.cut_watches()
    await runner.cleanup()


@pytest_asyncio.fixture
async def client(api: FakeApi) -> AsyncIterator[KubeClient]:
    async with KubeClient(ClusterAccess(server=api.url, token="t0ken")) as connected:
        yield connected


@pytest.fixture
def make_status() -> Callable[..., web.Response]:
    return status
