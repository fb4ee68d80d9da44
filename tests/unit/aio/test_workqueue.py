"""One worker per key, additions merge, failures back off, nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from towline.aio.workqueue import WorkQueue

pytestmark = pytest.mark.asyncio


async def drain(queue: WorkQueue[str], reconcile: object, *, until: asyncio.Event) -> None:
    task = asyncio.ensure_future(queue.run(reconcile, workers=3))  # type: ignore[arg-type]
    try:
        async with asyncio.timeout(5):
            await until.wait()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_waiting_key_is_worked_on_once() -> None:
    queue: WorkQueue[str] = WorkQueue()
    seen: list[str] = []
    done = asyncio.Event()
    for key in ("a", "a", "b", "a", "end"):
        queue.add(key)

    async def reconcile(key: str) -> None:
        seen.append(key)
        if key == "end":
            done.set()

    await drain(queue, reconcile, until=done)
    assert sorted(seen) == ["a", "b", "end"]


async def test_a_key_added_while_it_runs_runs_once_more_and_never_beside_itself() -> None:
    queue: WorkQueue[str] = WorkQueue()
    running = 0
    most = 0
    calls = 0
    done = asyncio.Event()
    queue.add("a")

    async def reconcile(key: str) -> None:
        nonlocal running, most, calls
        running += 1
        most = max(most, running)
        calls += 1
        if calls == 1:
            queue.add(key)
            queue.add(key)
        await asyncio.sleep(0)
        running -= 1
        if calls == 2:
            done.set()

    await drain(queue, reconcile, until=done)
    assert (calls, most) == (2, 1)


async def test_a_failing_key_is_retried_and_others_go_on() -> None:
    queue: WorkQueue[str] = WorkQueue(base=0.001)
    attempts = 0
    others: list[str] = []
    done = asyncio.Event()
    queue.add("bad")
    queue.add("good")

    async def reconcile(key: str) -> None:
        nonlocal attempts
        if key == "good":
            others.append(key)
            return
        attempts += 1
        if attempts < 4:
            raise ValueError("not yet")
        done.set()

    await drain(queue, reconcile, until=done)
    assert (attempts, others) == (4, ["good"])


async def test_the_sooner_of_two_delays_counts() -> None:
    queue: WorkQueue[str] = WorkQueue()
    loop = asyncio.get_running_loop()
    began = loop.time()
    times: list[float] = []
    done = asyncio.Event()
    queue.add_after("a", 60)
    queue.add_after("a", 0.02)

    async def reconcile(_: str) -> None:
        times.append(loop.time() - began)
        done.set()

    await drain(queue, reconcile, until=done)
    assert times[0] < 5


async def test_a_result_in_seconds_asks_for_another_call() -> None:
    queue: WorkQueue[str] = WorkQueue()
    calls = 0
    done = asyncio.Event()
    queue.add("a")

    async def reconcile(_: str) -> float | None:
        nonlocal calls
        calls += 1
        if calls == 3:
            done.set()
            return None
        return 0.001

    await drain(queue, reconcile, until=done)
    assert calls == 3
    assert len(queue) == 0
