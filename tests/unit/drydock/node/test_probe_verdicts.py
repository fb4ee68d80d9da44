from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.drydock.node.probes import ProbeSpec, Verdict, port_number, probes_of


def _spec(**probe: Any) -> ProbeSpec:
    return probes_of({"readinessProbe": {"tcpSocket": {"port": 1}, **probe}})["readiness"]


def _verdict(spec: ProbeSpec, tries: str) -> bool | None:
    verdict = Verdict()
    for result in tries:
        verdict = verdict.after(spec, success=result == "+")
    return verdict.passed


@pytest.mark.parametrize(
    ("successes", "failures", "tries", "passed"),
    [
        (1, 3, "", None),
        (1, 3, "+", True),
        (1, 3, "--", None),
        (1, 3, "---", False),
        (1, 3, "+--", True),
        (1, 3, "+---", False),
        (1, 3, "---+", True),
        (2, 3, "---+", False),
        (2, 3, "---++", True),
        (2, 3, "---+-+", False),
    ],
)
def test_thresholds_count_results_in_a_row(
    successes: int, failures: int, tries: str, *, passed: bool | None
) -> None:
    spec = _spec(successThreshold=successes, failureThreshold=failures)
    assert _verdict(spec, tries) is passed


@given(st.text(alphabet="+-", max_size=30))
def test_a_threshold_of_one_follows_the_last_result(tries: str) -> None:
    expected = None if not tries else tries[-1] == "+"
    assert _verdict(_spec(failureThreshold=1), tries) is expected


def test_defaults_and_floors() -> None:
    spec = _spec()
    assert (spec.delay, spec.period, spec.timeout) == (0, 10, 1)
    assert _spec(periodSeconds=0.1).period == 1.0
    assert probes_of({"livenessProbe": {}}) == {}


def test_a_port_may_be_a_name() -> None:
    container = {"ports": [{"name": "http", "containerPort": 8080}]}
    assert port_number(container, 5) == 5
    assert port_number(container, "http") == 8080
    assert port_number(container, "81") == 81
    with pytest.raises(ValueError, match="nope"):
        port_number(container, "nope")
