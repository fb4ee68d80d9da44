import datetime as dt
from typing import Any

import pytest

from towline.drydock.network.sandboxes import Sandbox
from towline.drydock.node.model import ContainerSeen, ProbeView, StartFailure, World
from towline.drydock.node.pod_status import qos_class, status_of

NOW = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
STAMP = "2026-01-01T12:00:00Z"


def _pod(*names: str, status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    containers = [{"name": name, "image": f"{name}:1"} for name in names or ("a",)]
    return {
        "metadata": {"name": "p", "namespace": "ns", "uid": "u", "generation": 2},
        "spec": {"containers": containers, **spec},
        **({"status": status} if status else {}),
    }


def _seen(name: str = "a", state: str = "running", **fields: Any) -> ContainerSeen:
    base: dict[str, Any] = {
        "id": f"id-{name}",
        "pod_uid": "u",
        "namespace": "ns",
        "pod": "p",
        "name": name,
        "attempt": 0,
        "state": state,
        "started_at": NOW,
        "finished_at": NOW if state == "exited" else None,
    }
    return ContainerSeen(**{**base, **fields})


def _world(*containers: ContainerSeen, ready: bool = True, **fields: Any) -> World:
    sandbox = Sandbox("u", "dd0-2-u", "10.244.0.2")
    views = {c.id: ProbeView(started=True, ready=ready) for c in containers}
    return World(
        now=NOW,
        host_ip="10.244.0.1",
        sandbox=fields.pop("sandbox", sandbox),
        containers=containers,
        probes=views,
        **fields,
    )


@pytest.mark.parametrize(
    ("policy", "containers", "phase"),
    [
        ("Always", [], "Pending"),
        ("Always", [_seen("a")], "Pending"),
        ("Always", [_seen("a"), _seen("b")], "Running"),
        ("Always", [_seen("a"), _seen("b", "exited", exit_code=1)], "Running"),
        ("Always", [_seen("a", "exited"), _seen("b", "exited")], "Running"),
        ("Never", [_seen("a", "exited"), _seen("b", "exited")], "Succeeded"),
        ("Never", [_seen("a", "exited"), _seen("b", "exited", exit_code=1)], "Failed"),
        ("OnFailure", [_seen("a", "exited"), _seen("b", "exited", exit_code=1)], "Running"),
        ("OnFailure", [_seen("a", "exited"), _seen("b", "exited")], "Succeeded"),
    ],
)
def test_the_phase_follows_the_containers(
    policy: str, containers: list[ContainerSeen], phase: str
) -> None:
    assert status_of(_pod("a", "b", restartPolicy=policy), _world(*containers))["phase"] == phase


@pytest.mark.parametrize(
    ("init", "phase"),
    [
        (_seen("i"), "Pending"),
        (_seen("i", "exited", exit_code=1), "Failed"),
        (_seen("i", "exited"), "Pending"),
    ],
)
def test_the_phase_waits_for_init_containers(init: ContainerSeen, phase: str) -> None:
    pod = _pod(restartPolicy="Never", initContainers=[{"name": "i", "image": "i"}])
    assert status_of(pod, _world(init))["phase"] == phase


def _state(pod: dict[str, Any], world: World) -> dict[str, Any]:
    state: dict[str, Any] = status_of(pod, world)["containerStatuses"][0]["state"]
    return state


def test_a_running_container_is_complete() -> None:
    entry = status_of(_pod(), _world(_seen(image_id="sha")))["containerStatuses"][0]
    assert entry == {
        "name": "a",
        "state": {"running": {"startedAt": STAMP}},
        "lastState": {},
        "ready": True,
        "started": True,
        "restartCount": 0,
        "image": "a:1",
        "imageID": "sha",
        "containerID": "podman://id-a",
    }


def test_waiting_reasons() -> None:
    assert _state(_pod(), _world()) == {"waiting": {"reason": "ContainerCreating"}}
    init = _pod(initContainers=[{"name": "i"}])
    assert _state(init, _world()) == {"waiting": {"reason": "PodInitializing"}}
    crash = _seen(state="exited", exit_code=1, backoff=80, attempt=4)
    message = "back-off 1m20s restarting failed container=a pod=p_ns(u)"
    assert _state(_pod(), _world(crash)) == {
        "waiting": {"reason": "CrashLoopBackOff", "message": message}
    }


def test_a_failed_pull_turns_into_back_off() -> None:
    fresh = StartFailure("ErrImagePull", "boom", NOW, 10)
    assert _state(_pod(), _world(failures={"a": fresh})) == {
        "waiting": {"reason": "ErrImagePull", "message": "boom"}
    }
    older = StartFailure("ErrImagePull", "boom", NOW - dt.timedelta(seconds=3), 10)
    assert _state(_pod(), _world(failures={"a": older})) == {
        "waiting": {
            "reason": "ImagePullBackOff",
            "message": 'Back-off pulling image "a:1": ErrImagePull: boom',
        }
    }


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"exit_code": 0}, "Completed"),
        ({"exit_code": 2}, "Error"),
        ({"exit_code": 137, "reason": "OOMKilled"}, "OOMKilled"),
        ({"exit_code": 128, "reason": "StartError", "message": "no such file"}, "StartError"),
    ],
)
def test_an_ended_container_says_why(fields: dict[str, Any], reason: str) -> None:
    state = _state(_pod(restartPolicy="Never"), _world(_seen(state="exited", **fields)))
    assert state["terminated"]["reason"] == reason
    assert state["terminated"].get("message") == fields.get("message")


