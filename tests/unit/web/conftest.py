"""The web application on fakes of its ports, called in process through ASGI."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from starlette.routing import Route
from starlette.types import ASGIApp, Message

from towline.aio.clock import SystemClock
from towline.errors import ConflictError, NotFoundError
from towline.lineage.delivery import Delivery, ImageFact, Reached, RunFact
from towline.store import Run, Stage, Store
from towline.web.api.events import Events
from towline.web.api.routes import Api
from towline.web.app import build_app
from towline.web.auth.passwords import Passwords
from towline.web.auth.sessions import Sessions
from towline.web.hooks.intake import HookIntake
from towline.web.ui.pages import Pages

PASSWORD = "correct horse battery staple"
_CHUNK = 64 * 1024
NOW = dt.datetime(2026, 1, 1, 12, 0, 0, tzinfo=dt.UTC)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Client:
    app: ASGIApp
    headers: dict[str, str] = field(default_factory=dict)

    async def __call__(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        source: str = "127.0.0.1",
        *,
        chunked: bool = False,
    ) -> Answer:
        path, _, query = path.partition("?")
        given = {"host": "towline.test"} | self.headers | (headers or {})
        if body and not chunked:
            given.setdefault("content-length", str(len(body)))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
            "client": (source, 12345),
            "server": ("towline.test", 80),
        }
        sent: list[Message] = []
        messages: list[Message] = [
            {"type": "http.request", "body": body[start : start + _CHUNK], "more_body": True}
            for start in range(0, len(body), _CHUNK)
        ]
        messages.append({"type": "http.request", "body": b"", "more_body": False})

        async def receive() -> Message:
            if not messages:
                await asyncio.Event().wait()  # the client stays
            return messages.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        head = sent[0]
        return Answer(
            status=head["status"],
            headers={name.decode().lower(): value.decode() for name, value in head["headers"]},
            body=b"".join(message.get("body", b"") for message in sent[1:]),
        )


class FakeApplications:
    def __init__(self) -> None:
        self.apps: dict[str, dict[str, Any]] = {}
        self.synced: list[tuple[str, str, str, bool]] = []

    def all(self) -> list[dict[str, Any]]:
        return list(self.apps.values())

    def get(self, name: str) -> dict[str, Any] | None:
        return self.apps.get(name)

    def tree(self, name: str) -> list[dict[str, Any]]:
        return [
            {
                "kind": "Deployment",
                "namespace": "default",
                "name": name,
                "status": "Synced",
                "health": {"status": "Healthy", "message": ""},
            }
        ]

    async def troubles(self, name: str) -> list[dict[str, Any]]:
        return [
            {
                "pod": f"{name}-1",
                "container": "main",
                "reason": "CrashLoopBackOff",
                "message": "back-off 10s restarting failed container=main",
                "log": "ImportError: cannot import name 'url_quote' <script>alert(1)</script>",
            }
        ]

    async def sync(self, name: str, *, user: str, revision: str, prune: bool) -> None:
        if name not in self.apps:
            raise NotFoundError(f"there is no application {name}")
        if self.apps[name].get("operation"):
            raise ConflictError("another operation is already in progress")
        self.synced.append((name, user, revision, prune))

    async def refresh(self, name: str, *, hard: bool) -> None:
        self.apps[name]["refreshed"] = hard


def a_run(**changes: Any) -> Run:
    values: dict[str, Any] = {
        "id": "run-1",
        "pipeline": "argocd/building-image",
        "job": "Building-image",
        "number": 1,
        "trigger": "push",
        "ref": "refs/heads/main",
        "commit": "c" * 40,
        "parameters": {},
        "state": "finished",
        "result": "FAILURE",
        "error": "script returned exit code 1",
        "key": "",
        "parent_run": "",
        "parent_step": "",
        "delivery": None,
        "cause": "push by dana",
        "attempts": 2,
        "cancel": False,
        "created_at": NOW,
        "started_at": NOW,
        "finished_at": NOW,
    }
    return Run(**(values | changes))


class FakePipelines:
    def __init__(self) -> None:
        self.cancelled: list[str] = []
        self.started: list[tuple[str, dict[str, str], str]] = []
        self.text = b"line one\n<script>alert(1)</script>\n"

    def all(self) -> list[dict[str, Any]]:
        return [{"metadata": {"name": "building-image"}, "spec": {}}]

    async def runs(self, pipeline: str, limit: int) -> list[Run]:
        return [a_run()][:limit]

    async def run(self, run_id: str) -> Run | None:
        return a_run() if run_id == "run-1" else None

    async def stages(self, run_id: str) -> Sequence[Stage]:
        return [
            Stage(
                run=run_id,
                stage_id="1",
                name="Build <b>image</b>",
                status="failure",
                message="",
                started_at=NOW,
                finished_at=None,
            )
        ]

    async def log(self, run_id: str, offset: int) -> tuple[bytes, int]:
        return self.text[offset:], len(self.text)

    async def start(self, pipeline: str, parameters: dict[str, str], *, user: str) -> Run:
        self.started.append((pipeline, parameters, user))
        return a_run(state="queued", result="")

    async def cancel(self, run_id: str) -> None:
        self.cancelled.append(run_id)


class FakeDeliveries:
    def delivery(self) -> Delivery:
        return Delivery(
            commit="c" * 40,
            repository="demo/app",
            message="<img src=x onerror=alert(1)>",
            run=RunFact(
                id="run-1",
                pipeline="argocd/building-image",
                job="Building-image",
                number=1,
                state="finished",
                result="SUCCESS",
                error="",
                commit="c" * 40,
            ),
            build_number=1,
            image=ImageFact(reference="demo/app:1", digest="sha256:" + "0" * 64),
            manifest_commit="m" * 40,
            application="app",
            status="delivered",
            failure="",
            stages=(Reached(name="push", at="2026-01-01T12:00:00.000+00:00", seconds=0.0),),
        )

    async def recent(self, limit: int) -> list[Delivery]:
        return [self.delivery()]

    async def get(self, commit: str) -> Delivery | None:
        return self.delivery() if self.delivery().commit.startswith(commit) else None


class FakeChanges:
    async def subscribe(self) -> AsyncIterator[str]:
        yield "runs"
        yield "applications"


@dataclass
class Site:
    call: Client
    store: Store
    sessions: Sessions
    applications: FakeApplications
    pipelines: FakePipelines
    paths: list[tuple[str, str]]

    async def as_admin(self) -> Client:
        secret = await self.sessions.log_in("admin", PASSWORD, "10.0.0.1")
        return Client(self.call.app, {"authorization": f"Bearer {secret}"})


@pytest.fixture(scope="session")
def password_hash() -> str:
    async def make() -> str:
        return await Passwords().hash(PASSWORD)

    return asyncio.run(make())


@pytest_asyncio.fixture
async def site(tmp_path: Path, password_hash: str) -> AsyncIterator[Site]:
    clock = SystemClock()
    store = await Store.open(tmp_path / "store", clock=clock)
    await store.accounts.put("admin", password_hash, "admin")
    sessions = Sessions(store.accounts, store.login_failures, Passwords(), clock)
    applications, pipelines, deliveries = FakeApplications(), FakePipelines(), FakeDeliveries()
    applications.apps["app"] = {
        "metadata": {"name": "app"},
        "spec": {
            "project": "default",
            "source": {"repoURL": "http://forge/demo/manifests.git", "path": "."},
            "destination": {"namespace": "default"},
        },
        "status": {
            "sync": {"status": "Unknown"},
            "health": {"status": "Unknown"},
            "conditions": [
                {"type": "ComparisonError", "message": "deployment.yaml:7: spec.replicas: <x>"}
            ],
        },
    }
    api = Api(
        sessions=sessions, applications=applications, pipelines=pipelines, deliveries=deliveries
    )
    pages = Pages(
        sessions=sessions,
        applications=applications,
        pipelines=pipelines,
        deliveries=deliveries,
        clock=clock,
    )
    hooks = HookIntake(store.hooks, store.deliveries, lambda: None, clock)
    routes = [
        *hooks.routes(),
        *api.routes(),
        *Events(FakeChanges(), seconds=0.2).routes(),
        *pages.routes(),
    ]
    paths = [
        (method, route.path)
        for route in routes
        if isinstance(route, Route)
        for method in sorted((route.methods or {"POST"}) - {"HEAD"})
    ]
    app = build_app(routes, sessions, ready=lambda: "", metrics=lambda: b"")
    yield Site(Client(app), store, sessions, applications, pipelines, paths)
    await store.close()
