"""A real registry without a server, for what the node writes into the cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest_asyncio

from towline.aio.clock import SystemClock
from towline.drydock.admission.services import ServicePlan
from towline.drydock.registry import Registry
from towline.drydock.storage import Store
from towline.kube.refs import GroupResource
from towline.kube.schema.catalog import load_catalog


@pytest_asyncio.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    clock = SystemClock()
    store = Store.open(tmp_path / "state.db", clock, sync="normal")
    made = Registry(store, load_catalog(), clock, Random(1), ServicePlan("10.96.0.0/24"))
    for name in ("default", "kube-node-lease"):
        obj: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name},
        }
        await made.create(GroupResource("", "namespaces"), obj, manager="test")
    try:
        yield made
    finally:
        await store.close()
