import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from towline.aio.clock import SystemClock
from towline.drydock.network.plan import plan_of
from towline.drydock.node.options import NodeOptions
from towline.drydock.node.registration import LEASES, NODES, Registration


class _Clock(SystemClock):
    def __init__(self) -> None:
        self.time = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    def now(self) -> dt.datetime:
        return self.time


@pytest.mark.asyncio
async def test_a_node_registers_and_renews_its_lease_only(registry: Any, tmp_path: Path) -> None:
    clock = _Clock()
    options = NodeOptions(data_dir=tmp_path, network=plan_of(7))
    registration = Registration(registry, options, clock, "10.244.7.1")
    await registration._register()
    await registration._renew()
    node = registry.get(NODES, "", "drydock")
    assert node["spec"]["podCIDR"] == "10.244.7.0/24"
    assert node["status"]["conditions"][-1]["reason"] == "KubeletReady"
    assert {"type": "InternalIP", "address": "10.244.7.1"} in node["status"]["addresses"]
    clock.time += dt.timedelta(seconds=10)
    await registration._register()
    await registration._renew()
    assert registry.get(NODES, "", "drydock") is node
    lease = registry.get(LEASES, "kube-node-lease", "drydock")
    assert lease["spec"]["renewTime"] == "2026-01-01T00:00:10.000000Z"
    assert lease["spec"]["holderIdentity"] == "drydock"


@pytest.mark.asyncio
async def test_a_deleted_node_is_registered_anew(registry: Any, tmp_path: Path) -> None:
    options = NodeOptions(data_dir=tmp_path, network=plan_of(7), node_name="n")
    registration = Registration(registry, options, _Clock(), "10.244.7.1")
    await registration._register()
    await registry.delete(NODES, "", "n")
    await registration._register()
    assert registry.get(NODES, "", "n")["status"]["capacity"]["pods"] == "110"
