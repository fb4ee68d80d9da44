from __future__ import annotations

from typing import Any

import orjson
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from towline.aio.clock import SystemClock
from towline.forge.events import PushEvent
from towline.web.hooks.unsigned import UnsignedIntake

PUSH = {
    "ref": "refs/heads/main",
    "before": "0" * 40,
    "after": "a" * 40,
    "repository": {"full_name": "team/app", "clone_url": "https://git.test/team/app.git"},
}
HEADERS = {"x-github-event": "push", "x-github-delivery": "d1"}


@pytest.fixture
def told() -> list[PushEvent]:
    return []


@pytest.fixture
def client(told: list[PushEvent]) -> TestClient:
    intake = UnsignedIntake(told.append, SystemClock())
    return TestClient(Starlette(routes=intake.routes()))


def test_a_push_is_passed_on_as_a_hint(client: Any, told: Any) -> None:
    answer = client.post("/api/webhook", content=orjson.dumps(PUSH), headers=HEADERS)
    assert answer.status_code == 200
    assert [(one.ref, one.repository[0]) for one in told] == [
        ("refs/heads/main", "https://git.test/team/app.git")
    ]


@pytest.mark.parametrize(
    ("method", "body", "headers", "status"),
    [
        ("GET", b"", HEADERS, 405),
        ("POST", b"{}", {}, 400),
        ("POST", b"{", HEADERS, 400),
        ("POST", orjson.dumps({**PUSH, "ref": 5}), HEADERS, 400),
        ("POST", b" " * (3 << 20), HEADERS, 413),
        ("POST", b"{}", {**HEADERS, "x-github-event": "ping"}, 200),
    ],
)
def test_everything_else_tells_nobody(
    client: Any, told: Any, method: str, body: bytes, headers: Any, status: int
) -> None:
    answer = client.request(method, "/api/webhook", content=body, headers=headers)
    assert (answer.status_code, told) == (status, [])


def test_s07_a_flood_of_one_source_is_refused(client: Any, told: Any) -> None:
    body = orjson.dumps(PUSH)
    codes = [
        client.post("/api/webhook", content=body, headers=HEADERS).status_code for _ in range(400)
    ]
    assert codes[-1] == 429
    assert len(told) == codes.count(200) < 400
