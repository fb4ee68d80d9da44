from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest

from towline.argo.application import Application, parse_application
from towline.controllers.application.events import EventWriter
from towline.kube.status import ApiError


class StillClock:
    def __init__(self) -> None:
        self.at = 0.0
        self.made = 0

    def now(self) -> dt.datetime:
        return dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)

    def uuid(self) -> str:
        self.made += 1
        return f"{self.made:032d}"


class Api:
    def __init__(self, wanted: int, refused: int = 0) -> None:
        self.wanted, self.refused = wanted, refused
        self.created: list[Any] = []
        self.enough = asyncio.Event()

    async def create(self, obj: Any, *, manager: str) -> Any:
        if self.refused:
            self.refused -= 1
            raise ApiError("no", reason="Forbidden")
        self.created.append(obj)
        if len(self.created) == self.wanted:
            self.enough.set()
        return obj


def app(status: str) -> Application:
    meta = {"name": "web", "namespace": "argocd", "uid": "u"}
    return parse_application({"metadata": meta, "spec": {}, "status": {"sync": {"status": status}}})


async def written(writer: EventWriter, api: Api) -> list[Any]:
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(writer.run())
        await api.enough.wait()
        task.cancel()
    return api.created


def flap(writer: EventWriter, times: int) -> None:
    for turn in range(times):
        pair = ("Synced", "OutOfSync") if turn % 2 else ("OutOfSync", "Synced")
        writer.changed(app(pair[0]), app(pair[1]))


@pytest.mark.asyncio
async def test_an_application_that_flaps_does_not_flood_the_server() -> None:
    clock, api = StillClock(), Api(27)
    writer = EventWriter(api, clock)  # type: ignore[arg-type]
    flap(writer, 100)
    clock.at = 25.0
    flap(writer, 100)
    made = await written(writer, api)
    assert len(made) == 27  # a burst of 25, and two more after as many times ten seconds
    assert len({one["metadata"]["name"] for one in made}) == 27


@pytest.mark.asyncio
async def test_an_event_that_is_refused_is_let_go() -> None:
    api = Api(1, refused=1)
    writer = EventWriter(api, StillClock())  # type: ignore[arg-type]
    flap(writer, 2)
    (made,) = await written(writer, api)
    assert made["message"] == "Updated sync status: Synced -> OutOfSync"
