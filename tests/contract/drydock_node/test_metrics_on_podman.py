"""What real containers use, from the kernel's own accounts."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]

_MIB = 1024 * 1024


async def test_busy_and_idle_pods_are_told_apart(cluster: Any) -> None:
    # Memory of a shell variable: 2^23 bytes.
    fill = (
        "x=aaaaaaaa; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do x=$x$x; done"
    )
    await cluster.run_pod("busy", "sh", "-c", "while :; do :; done")
    await cluster.run_pod("idle", "sleep", "10000")
    await cluster.run_pod("fat", "sh", "-c", f"{fill}; while :; do sleep 1000; done")
    names = ("busy", "idle", "fat")
    for name in names:
        await cluster.until(lambda name=name: cluster.status(name).get("phase") == "Running")
    metrics = cluster.node.metrics
    samples: dict[str, Any] = {}
    for name in names:
        samples[name] = await cluster.until(lambda name=name: metrics.pod(cluster.pod(name)))
    await cluster.until(lambda: metrics.pod(cluster.pod("busy")).containers["main"].cpu > 10**8)
    assert samples["idle"].containers["main"].cpu < 10**8
    assert 0.3 <= samples["busy"].window <= 10
    await cluster.until(
        lambda: metrics.pod(cluster.pod("fat")).containers["main"].memory > 8 * _MIB
    )
    assert 0 < metrics.pod(cluster.pod("idle")).containers["main"].memory < 8 * _MIB
    node = (await cluster.until(metrics.nodes))["drydock"]
    assert node.usage.cpu > 10**8
    assert node.usage.memory > 50 * _MIB
