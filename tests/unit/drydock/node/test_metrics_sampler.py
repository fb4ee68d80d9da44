"""Windows of use: what two looks say, and when nothing is said."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.drydock.metrics import Usage
from towline.drydock.node.metrics import Sampler
from towline.drydock.node.metrics_machine import Reading
from towline.drydock.node.model import ContainerSeen

pytestmark = pytest.mark.asyncio

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SECOND = 1_000_000_000


class Machine:
    """Time, running containers and their counters, all set by hand."""

    def __init__(self, interval: float = 15.0) -> None:
        self.time = 1000.0
        self.containers: dict[str, ContainerSeen] = {}
        self.counters: dict[int, Reading] = {}
        self.whole: Reading | None = Reading(0, 0)
        self.sampler = Sampler(
            lambda: list(self.containers.values()), self, self, node="n", interval=interval
        )

    def now(self) -> dt.datetime:
        return START + dt.timedelta(seconds=self.time)

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds

    def uuid(self) -> str:
        return "u"

    def machine(self) -> Reading | None:
        return self.whole

    def container(self, pid: int) -> Reading | None:
        return self.counters.get(pid)

    def run(self, id_: str, pid: int, *, age: float = 1e6, name: str = "c") -> None:
        self.containers[id_] = ContainerSeen(
            id=id_,
            pod_uid="p",
            namespace="ns",
            pod="p",
            name=name,
            attempt=0,
            state="running",
            pid=pid,
            started_at=self.now() - dt.timedelta(seconds=age),
        )

    async def look(self, after: float, **counters: Reading) -> Any:
        self.time += after
        self.counters |= {int(pid[1:]): reading for pid, reading in counters.items()}
        await self.sampler.look()
        return self.sampler.pod({"metadata": {"uid": "p"}})


async def test_a_mean_over_the_time_between_two_looks() -> None:
    machine = Machine()
    machine.run("a", 1)
    assert await machine.look(0, p1=Reading(7 * SECOND, 10)) is None, "one look is no window"
    sample = await machine.look(15, p1=Reading(10 * SECOND, 20))
    assert (sample.window, sample.at) == (15, machine.now())
    assert sample.containers == {"c": Usage(SECOND // 5, 20)}
    sample = await machine.look(20, p1=Reading(10 * SECOND, 5))
    assert sample.containers == {"c": Usage(0, 5)}


async def test_a_young_container_is_measured_from_its_start() -> None:
    machine = Machine()
    machine.run("a", 1, age=12)
    sample = await machine.look(0, p1=Reading(6 * SECOND, 10))
    assert (sample.window, sample.containers["c"].cpu) == (12, SECOND // 2)


@pytest.mark.parametrize("age", [0, 3, 9.9])
async def test_too_short_a_window_says_nothing(age: float) -> None:
    machine = Machine()
    machine.run("a", 1, age=age)
    assert await machine.look(0, p1=Reading(SECOND, 1)) is None
    sample = await machine.look(15, p1=Reading(SECOND, 1))
    assert sample.window == pytest.approx(15 + age)


async def test_an_old_container_that_is_found_at_start_is_not_measured_from_its_start() -> None:
    machine = Machine()
    machine.run("a", 1, age=3600)
    assert await machine.look(0, p1=Reading(3600 * SECOND, 1)) is None
    sample = await machine.look(15, p1=Reading(3600 * SECOND, 1))
    assert sample.containers["c"].cpu == 0


async def test_a_pod_is_told_only_whole() -> None:
    machine = Machine()
    machine.run("a", 1)
    machine.run("b", 2, name="side")
    await machine.look(0, p1=Reading(0, 1))
    assert await machine.look(15, p1=Reading(1, 1)) is None, "one container cannot be read"
    assert await machine.look(15, p1=Reading(1, 1), p2=Reading(0, 1)) is None
    sample = await machine.look(15, p1=Reading(1, 1), p2=Reading(0, 1))
    assert set(sample.containers) == {"c", "side"}


async def test_a_restarted_container_begins_anew() -> None:
    machine = Machine()
    machine.run("a", 1)
    await machine.look(0, p1=Reading(50 * SECOND, 1))
    assert await machine.look(15, p1=Reading(60 * SECOND, 1)) is not None
    del machine.containers["a"]
    machine.run("b", 2, age=1)
    assert await machine.look(1, p2=Reading(0, 1)) is None
    assert (await machine.look(15, p2=Reading(0, 1))).containers["c"].cpu == 0


async def test_a_counter_that_falls_makes_no_negative_use() -> None:
    machine = Machine()
    machine.run("a", 1)
    await machine.look(0, p1=Reading(50 * SECOND, 1))
    assert await machine.look(15, p1=Reading(SECOND, 1)) is None


async def test_the_machine_is_a_node() -> None:
    machine = Machine()
    await machine.look(0)
    assert machine.sampler.nodes() == {}
    machine.whole = Reading(30 * SECOND, 99)
    await machine.look(15)
    assert machine.sampler.nodes()["n"].usage == Usage(2 * SECOND, 99)
    machine.whole = None
    await machine.look(15)
    assert machine.sampler.nodes()["n"].window == 15, "the last sample stays"


@given(steps=st.lists(st.tuples(st.floats(0.01, 60), st.integers(0, 10**11)), max_size=12))
async def test_use_is_never_negative_and_windows_are_long_enough(
    steps: list[tuple[float, int]],
) -> None:
    machine = Machine()
    machine.run("a", 1, age=0)
    total = 0
    for after, spent in steps:
        total += spent
        sample = await machine.look(after, p1=Reading(total, 1))
        if sample is not None:
            assert sample.window >= 10
            assert 0 <= sample.containers["c"].cpu <= total / 10
