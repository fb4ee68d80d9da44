from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from towline.controllers.run.schedule import plan
from towline.pipeline.model import Concurrency, PipelineSpec, Source
from towline.store import Run

T0 = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def run(number: int, *, pipeline: str = "ci/a", **facts: Any) -> Run:
    base = Run(
        id=f"{pipeline}-{number}",
        pipeline=pipeline,
        job="a",
        number=number,
        trigger="push",
        ref="refs/heads/main",
        commit="c",
        parameters={},
        state="queued",
        result="",
        error="",
        key="",
        parent_run="",
        parent_step="",
        delivery=None,
        cause="",
        attempts=0,
        cancel=False,
        created_at=T0,
        started_at=None,
        finished_at=None,
    )
    return msgspec.structs.replace(base, **facts)


def spec(name: str = "a", *, suspend: bool = False, **concurrency: Any) -> PipelineSpec:
    return PipelineSpec(
        name=name,
        namespace="ci",
        source=Source(repo_url="https://example.com/a.git"),
        concurrency=Concurrency(**concurrency),
        suspend=suspend,
    )


SPECS = {"ci/a": spec()}


def test_runs_start_one_by_one_in_order_of_their_numbers() -> None:
    assert [r.number for r in plan([run(3), run(2)], set(), SPECS).start] == [2]
    assert plan([run(2, state="running"), run(3)], {"ci/a-2"}, SPECS).start == ()


def test_the_limit_is_the_pipelines_own() -> None:
    specs = {"ci/a": spec(limit=2), "ci/b": spec("b")}
    runs = [run(1), run(2), run(3), run(1, pipeline="ci/b"), run(2, pipeline="ci/b")]
    assert [r.id for r in plan(runs, set(), specs).start] == ["ci/a-1", "ci/a-2", "ci/b-1"]


def test_r05_an_interrupted_run_is_resumed_before_queued_ones() -> None:
    decided = plan([run(1), run(2, state="running")], set(), SPECS)
    assert [r.number for r in decided.start] == [2]


def test_a_suspended_pipeline_starts_nothing_but_ends_what_it_began() -> None:
    specs = {"ci/a": spec(suspend=True, limit=9)}
    decided = plan([run(1, state="running"), run(2)], set(), specs)
    assert [r.number for r in decided.start] == [1]


def test_runs_without_a_pipeline_or_unwanted_ones_are_dropped() -> None:
    decided = plan([run(1, pipeline="ci/gone"), run(2, cancel=True)], set(), SPECS)
    assert [(r.number, "exist" in why) for r, why in decided.drop] == [(1, True), (2, False)]
    assert decided.start == ()


def test_an_active_run_that_is_unwanted_is_interrupted() -> None:
    decided = plan([run(1, state="running", cancel=True)], {"ci/a-1"}, SPECS)
    assert decided.interrupt == ("ci/a-1",)


def test_superseded_runs_of_the_same_branch_are_dropped() -> None:
    specs = {"ci/a": spec(cancel_superseded=True)}
    runs = [run(1), run(2, ref="refs/heads/other"), run(3), run(4, trigger="manual")]
    decided = plan(runs, {"none"}, specs)
    assert [(r.number, why) for r, why in decided.drop] == [(1, "superseded by #3")]
    assert [r.number for r in decided.start] == [2]


@given(
    st.lists(
        st.tuples(
            st.integers(1, 30), st.sampled_from(["queued", "running"]), st.booleans(), st.booleans()
        ),
        unique_by=lambda item: item[0],
    ),
    st.integers(1, 4),
    st.booleans(),
)
def test_no_plan_breaks_the_limit_or_decides_twice(
    items: list[tuple[int, str, bool, bool]], limit: int, supersede: bool
) -> None:
    runs = [run(number, state=state, cancel=cancel) for number, state, cancel, _ in items]
    active = {f"ci/a-{number}" for number, *_, is_active in items if is_active}
    specs = {"ci/a": spec(limit=limit, cancel_superseded=supersede)}
    decided = plan(runs, active, specs)
    started = {r.id for r in decided.start}
    dropped = {r.id for r, _ in decided.drop}
    assert not started & dropped
    assert not (started | dropped) & active
    assert set(decided.interrupt) <= active
    assert len(started) + len(active) <= max(limit, len(active))
