"""What a cluster has from its first start, and what a start with other settings corrects."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from towline.aio.clock import SystemClock
from towline.drydock.admission.services import ServicePlan
from towline.drydock.bootstrap import ensure_defaults
from towline.drydock.registry import Registry
from towline.drydock.storage import Store
from towline.kube.refs import GroupResource
from towline.kube.schema.catalog import load_catalog

RANGES = GroupResource("networking.k8s.io", "servicecidrs")
ENDPOINTS = GroupResource("", "endpoints")


@pytest.mark.asyncio
async def test_the_service_range_is_an_object_and_follows_the_settings(tmp_path: Path) -> None:
    clock = SystemClock()
    store = Store.open(tmp_path / "state.db", clock, sync="normal")
    for cidr in ("10.96.0.0/16", "10.96.0.0/16", "10.97.0.0/24"):
        plan = ServicePlan(cidr)
        registry = Registry(store, load_catalog(), clock, Random(7), plan)
        await ensure_defaults(registry, plan, host="127.0.0.1", port=1, ca="pem")
        (found,) = registry.objects(RANGES)
        assert (found["metadata"]["name"], found["spec"]["cidrs"]) == ("kubernetes", [cidr])
    await store.close()


@pytest.mark.asyncio
async def test_older_endpoints_of_the_server_get_the_label_that_keeps_them_unmirrored(
    tmp_path: Path,
) -> None:
    clock = SystemClock()
    store = Store.open(tmp_path / "state.db", clock, sync="normal")
    plan = ServicePlan("10.96.0.0/16")
    registry = Registry(store, load_catalog(), clock, Random(7), plan)
    await ensure_defaults(registry, plan, host="127.0.0.1", port=1, ca="pem")

    def forget(copy: dict[str, dict[str, object]]) -> None:
        copy["metadata"]["labels"] = {"mine": "kept"}

    await registry.mutate(ENDPOINTS, "default", "kubernetes", forget, manager="test")
    await ensure_defaults(registry, plan, host="127.0.0.1", port=1, ca="pem")
    found = registry.get(ENDPOINTS, "default", "kubernetes")
    assert found is not None
    assert found["metadata"]["labels"] == {
        "mine": "kept",
        "endpointslice.kubernetes.io/skip-mirror": "true",
    }
    await store.close()
