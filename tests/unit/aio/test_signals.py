"""The first signal ends the work, the second one does not hurt."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from towline.aio.signals import run_until_signal

pytestmark = pytest.mark.asyncio


async def test_a_second_signal_does_not_cut_the_clean_up_short() -> None:
    steps: list[str] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.01)
            steps.append("cleaned up")

    async with asyncio.timeout(5):
        await run_until_signal(work())
    assert steps == ["cleaned up"]


async def test_errors_pass() -> None:
    async def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await run_until_signal(work())
