"""What is evident from a container's command, and what is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.drydock.node.simulated.behaviour import behaviour_of
from towline.drydock.node.simulated.commands import FOREVER, Outcome, outcome
from towline.drydock.node.simulated.options import SimulationOptions


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["sleep", "300"], Outcome(300)),
        (["/bin/sleep", "1.5m"], Outcome(90)),
        (["sleep", "infinity"], Outcome(FOREVER)),
        (["sleep", "soon"], None),
        (["/bin/true"], Outcome(0)),
        (["false"], Outcome(0, 1)),
        (["echo", "a", "b"], Outcome(0)),
        (["server", "--port", "80"], None),
        (["sh", "-c", "exit 3"], Outcome(0, 3)),
        (["sh", "-c", "exit 256"], Outcome(0, 0)),
        (["/bin/bash", "-c", "sleep 2; echo hi && exit 7"], Outcome(2, 7)),
        (["sh", "-c", "sleep 1\nsleep 2\n"], Outcome(3)),
        (["sh", "-c", "false && sleep 5; sleep 1"], Outcome(1)),
        (["sh", "-c", "false && sleep 5"], Outcome(0, 1)),
        (["sh", "-c", "exec sleep inf; exit 1"], Outcome(FOREVER)),
        (["sh", "-c", "exit $CODE"], None),
        (["sh", "-c", "server || exit 1"], None),
        (["sh", "-c", "sleep 1 > /log"], None),
        (["sh", "-c", "sleep 1 & exit 1"], None),
        (["sh", "-x", "-c", "exit 1"], None),
        (["sh"], None),
    ],
)
def test_plain_commands_say_how_they_end(command: list[str], expected: Outcome | None) -> None:
    assert outcome({"name": "c", "image": "i:1", "command": command}) == expected
    split = {"name": "c", "image": "i:1", "command": command[:1], "args": command[1:]}
    assert outcome(split) == expected


@pytest.mark.parametrize(
    ("container", "idle"),
    [
        ({"image": "registry.k8s.io/pause:3.10"}, True),
        ({"image": "host:5000/e2e/agnhost@sha256:aa"}, True),
        ({"image": "agnhost:2", "args": ["pause"]}, True),
        ({"image": "agnhost:2", "args": ["crash"]}, False),
        ({"image": "pauser"}, False),
        ({}, False),
    ],
)
def test_an_image_that_only_waits_runs_for_ever(container: dict[str, Any], idle: bool) -> None:
    found = outcome({"name": "c", **container})
    assert found == (Outcome(FOREVER) if idle else None)


def test_annotations_win_over_the_command() -> None:
    noted = {"drydock.io/sim-run-seconds": "9", "drydock.io/sim-exit-code": "0"}
    pod = {
        "metadata": {"name": "p", "namespace": "n", "uid": "u", "annotations": noted},
        "spec": {"restartPolicy": "Never"},
    }
    container = {"name": "c", "image": "i", "command": ["sh", "-c", "sleep 2; exit 4"]}
    made = behaviour_of(pod, container, 0, SimulationOptions(), init=False)
    assert (made.run, made.exit_code) == (9, 0)
    pod["metadata"]["annotations"] = {}
    made = behaviour_of(pod, container, 0, SimulationOptions(), init=False)
    assert (made.run, made.exit_code) == (2, 4)


@given(st.text(max_size=60))
def test_any_script_is_taken(text: str) -> None:
    found = outcome({"name": "c", "command": ["sh", "-c", text]})
    assert found is None or (found.seconds is not None and 0 <= found.exit_code <= 255)


@pytest.mark.parametrize(("image", "missing"), [("web:404", True), ("web:1", False)])
def test_some_images_cannot_be_pulled(image: str, missing: bool) -> None:
    pod = {"metadata": {"name": "p"}, "spec": {}}
    options = SimulationOptions(missing_images=("*:404",))
    made = behaviour_of(pod, {"name": "c", "image": image}, 0, options, init=False)
    assert made.image_error == ("not found" if missing else "")
