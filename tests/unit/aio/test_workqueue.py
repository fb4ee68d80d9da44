"""One worker per key, additions merge, failures back off, nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from towline.aio.workqueue import WorkQueue
from towline.errors import TransientError

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


async def test_s65_a_cancellation_within_the_work_does_not_end_its_worker() -> None:
    queue: WorkQueue[str] = WorkQueue(base=0.001)
    calls: list[str] = []
    done = asyncio.Event()
    gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    gone.cancel()
    for key in ("a", "b", "c"):
        queue.add(key)

    async def reconcile(key: str) -> None:
        calls.append(key)
        if len(calls) > 6:
            done.set()
        if len(calls) <= 6:
            await gone  # a shared result that somebody gave up

    await drain(queue, reconcile, until=done)
    assert len(calls) > 6


async def test_cancelling_the_queue_cancels_the_work_and_waits_for_its_end() -> None:
    queue: WorkQueue[str] = WorkQueue()
    began, ended = asyncio.Event(), []
    queue.add("a")

    async def reconcile(_: str) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    await drain(queue, reconcile, until=began)
    assert ended == [True]


async def test_keys_that_run_before_their_time_leave_nothing_behind() -> None:
    queue: WorkQueue[str] = WorkQueue()
    done = asyncio.Event()
    queue.add("a")
    calls = 0

    async def reconcile(key: str) -> float:
        nonlocal calls
        calls += 1
        if calls == 1_000:
            done.set()
        queue.add(key)
        return 3600.0

    await drain(queue, reconcile, until=done)
    assert len(queue._delayed) < 100


async def test_unexpected_errors_are_logged_with_their_trace_and_expected_ones_without(
    caplog: pytest.LogCaptureFixture,
) -> None:
    queue: WorkQueue[str] = WorkQueue(base=0.001)
    done = asyncio.Event()
    calls = 0
    queue.add("a")

    async def reconcile(_: str) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise TransientError("busy")
        if calls == 2:
            raise ExceptionGroup("unhandled errors", [KeyError("spec")])
        done.set()

    await drain(queue, reconcile, until=done)
    first, second = caplog.records
    assert (first.levelname, first.exc_info, "busy" in first.message) == ("WARNING", None, True)
    assert second.levelname == "ERROR"
    assert second.exc_info is not None
    assert "KeyError: 'spec'" in second.message
