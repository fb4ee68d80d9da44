"""Parts of a process: one that breaks is told of and comes back, the others go on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from towline.aio.clock import SystemClock
from towline.aio.services import Services

pytestmark = pytest.mark.asyncio


@contextlib.asynccontextmanager
async def services(base: float = 0.001) -> AsyncIterator[Services]:
    async def main(ready: asyncio.Future[Services]) -> None:
        async with asyncio.TaskGroup() as group:
            ready.set_result(Services(group, SystemClock(), base=base))
            await asyncio.Event().wait()

    ready: asyncio.Future[Services] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(main(ready))
    try:
        async with asyncio.timeout(5):
            yield await ready
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def forever() -> None:
    await asyncio.Event().wait()


async def test_s65_a_part_that_breaks_is_started_again_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    starts: list[str] = []
    back = asyncio.Event()

    async def poisoned() -> None:
        starts.append("poisoned")
        if len(starts) == 4:
            back.set()
            await forever()
        if len(starts) == 3:
            return  # an end without a word counts as broken too
        raise KeyError("spec")

    ended = False

    async def other() -> None:
        nonlocal ended
        try:
            await forever()
        finally:
            ended = True

    async with services() as parts:
        parts.start("other", other)
        parts.start("poisoned", poisoned)
        await back.wait()
        assert not ended
        assert parts.broken == {}
    assert ended
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 3
    assert caplog.records[0].exc_info is not None
    assert "it ended" in caplog.records[2].message


async def test_a_broken_part_is_listed_while_it_waits() -> None:
    broke = asyncio.Event()

    async def part() -> None:
        broke.set()
        raise ValueError("no")

    async with services(base=60) as parts:
        parts.start("part", part)
        await broke.wait()
        while not parts.broken:
            await asyncio.sleep(0)
        assert parts.broken == {"part": "ValueError: no"}


async def test_a_cancellation_from_within_does_not_end_a_part_silently() -> None:
    again = asyncio.Event()
    starts = 0

    async def part() -> None:
        nonlocal starts
        starts += 1
        if starts > 1:
            again.set()
            await forever()
        raise asyncio.CancelledError

    async with services() as parts:
        parts.start("part", part)
        await again.wait()
