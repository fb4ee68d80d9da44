"""jq expressions on real worker processes: what they take out, and what stops them."""

from __future__ import annotations

import asyncio
import copy
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from towline.errors import InputError
from towline.gitops.ignore import Removal
from towline.workers.jq_pool import JqLimits, JqPool

OBJECT = {
    "metadata": {"annotations": {"a/b": "1", "c": "2"}, "uid": "u"},
    "spec": {
        "big": 1234567890123456789,
        "float": 1.0,
        "containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y", "env": [1, 2, 3]}],
    },
}
ENDLESS = ["def f: f; f", "last(repeat(1))", "[range(1e12)] | .a", "[limit(1e12; repeat(.))] | .x"]


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[JqPool]:
    found = JqPool(JqLimits(cpu_seconds=0.5))
    yield found
    await found.close()


def jq(*texts: str) -> list[Removal]:
    return [Removal(text, jq=not text.startswith("/")) for text in texts]


def without(*paths: tuple[Any, ...]) -> Any:
    """The object without some places; the last ones of a list first."""
    found = copy.deepcopy(OBJECT)
    for *way, last in paths:
        place: Any = found
        for step in way:
            place = place[step]
        del place[last]
    return found


@pytest.mark.asyncio
async def test_expressions_take_out_what_they_lead_to(pool: JqPool) -> None:
    spec = ("spec", "containers")
    cases: list[tuple[list[str], Any]] = [
        ([".metadata.uid"], without(("metadata", "uid"))),
        ([".spec.containers[].image"], without((*spec, 0, "image"), (*spec, 1, "image"))),
        (['.spec.containers[] | select(.name == "b")'], without((*spec, 1))),
        (
            ['.spec.containers[] | select(.name | test("^a$")) | .image'],
            without((*spec, 0, "image")),
        ),
        (['.metadata.annotations["a/b"]'], without(("metadata", "annotations", "a/b"))),
        (
            ['.metadata.annotations | .[(keys[] | select(startswith("a")))]'],
            without(("metadata", "annotations", "a/b")),
        ),
        ([".spec.containers[1].env[0:2]"], without((*spec, 1, "env", 1), (*spec, 1, "env", 0))),
        ([".spec.containers[1].env[-1]"], without((*spec, 1, "env", 2))),
        (["first(.spec.containers[])", "/spec/containers/0"], without((*spec, 1), (*spec, 0))),
        (["/spec/containers/0", ".spec.containers[0]"], without((*spec, 1), (*spec, 0))),
        ([".spec.none", ".spec.none[]?", ".spec.containers[7].x"], OBJECT),
        ([".. | .env? // empty"], without((*spec, 1, "env"))),
    ]
    for texts, left in cases:
        assert (texts, await pool.remove([OBJECT], jq(*texts), "app")) == (texts, [left])


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "text",
    [".spec.none[]", ".metadata.uid.x", "input", "1", "$ENV.PATH", 'error("x")', ".", "..", "halt"],
)
async def test_an_expression_that_fails_on_an_object_leaves_it(pool: JqPool, text: str) -> None:
    found = await pool.remove([OBJECT, {}], jq(text, ".metadata.uid"), "app")
    assert found == [without(("metadata", "uid")), {}]


@pytest.mark.asyncio
@pytest.mark.parametrize("text", [".a | (", "x y", ".a) | (.b", "nosuch(1)", 'import "a" as a; .a'])
async def test_what_is_no_jq_is_an_error_that_names_it(pool: JqPool, text: str) -> None:
    with pytest.raises(InputError) as error:
        await pool.remove([OBJECT], jq(text), "app")
    assert repr(text) in str(error.value)


@pytest.mark.asyncio
async def test_s64_endless_expressions_are_stopped_and_do_not_delay_others(pool: JqPool) -> None:
    async with asyncio.TaskGroup() as group:
        hostile = group.create_task(pool.remove([OBJECT], jq(*ENDLESS, ".metadata.uid"), "bad"))
        again = group.create_task(pool.remove([{}], jq("def f: f; f | .b"), "bad"))
        good = await pool.remove([OBJECT], jq(".metadata.uid"), "good")
        assert not hostile.done()
        assert not again.done()
    expected = [without(("metadata", "uid"))]
    assert good == hostile.result() == expected
    assert await pool.remove([OBJECT], jq(*ENDLESS), "other") == [OBJECT]
    assert len(pool.pids) <= 4


@pytest.mark.asyncio
async def test_a_stopped_expression_is_tried_again_later() -> None:
    now = [0.0]
    pool = JqPool(JqLimits(cpu_seconds=0.2, left_out=60.0), monotonic=lambda: now[0])
    try:
        await pool.remove([OBJECT], jq(ENDLESS[0]), "app")
        assert pool.pids == []
        await pool.remove([OBJECT], jq(ENDLESS[0], ".a"), "app")
        (worker,) = pool.pids
        now[0] = 61.0
        await pool.remove([OBJECT], jq(ENDLESS[0]), "app")
        assert worker not in pool.pids
    finally:
        await pool.close()


@pytest.mark.asyncio
async def test_a_worker_that_died_is_replaced(pool: JqPool) -> None:
    await pool.remove([OBJECT], jq(".a"), "app")
    (first,) = pool.pids
    os.kill(first, signal.SIGKILL)
    while True:  # until the loop has seen its end
        try:
            os.kill(first, 0)
        except ProcessLookupError:
            break
        await asyncio.sleep(0)
    assert await pool.remove([OBJECT], jq(".metadata.uid"), "app") == [without(("metadata", "uid"))]
    assert pool.pids != [first]
