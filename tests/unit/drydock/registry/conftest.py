"""A registry on a fresh store, and a clock that tests own."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from towline.drydock.admission.services import ServicePlan
from towline.drydock.registry import Registry
from towline.drydock.storage import Store
from towline.kube.refs import GroupResource
from towline.kube.schema.catalog import load_catalog

Obj = dict[str, Any]


class ManualClock:
    """Moves only when told to; identities are counted."""

    def __init__(self) -> None:
        self.moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        self._count = 0

    def advance(self, seconds: float) -> None:
        self.moment += dt.timedelta(seconds=seconds)

    def now(self) -> dt.datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def uuid(self) -> str:
        self._count += 1
        return str(uuid.UUID(int=self._count))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest_asyncio.fixture
async def registry(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Registry]:
    store = Store.open(tmp_path / "state.db", clock, sync="normal")
    plan = ServicePlan("10.96.0.0/24", ("10.96.0.10",))
    registry = Registry(store, load_catalog(), clock, Random(7), plan)
    namespaces = GroupResource("", "namespaces")
    for name in ("default", "other"):
        await registry.create(namespaces, {"metadata": {"name": name}}, manager="test")
    yield registry
    await store.close()
