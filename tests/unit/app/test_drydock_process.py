"""The embedded cluster's process comes back, also when a restart fails at first."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from towline.app.drydock import DrydockProcess
from towline.errors import TowlineError
from towline.settings import DrydockSettings

pytestmark = pytest.mark.asyncio

_SCRIPT = """#!/bin/sh
echo start >> {log}
case $(wc -l < {log}) in
{cases}
*) echo "ready http://127.0.0.1:1"; exec sleep 60;;
esac
"""


def a_cluster(folder: Path, cases: str) -> tuple[DrydockProcess, Path]:
    log, script = folder / "log", folder / "towline"
    log.write_text("")
    script.write_text(_SCRIPT.format(log=log, cases=cases))
    script.chmod(0o700)
    process = DrydockProcess(
        folder, folder / "kubeconfig", DrydockSettings(), {}, towline=[str(script)]
    )
    return process, log


async def starts(log: Path, wanted: int) -> None:
    async with asyncio.timeout(10):
        while len(log.read_text().splitlines()) < wanted:
            await asyncio.sleep(0.01)


async def test_a_restart_that_fails_is_tried_again(tmp_path: Path) -> None:
    dies_once_and_then_cannot_start = '1) echo "ready http://127.0.0.1:1"; exit 3;;\n2) exit 1;;'
    process, log = a_cluster(tmp_path, dies_once_and_then_cannot_start)
    await process.start()
    supervisor = asyncio.create_task(process.supervise())
    await starts(log, 3)
    assert not supervisor.done()
    supervisor.cancel()
    await asyncio.wait([supervisor])
    await process.stop()


async def test_a_first_start_that_fails_is_an_error(tmp_path: Path) -> None:
    process, _ = a_cluster(tmp_path, "1) exit 1;;")
    with pytest.raises(TowlineError, match="did not start"):
        await process.start()
