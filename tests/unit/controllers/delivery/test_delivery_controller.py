from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from towline.aio.clock import SystemClock
from towline.controllers.delivery import DeliveryController
from towline.controllers.run import PipelineRegister
from towline.errors import TransientError
from towline.forge.events import PushEvent
from towline.store import Run, Store

URL = "https://example.com/o/app.git"
A, B, C = "a" * 40, "b" * 40, "c" * 40
pytestmark = pytest.mark.asyncio


class Info:
    author, email, message = "Ann", "ann@example.com", "m"

    def __init__(self, trailers: tuple[tuple[str, str], ...]) -> None:
        self.trailers = trailers


class FakeGit:
    def __init__(self) -> None:
        self.refs: dict[str, str] = {}
        self.trailers: dict[str, tuple[tuple[str, str], ...]] = {}
        self.failures = 0

    async def heads(self, url: str) -> dict[str, str]:
        if self.failures:
            self.failures -= 1
            raise TransientError("no answer")
        return dict(self.refs)

    async def default_branch(self, url: str) -> str:
        return "main"

    async def commit_info(self, url: str, commit: str) -> Info:
        return Info(self.trailers.get(commit, ()))

    async def resolve(self, url: str, revision: str, *, fresh: bool = True) -> str:
        raise AssertionError

    async def tree(self, url: str, commit: str) -> Any:
        raise AssertionError

    async def checkout(self, *_: Any, **__: Any) -> None:
        raise AssertionError


class Object:
    def __init__(self, body: dict[str, Any]) -> None:
        self._body = body
        self.resource_version = str(id(body))

    def body(self) -> dict[str, Any]:
        return self._body


class Objects:
    def __init__(self) -> None:
        self.items: list[Object] = []
        self.listeners: list[Callable[..., None]] = []

    def put(self, name: str, **spec: Any) -> None:
        source = {"repoURL": URL, **spec.pop("source", {})}
        triggers = {"poll": "", **spec.pop("triggers", {})}
        body = {
            "metadata": {"name": name, "namespace": "ci"},
            "spec": {"source": source, "triggers": triggers, **spec},
        }
        self.items.append(Object(body))
        for listener in self.listeners:
            listener(None, None, None)

    async def synced(self, timeout: float | None = None) -> None:
        return

    def list(self, namespace: str = "") -> Sequence[Object]:
        return self.items

    def subscribe(self, callback: Callable[..., None]) -> Callable[[], None]:
        self.listeners.append(callback)
        return lambda: self.listeners.remove(callback)


class Engine:
    def __init__(self) -> None:
        self.events: list[PushEvent] = []

    def on_push(self, event: PushEvent, head: str | None = None) -> None:
        self.events.append(event)


class World:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.git = FakeGit()
        self.objects = Objects()
        self.engine = Engine()
        self.controller = DeliveryController(
            store, PipelineRegister(self.objects), self.engine, self.git, SystemClock()
        )
        self.serial = 0

    async def push(self, after: str, *, ref: str = "refs/heads/main", url: str = URL) -> None:
        self.serial += 1
        event = PushEvent(
            repository=(url,),
            full_name="o/app",
            ref=ref,
            before="0" * 40,
            after=after,
            default_branch="main",
        )
        await self.store.deliveries.accept(
            "github", "h", f"d{self.serial}", "s", event, SystemClock().now()
        )

    async def settled(self) -> list[Run]:
        async with asyncio.timeout(10):
            while await self.store.deliveries.pending():
                await asyncio.sleep(0.005)
        return await self.runs()

    async def runs(self) -> list[Run]:
        return sorted(await self.store.runs.list(), key=lambda run: (run.job, run.number))

    async def outcome(self) -> str:
        await self.settled()
        return (await self.store.deliveries.recent(1))[0].outcome


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await Store.open(tmp_path / "store")
    made = World(store)
    task = asyncio.create_task(made.controller.run())
    yield made
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await store.close()


async def test_a_push_starts_a_run_of_the_present_head(world: World) -> None:
    world.objects.put("p", jobName="P")
    world.git.refs = {"HEAD": B, "refs/heads/main": B}
    await world.push(A)
    (run,) = await world.settled()
    assert (run.job, run.commit, run.ref, run.trigger) == ("P", B, "refs/heads/main", "push")
    assert (run.pipeline, run.delivery) == ("ci/p", 1)
    assert await world.outcome() == "P #1"
    assert [event.after for event in world.engine.events] == [A]


