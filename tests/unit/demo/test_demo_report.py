"""The report calls a story complete only when every step happened."""

from __future__ import annotations

import json
from typing import Any

import pytest

from towline.demo.report import STAGES, Heal, Image, Pod, Push, PushModel, Report, Stage


def push(**changes: Any) -> Push:
    values: dict[str, Any] = {
        "commit": "c" * 40,
        "stages": [
            Stage(name=name, at="2026-01-01T00:00:00.000+00:00", seconds=float(index))
            for index, name in enumerate(STAGES)
        ],
        "build_number": 1,
        "image": Image(reference="a/b:1", digest="sha256:0"),
        "manifest_commit": "m" * 40,
        "pods": [Pod(name=f"p{n}", uid=f"u{n}", container_id=f"podman://{n}") for n in range(3)],
        "response": "hello",
    }
    return Push(**(values | changes))


def complete(**changes: Any) -> Report:
    values: dict[str, Any] = {
        "pushes": [push(), push()],
        "heals": [Heal(drift=f"drift {n}", seconds=0.01) for n in range(3)],
        "push_model": PushModel(healed=False, waited_seconds=5.0),
    }
    return Report(**(values | changes))


def test_a_complete_story_has_no_problem() -> None:
    assert complete().judge() == []


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"error": "towline up ended"}, "towline up ended"),
        ({"pushes": [push()]}, "1 of 2 pushes"),
        ({"pushes": [push(), push(stages=[])]}, "push 2: stage ready is missing"),
        ({"pushes": [push(), push(failed_requests=1)]}, "1 requests failed"),
        ({"pushes": [push(pods=[]), push()]}, "push 1: 0 pods"),
        ({"heals": []}, "0 of 3 drifts"),
        ({"push_model": None}, "not compared"),
        ({"push_model": PushModel(healed=True, waited_seconds=1)}, "proves nothing"),
    ],
)
def test_what_did_not_happen_is_a_problem(changes: dict[str, Any], complaint: str) -> None:
    assert any(complaint in problem for problem in complete(**changes).judge())


def test_json_has_the_documented_keys() -> None:
    content = json.loads(complete(ok=True).json())
    assert set(content) == {"ok", "setup_seconds", "pushes", "heals", "push_model", "memory_mb"}
    assert set(content["pushes"][0]) == {
        "commit",
        "stages",
        "build_number",
        "image",
        "manifest_commit",
        "pods",
        "response",
        "requests",
        "failed_requests",
    }
    assert json.loads(complete(error="why").json())["error"] == "why"


def test_table_lists_every_stage_of_both_pushes() -> None:
    lines = complete().table().splitlines()
    assert [line.split()[0] for line in lines] == ["stage", *STAGES]
    assert "push 1" in lines[0]
    assert "push 2" in lines[0]