def test_the_attempt_before_is_the_last_state() -> None:
    before = _seen(state="exited", exit_code=3, id="old")
    entry = status_of(_pod(), _world(before, _seen(attempt=1)))["containerStatuses"][0]
    assert entry["lastState"]["terminated"]["exitCode"] == 3
    assert entry["restartCount"] == 1


def test_an_attempt_that_was_made_but_not_started_does_not_show_yet() -> None:
    before = _seen(state="exited", exit_code=3, id="old")
    world = _world(before, _seen(attempt=1, state="created"), launching=frozenset({"a"}))
    entry = status_of(_pod(), world)["containerStatuses"][0]
    assert entry["state"]["terminated"]["exitCode"] == 3
    assert (entry["restartCount"], entry["containerID"]) == (0, "podman://old")


def _condition(status: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(c for c in status["conditions"] if c["type"] == name)
    return found


def test_conditions_name_what_is_not_ready() -> None:
    status = status_of(_pod("a", "b"), _world(_seen("a")))
    ready = _condition(status, "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "ContainersNotReady")
    assert ready["message"] == "containers with unready status: [b]"
    assert [c["type"] for c in status["conditions"]] == [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ]


def test_conditions_keep_their_time_until_they_change() -> None:
    early = "2026-01-01T11:00:00Z"
    old = [{"type": "Ready", "status": "True", "lastTransitionTime": early}]
    status = status_of(_pod(status={"conditions": old}), _world(_seen()))
    assert _condition(status, "Ready")["lastTransitionTime"] == early
    status = status_of(_pod(status={"conditions": old}), _world(_seen(), ready=False))
    assert _condition(status, "Ready")["lastTransitionTime"] == STAMP


def test_a_readiness_gate_holds_ready_back() -> None:
    pod = _pod(readinessGates=[{"conditionType": "x/y"}])
    status = status_of(pod, _world(_seen()))
    assert _condition(status, "Ready")["reason"] == "ReadinessGatesNotReady"
    assert _condition(status, "ContainersReady")["status"] == "True"
    gate = {"type": "x/y", "status": "True"}
    opened = status_of({**pod, "status": {"conditions": [gate]}}, _world(_seen()))
    assert _condition(opened, "Ready")["status"] == "True"
    assert gate in opened["conditions"]


def test_a_status_that_was_written_does_not_change_by_itself() -> None:
    world = _world(_seen())
    first = status_of(_pod(), world)
    later = _world(_seen())
    assert status_of(_pod(status=first), later) == first


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "0.5"}}, "Burstable"),
    ],
)
def test_the_quality_of_service_class(resources: dict[str, Any], expected: str) -> None:
    pod = _pod()
    pod["spec"]["containers"][0]["resources"] = resources
    assert qos_class(pod) == expected
