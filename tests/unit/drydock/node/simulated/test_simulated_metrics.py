"""What simulated containers pretend to use."""

from __future__ import annotations

from typing import Any

import pytest

from towline.drydock.metrics import Usage
from towline.drydock.node.simulated.metrics import usage_of

MIB = 1024 * 1024


def used(annotations: dict[str, str], **requests: str) -> Usage:
    container: dict[str, Any] = {"name": "c", "resources": {"requests": requests}}
    meta = {"name": "p", "namespace": "n", "annotations": annotations}
    return usage_of({"metadata": meta}, container)


def test_annotations_say_it_for_all_or_for_one() -> None:
    told = {"drydock.io/sim-cpu": "1", "drydock.io/sim-memory": "1Gi"}
    assert used(told) == Usage(10**9, 1024 * MIB)
    assert used({**told, "drydock.io/sim-cpu.c": "20m"}).cpu == 20 * 10**6
    assert used({**told, "drydock.io/sim-cpu.other": "20m"}).cpu == 10**9


def test_half_of_the_requests_is_used() -> None:
    assert used({}, cpu="3", memory="64Mi") == Usage(1_500_000_000, 32 * MIB)


@pytest.mark.parametrize("wrong", ["many", "-1", "1e30", ""])
def test_senseless_annotations_are_passed_over(wrong: str) -> None:
    assert used({"drydock.io/sim-cpu": wrong}, cpu="1").cpu == 5 * 10**8


def test_without_either_it_follows_from_the_name() -> None:
    first = used({})
    assert first == used({})
    assert 10**6 <= first.cpu <= 20 * 10**6
    assert 8 * MIB <= first.memory < 64 * MIB
