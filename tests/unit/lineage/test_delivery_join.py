"""A delivery shows what was recorded, in order, and never more."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.lineage.delivery import STAGES, ImageFact, MarkFact, RunFact, join

START = dt.datetime(2026, 1, 1, 12, 0, 0, tzinfo=dt.UTC)


def run(**changes: object) -> RunFact:
    values: dict[str, object] = {
        "id": "r1",
        "pipeline": "argocd/build",
        "job": "Building-image",
        "number": 3,
        "state": "running",
        "result": "",
        "error": "",
        "commit": "c" * 40,
    }
    return RunFact(**(values | changes))  # type: ignore[arg-type]


def marks(*names: str, start: dt.datetime = START) -> dict[str, MarkFact]:
    return {
        name: MarkFact(name=name, at=start + dt.timedelta(seconds=index))
        for index, name in enumerate(names)
    }


def test_stages_come_in_order_with_seconds_since_the_first() -> None:
    delivery = join(
        run(),
        marks=marks("push", "webhook", "build"),
        images=[],
        manifest_commit="m" * 40,
        manifest_marks=marks("refresh", start=START + dt.timedelta(seconds=10)),
    )
    assert [(stage.name, stage.seconds) for stage in delivery.stages] == [
        ("push", 0.0),
        ("webhook", 1.0),
        ("build", 2.0),
        ("refresh", 10.0),
    ]
    assert delivery.status == "running"


def test_a_stage_recorded_against_the_wrong_commit_does_not_count() -> None:
    delivery = join(
        run(),
        marks=marks("push", "ready"),
        images=[],
        manifest_commit="m",
        manifest_marks=marks("build"),
    )
    assert [stage.name for stage in delivery.stages] == ["push"]


@pytest.mark.parametrize(
    ("state", "result", "error", "downstream", "reached", "status", "failure"),
    [
        ("running", "", "", "", ["push"], "running", ""),
        ("finished", "SUCCESS", "", "", ["push", "build"], "built", ""),
        ("finished", "SUCCESS", "", "", ["push", "manifest"], "running", ""),
        ("finished", "FAILURE", "pip failed", "", ["push"], "failed", "pip failed"),
        (
            "finished",
            "ABORTED",
            "",
            "",
            ["push"],
            "failed",
            "Building-image #3 ended with ABORTED",
        ),
        ("finished", "SUCCESS", "", "push refused", ["push"], "failed", "push refused"),
    ],
)
def test_status_and_failure(
    state: str,
    result: str,
    error: str,
    downstream: str,
    reached: list[str],
    status: str,
    failure: str,
) -> None:
    delivery = join(
        run(state=state, result=result, error=error),
        marks=marks(*reached),
        images=[],
        manifest_commit="",
        manifest_marks={},
        downstream_failure=downstream,
    )
    assert (delivery.status, delivery.failure) == (status, failure)


def test_delivered_only_when_the_application_was_ready_at_the_manifest_commit() -> None:
    delivery = join(
        run(state="finished", result="SUCCESS"),
        marks=marks("push", "manifest"),
        images=[ImageFact(reference="a/b:1", digest="sha256:1")],
        manifest_commit="m",
        manifest_marks=marks("refresh", "sync", "ready"),
    )
    assert delivery.status == "delivered"
    assert delivery.image == ImageFact(reference="a/b:1", digest="sha256:1")


@given(st.sets(st.sampled_from(STAGES)), st.sets(st.sampled_from(STAGES)))
def test_no_stage_is_invented_and_order_holds(first: set[str], second: set[str]) -> None:
    delivery = join(
        run(),
        marks=marks(*sorted(first)),
        images=[],
        manifest_commit="m",
        manifest_marks=marks(*sorted(second)),
    )
    names = [stage.name for stage in delivery.stages]
    assert names == [name for name in STAGES if name in names]
    assert set(names) <= first | second