async def test_s05_replays_with_fresh_ids_start_nothing_new(world: World) -> None:
    world.objects.put("p")
    world.git.refs = {"refs/heads/main": A}
    for _ in range(30):
        await world.push(A)
    assert len(await world.settled()) == 1


async def test_r03_late_events_never_build_an_old_commit(world: World) -> None:
    world.objects.put("p")
    world.git.refs = {"refs/heads/main": C}
    for commit in (B, C, A):
        await world.push(commit)
    assert [run.commit for run in await world.settled()] == [C]


async def test_each_new_head_is_built(world: World) -> None:
    world.objects.put("p")
    for commit in (A, B):
        world.git.refs = {"refs/heads/main": commit}
        await world.push(commit)
        await world.settled()
    assert [(run.number, run.commit) for run in await world.runs()] == [(1, A), (2, B)]


@pytest.mark.parametrize(
    ("ref", "url", "spec", "outcome"),
    [
        ("refs/heads/topic", URL, {}, "does not follow topic"),
        ("refs/heads/main", "https://example.com/o/app-evil.git", {}, "no pipeline"),
        ("refs/tags/v1", URL, {}, "no pipeline"),
        ("refs/heads/main", URL, {"suspend": True}, "no pipeline"),
        ("refs/heads/main", URL, {"triggers": {"push": False}}, "no pipeline"),
        ("refs/heads/gone", URL, {"source": {"branches": ["**"]}}, "is gone"),
    ],
)
async def test_pushes_that_concern_nobody(
    world: World, ref: str, url: str, spec: dict[str, Any], outcome: str
) -> None:
    world.objects.put("p", **spec)
    world.git.refs = {"refs/heads/main": A, "refs/heads/topic": A}
    await world.push(A, ref=ref, url=url)
    assert outcome in await world.outcome()
    assert await world.runs() == []
    assert len(world.engine.events) == 1


@pytest.mark.parametrize("url", ["https://example.com/o/app", "git@example.com:o/app.git"])
async def test_a_repository_is_known_by_its_other_urls(world: World, url: str) -> None:
    world.objects.put("p")
    world.git.refs = {"refs/heads/main": A}
    await world.push(A, url=url)
    assert len(await world.settled()) == 1


async def test_branches_of_the_spec_are_followed(world: World) -> None:
    world.objects.put("p", source={"branches": ["release/*"]})
    world.git.refs = {"refs/heads/release/1": B}
    await world.push(B, ref="refs/heads/release/1")
    assert [run.ref for run in await world.settled()] == ["refs/heads/release/1"]


async def test_a_pipeline_does_not_start_itself(world: World) -> None:
    world.objects.put("p", jobName="P")
    world.objects.put("q", jobName="Q")
    world.git.refs = {"refs/heads/main": A}
    world.git.trailers[A] = (("Towline-Run", "P/3"),)
    await world.push(A)
    assert [run.job for run in await world.settled()] == ["Q"]


async def test_r15_a_silent_repository_is_asked_again(world: World) -> None:
    world.objects.put("p")
    world.git.refs = {"refs/heads/main": A}
    world.git.failures = 2
    await world.push(A)
    assert len(await world.settled()) == 1


async def test_r04_a_missed_event_is_found_by_polling(world: World) -> None:
    world.git.refs = {"HEAD": A, "refs/heads/main": A, "refs/heads/topic": B}
    world.objects.put("p", triggers={"poll": "10s"})
    async with asyncio.timeout(10):
        while not (runs := await world.runs()):
            await asyncio.sleep(0.005)
    assert [(run.commit, run.trigger) for run in runs] == [(A, "poll")]
    await world.push(A)
    assert len(await world.settled()) == 1


async def test_the_first_marks_of_a_delivery_are_set(world: World) -> None:
    world.objects.put("p")
    world.git.refs = {"refs/heads/main": A}
    await world.push(A)
    await world.settled()
    assert sorted((await world.store.lineage.of(A)).marks) == ["push", "webhook"]
