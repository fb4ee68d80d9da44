"""What annotations make of a container, and its timetable."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.drydock.node.model import Launch, Stop
from towline.drydock.node.simulated.addresses import Addresses
from towline.drydock.node.simulated.behaviour import Behaviour, behaviour_of
from towline.drydock.node.simulated.commands import FOREVER
from towline.drydock.node.simulated.options import (
    MAX_NODES,
    MAX_PODS,
    SimulationOptions,
    node_address,
    pod_network,
)
from towline.drydock.node.simulated.runtime import SimulatedPod, revived, sandbox_of

NOW = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
OPTIONS = SimulationOptions(start_seconds=0.5, job_seconds=3)


def later(seconds: float) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


def pod(*, policy: str = "Always", **annotations: str) -> dict[str, Any]:
    noted = {f"drydock.io/sim-{k.replace('_', '-')}": v for k, v in annotations.items()}
    return {
        "metadata": {"name": "p", "namespace": "n", "uid": "u", "annotations": noted},
        "spec": {"restartPolicy": policy, "containers": [{"name": "c", "image": "i:1"}]},
    }


def behaviour(body: dict[str, Any], attempt: int = 0, *, init: bool = False, **spec: Any) -> Any:
    return behaviour_of(body, {"name": "c", "image": "i:1", **spec}, attempt, OPTIONS, init=init)


def test_servers_run_for_ever_and_jobs_for_a_while() -> None:
    assert behaviour(pod()).run == FOREVER
    assert behaviour(pod(policy="Never")).run == 3
    assert behaviour(pod(policy="OnFailure")).run == 3
    assert behaviour(pod(), init=True).run == 0
    assert behaviour(pod(), init=True, restartPolicy="Always").run == FOREVER
    assert behaviour(pod(exit_code="1")).run == 3
    assert behaviour(pod(policy="Never", run_seconds="forever")).run == FOREVER


def test_annotations_say_how_long_and_how_it_ends() -> None:
    made = behaviour(
        pod(start_seconds="2", ready_after="4", run_seconds="9", exit_code="7", stop_seconds="5")
    )
    assert (made.start, made.ready, made.run, made.exit_code, made.stop) == (2, 4, 9, 7, 5)
    assert made.ignored == ()


def test_an_annotation_of_one_container_wins_and_init_containers_need_one() -> None:
    body = pod(exit_code="1")
    body["metadata"]["annotations"]["drydock.io/sim-exit-code.c"] = "2"
    assert behaviour(body).exit_code == 2
    assert behaviour(pod(exit_code="1"), init=True).exit_code == 0
    assert behaviour(body, init=True).exit_code == 2


def test_after_its_failures_a_container_is_well() -> None:
    body = pod(exit_code="1", failures="2")
    assert [behaviour(body, n).exit_code for n in range(4)] == [1, 1, 0, 0]
    assert behaviour(body, 2).run == FOREVER


def test_probes_delay_readiness() -> None:
    delayed = behaviour(pod(), readinessProbe={"initialDelaySeconds": 4})
    assert (delayed.started, delayed.ready) == (0, 4)
    started = behaviour(pod(), startupProbe={"initialDelaySeconds": 6})
    assert (started.started, started.ready) == (6, 6)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("run_seconds", "soon"),
        ("run_seconds", "-1"),
        ("start_seconds", "nan"),
        ("ready_after", "inf"),
        ("exit_code", "256"),
        ("exit_code", "x"),
        ("failures", "-1"),
    ],
)
def test_nonsense_is_ignored_and_told(name: str, value: str) -> None:
    made = behaviour(pod(**{name: value}))
    assert len(made.ignored) == 1
    assert made.ignored[0].startswith(f"drydock.io/sim-{name.replace('_', '-')}: ")
    assert made.run == FOREVER


@given(st.dictionaries(st.sampled_from(["run_seconds", "exit_code", "log"]), st.text()))
def test_any_annotation_text_is_taken(annotations: dict[str, str]) -> None:
    made = behaviour(pod(**annotations))
    assert 0 <= made.exit_code <= 255
    assert made.run >= 0


def launched(**fields: Any) -> SimulatedPod:
    made = SimulatedPod(sandbox_of("u", "10.128.0.2"))
    made.volumes_ready = True
    made.launch(Launch("c", 0, 0), "i:1", Behaviour(**fields), id_="r", now=NOW)
    return made


def test_a_container_starts_becomes_ready_and_ends_by_the_clock() -> None:
    made = launched(start=1, ready=2, run=5, exit_code=4)
    assert made.world(pod(), "h", NOW).launching == {"c"}
    assert made.next_step(NOW) == 1
    running = made.world(pod(), "h", later(1))
    assert running.containers[0].state == "running"
    assert not running.probes["r"].ready
    assert made.next_step(later(1)) == 2
    assert made.world(pod(), "h", later(3)).probes["r"].ready
    assert made.next_step(later(3)) == 3
    ended = made.world(pod(), "h", later(6)).containers[0]
    assert (ended.state, ended.exit_code, ended.finished_at) == ("exited", 4, later(6))
    assert made.next_step(later(6)) is None


@pytest.mark.parametrize(
    ("takes", "grace", "ends", "code"), [(0, 30, 0, 0), (5, 30, 5, 0), (60, 30, 30, 137)]
)
def test_a_stop_takes_its_time_but_not_more_than_the_grace_period(
    takes: float, grace: float, ends: float, code: int
) -> None:
    made = launched(stop=takes)
    made.stop(Stop("r", "c", grace, ""), later(10))
    if ends:
        assert made.world(pod(), "h", later(10)).stopping == {"r"}
    ended = made.world(pod(), "h", later(10 + ends)).containers[0]
    assert (ended.state, ended.exit_code) == ("exited", code)


def test_containers_are_remembered_by_the_pods_status() -> None:
    body = pod()
    body["status"] = {
        "podIP": "10.128.0.9",
        "containerStatuses": [
            {
                "name": "c",
                "image": "i:1",
                "containerID": "simulated://abc",
                "restartCount": 2,
                "state": {"running": {"startedAt": "2026-01-01T11:00:00Z"}},
            }
        ],
    }
    made = revived(body, {"c": Behaviour(run=7200)})
    run = made.runs["abc"]
    assert (run.attempt, run.backoff, run.begins) == (2, 20, NOW - dt.timedelta(hours=1))
    assert run.ends == NOW + dt.timedelta(hours=1)
    assert made.sandbox is not None
    assert made.sandbox.ip == "10.128.0.9"


def test_every_node_has_addresses_of_its_own() -> None:
    assert node_address(0) == "10.128.0.1"
    assert str(pod_network(1)) == "10.128.4.0/22"
    assert str(pod_network(MAX_NODES - 1)).startswith("10.255.252.")
    addresses = Addresses(pod_network(0))
    taken = [addresses.take() for _ in range(MAX_PODS - 1)]
    assert len(set(taken)) == MAX_PODS - 1
    assert node_address(0) not in taken
    assert addresses.take() == ""
    addresses.give(taken[5])
    assert addresses.take() == taken[5]
