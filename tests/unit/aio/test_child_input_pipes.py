"""Writing to a child that has ended says so, on every event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
import uvloop

from towline.aio.pipes import hand_over
from towline.drydock.network.links import memory_file


async def _written_to(*argv: str, data: bytes) -> tuple[bool, bytes]:
    child = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    if argv == ("true",):
        await child.wait()
        # The loop learns of the broken pipe a moment later than of the child's end.
        while not child.stdin.is_closing() and await hand_over(child.stdin, data):
            pass
    taken = await hand_over(child.stdin, data)
    child.stdin.close()
    output = await child.stdout.read()
    await child.wait()
    return taken, output


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_child_that_reads_gets_everything(run: Any) -> None:
    assert run(_written_to("cat", data=b"text")) == (True, b"text")


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_child_that_has_ended_is_no_error(run: Any) -> None:
    work: Coroutine[Any, Any, tuple[bool, bytes]] = _written_to("true", data=b"x" * 100_000)
    assert run(work) == (False, b"")


def test_a_file_in_memory_is_read_from_its_beginning() -> None:
    with memory_file(b"link add dd0") as descriptor, open(descriptor, "rb", closefd=False) as file:
        assert file.read() == b"link add dd0"
