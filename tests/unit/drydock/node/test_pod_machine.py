import datetime as dt
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towline.drydock.network.sandboxes import Sandbox
from towline.drydock.node.machine import decide, grace_left
from towline.drydock.node.model import (
    ContainerSeen,
    Drain,
    DropSandbox,
    Finish,
    Launch,
    MakeSandbox,
    MakeVolumes,
    ProbeView,
    Remove,
    StartFailure,
    Stop,
    World,
)

NOW = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
UP = Sandbox("u1", "dd0-2-u1", "10.244.0.2")


def after(seconds: float) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


def pod(*names: str, meta: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "p", "namespace": "ns", "uid": "u1", **(meta or {})},
        "spec": {"containers": [{"name": name, "image": "i"} for name in names or ("a",)], **spec},
    }


def deleted(grace: int = 30, **extra: Any) -> dict[str, Any]:
    stamp = after(grace).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"deletionTimestamp": stamp, "deletionGracePeriodSeconds": grace, **extra}


def seen(name: str = "a", attempt: int = 0, **fields: Any) -> ContainerSeen:
    base: dict[str, Any] = {
        "id": f"{name}{attempt}",
        "pod_uid": "u1",
        "namespace": "ns",
        "pod": "p",
        "name": name,
        "attempt": attempt,
        "sandbox": UP.name,
        "started_at": NOW,
    }
    return ContainerSeen(**{**base, **fields})


def running(name: str = "a", attempt: int = 0, **fields: Any) -> ContainerSeen:
    return seen(name, attempt, state="running", pid=9, **fields)


def ended(name: str = "a", attempt: int = 0, code: int = 1, **fields: Any) -> ContainerSeen:
    fields.setdefault("finished_at", NOW)
    return seen(name, attempt, state="exited", exit_code=code, **fields)


def world(*containers: ContainerSeen, **fields: Any) -> World:
    fields.setdefault("probes", {c.id: ProbeView(started=True, ready=True) for c in containers})
    return World(
        **{"now": NOW, "sandbox": UP, "volumes_ready": True, "containers": containers, **fields}
    )


def test_first_the_pod_gets_an_address_then_its_volumes() -> None:
    assert decide(pod(), world(sandbox=None)).commands == (MakeSandbox(),)
    assert decide(pod(), world(volumes_ready=False)).commands == (MakeVolumes(),)


def test_all_containers_start_at_once() -> None:
    assert decide(pod("a", "b"), world()).commands == (Launch("a", 0, 0), Launch("b", 0, 0))


def test_what_is_being_started_is_not_started_again() -> None:
    assert decide(pod(), world(launching=frozenset({"a"}))).commands == ()


def test_init_containers_run_one_after_another() -> None:
    spec = {"initContainers": [{"name": "i"}, {"name": "j"}]}
    assert decide(pod(**spec), world()).commands == (Launch("i", 0, 0),)
    assert decide(pod(**spec), world(running("i"))).commands == ()
    assert decide(pod(**spec), world(ended("i", code=0))).commands == (Launch("j", 0, 0),)
    both = world(ended("i", code=0), ended("j", code=0))
    assert decide(pod(**spec), both).commands == (Launch("a", 0, 0),)


def test_a_sidecar_holds_the_others_back_until_it_started() -> None:
    spec = {"initContainers": [{"name": "s", "restartPolicy": "Always"}]}
    waiting = world(running("s"), probes={"s0": ProbeView(started=False, ready=False)})
    assert decide(pod(**spec), waiting).commands == ()
    assert decide(pod(**spec), world(running("s"))).commands == (Launch("a", 0, 0),)


@pytest.mark.parametrize(
    ("policy", "code", "again"),
    [
        ("Always", 0, True),
        ("Always", 1, True),
        ("OnFailure", 0, False),
        ("OnFailure", 1, True),
        ("Never", 0, False),
        ("Never", 1, False),
    ],
)
def test_the_restart_policy_decides(policy: str, code: int, *, again: bool) -> None:
    commands = decide(pod(restartPolicy=policy), world(ended(code=code))).commands
    assert (Launch("a", 1, 10) in commands) == again


@pytest.mark.parametrize(
    ("attempt", "backoff", "next_backoff"),
    [(1, 10, 20), (2, 20, 40), (6, 300, 300), (5, 160, 300)],
)
def test_crashes_back_off_and_the_wait_doubles(
    attempt: int, backoff: int, next_backoff: int
) -> None:
    crash = ended(attempt=attempt, backoff=backoff)
    early = decide(pod(), world(crash))
    assert early.commands == ()
    assert early.wake == backoff
    late = decide(pod(), world(crash, now=after(backoff)))
    assert late.commands == (Launch("a", attempt + 1, next_backoff),)


def test_the_wait_is_told_once_per_attempt() -> None:
    [note] = decide(pod(), world(ended(attempt=1, backoff=10))).notes
    assert note.reason == "BackOff"
    assert note.message == "Back-off restarting failed container a in pod p_ns(u1)"
    assert note.key == "crash/a/1"


def test_ten_minutes_of_running_make_crashes_forgotten() -> None:
    crash = ended(attempt=7, backoff=300, finished_at=after(601))
    assert decide(pod(), world(crash, now=after(602))).commands == (Launch("a", 8, 10),)


def test_a_failed_pull_waits_and_is_tried_again() -> None:
    failure = StartFailure("ErrImagePull", 'failed to pull image "i": no', NOW, 10)
    fresh = decide(pod(), world(failures={"a": failure}))
    assert (fresh.commands, fresh.wake, fresh.notes) == ((), 2.0, ())
    later = decide(pod(), world(failures={"a": failure}, now=after(4)))
    assert later.notes[0].message == 'Back-off pulling image "i"'
    assert later.wake == 6.0
    due = decide(pod(), world(failures={"a": failure}, now=after(10)))
    assert due.commands == (Launch("a", 0, 0),)


def test_a_container_that_was_made_but_not_started_is_made_anew() -> None:
    assert decide(pod(), world(seen(attempt=3, backoff=40))).commands == (Launch("a", 3, 40),)


def test_an_unhealthy_container_is_stopped_and_then_restarted() -> None:
    sick = world(running(), unhealthy={"a0": "liveness"})
    [stop] = decide(pod(terminationGracePeriodSeconds=5), sick).commands
    text = "Container a failed liveness probe, will be restarted"
    assert stop == Stop("a0", "a", 5.0, text)
    busy = world(running(), unhealthy={"a0": "liveness"}, stopping=frozenset({"a0"}))
    assert decide(pod(), busy).commands == ()


def test_containers_of_a_lost_namespace_are_killed() -> None:
    stray = running(sandbox="dd0-9-u1")
    assert [type(c) for c in decide(pod(), world(stray)).commands] == [Stop]


def test_only_the_last_two_attempts_are_kept() -> None:
    commands = decide(pod(), world(ended(attempt=0), ended(attempt=1), running(attempt=2))).commands
    assert commands == (Remove("a0"),)


def test_a_pod_that_ended_gives_its_address_back_once() -> None:
    done = pod(restartPolicy="Never")
    decision = decide(done, world(ended(code=0)))
    assert decision.commands == (DropSandbox(),)
    assert decision.status is not None
    assert decision.status["phase"] == "Succeeded"
    written = {**done, "status": decision.status}
    assert decide(written, world(ended(code=0), sandbox=None)).commands == ()


def test_a_container_that_only_the_status_remembers_counts_as_lost() -> None:
    entry = {
        "name": "a",
        "containerID": "podman://x",
        "restartCount": 4,
        "state": {"running": {"startedAt": "2026-01-01T11:00:00Z"}},
    }
    lost = {**pod(), "status": {"phase": "Running", "containerStatuses": [entry]}}
    decision = decide(lost, world())
    assert decision.commands == (Launch("a", 5, 10),)
    never = {**pod(restartPolicy="Never"), "status": lost["status"]}
    verdict = decide(never, world()).status
    assert verdict is not None
    assert verdict["phase"] == "Failed"
    ghost = verdict["containerStatuses"][0]["state"]["terminated"]
    assert (ghost["reason"], ghost["exitCode"]) == ("ContainerStatusUnknown", 137)


def test_deletion_drains_then_stops_then_finishes() -> None:
    leaving = pod(meta=deleted(30))
    assert decide(leaving, world(running())).commands == (Drain(),)
    drained = world(running(), drained=True)
    assert decide(leaving, drained).commands == (Stop("a0", "a", 30.5, "Stopping container a"),)
    stopping = world(running(), drained=True, stopping=frozenset({"a0"}))
    assert decide(leaving, stopping).commands == ()
    assert decide(leaving, world(ended(code=143))).commands == (Finish(),)


def test_deletion_waits_for_a_start_under_way() -> None:
    leaving = pod(meta=deleted())
    assert decide(leaving, world(launching=frozenset({"a"}))).commands == ()


def test_a_pod_that_never_started_finishes_at_once() -> None:
    assert decide(pod(meta=deleted()), World(now=NOW)).commands == (Finish(),)


def test_sidecars_end_last_in_reverse_order() -> None:
    sidecars = [{"name": n, "restartPolicy": "Always"} for n in ("s", "t")]
    leaving = pod(meta=deleted(), initContainers=sidecars)

    def stopped(*containers: ContainerSeen) -> list[str]:
        commands = decide(leaving, world(*containers, drained=True)).commands
        return [command.name for command in commands if isinstance(command, Stop)]

    assert stopped(running("s"), running("t"), running("a")) == ["a"]
    assert stopped(running("s"), running("t")) == ["t"]
    assert stopped(running("s")) == ["s"]


@pytest.mark.parametrize(
    ("grace", "elapsed", "left"), [(30, 0, 30.5), (30, 20, 10.5), (30, 60, 1.0), (0, 0, 0.0)]
)
def test_the_grace_period_counts_from_the_deletion(grace: int, elapsed: float, left: float) -> None:
    assert grace_left(pod(meta=deleted(grace)), after(elapsed)) == left


def test_a_pod_beyond_its_deadline_is_stopped_and_fails() -> None:
    late = {**pod(activeDeadlineSeconds=60), "status": {"startTime": "2026-01-01T11:58:00Z"}}
    assert [type(c) for c in decide(late, world(running())).commands] == [Stop]
    decision = decide(late, world(ended(code=137)))
    assert decision.commands == (DropSandbox(),)
    assert decision.status is not None
    assert (decision.status["phase"], decision.status["reason"]) == ("Failed", "DeadlineExceeded")


def test_a_deadline_to_come_wakes_the_pod() -> None:
    early = {**pod(activeDeadlineSeconds=60), "status": {"startTime": "2026-01-01T11:59:30Z"}}
    assert decide(early, world(running())).wake == 30.0


_STATES = st.sampled_from(["created", "running", "exited"])


@st.composite
def _worlds(draw: st.DrawFn) -> World:
    containers = tuple(
        seen(
            name,
            attempt,
            state=draw(_STATES),
            exit_code=draw(st.sampled_from([0, 1, 137])),
            finished_at=after(draw(st.integers(-700, 0))),
            backoff=draw(st.sampled_from([0, 10, 300])),
        )
        for name in draw(st.sets(st.sampled_from(["i", "a", "b"])))
        for attempt in draw(st.sets(st.integers(0, 3)))
    )
    ids = [c.id for c in containers]
    return World(
        now=NOW,
        sandbox=draw(st.sampled_from([None, UP])),
        volumes_ready=draw(st.booleans()),
        containers=containers,
        launching=draw(st.frozensets(st.sampled_from(["a", "b"]))),
        stopping=draw(st.frozensets(st.sampled_from(ids))) if ids else frozenset(),
        drained=draw(st.booleans()),
    )


@settings(max_examples=200)
@given(_worlds(), st.sampled_from(["Always", "OnFailure", "Never"]), st.booleans())
def test_a_decision_can_always_be_made_and_is_stable(
    found: World,
    policy: str,
    leaving: bool,
) -> None:
    subject = pod(
        "a",
        "b",
        meta=deleted() if leaving else None,
        restartPolicy=policy,
        initContainers=[{"name": "i"}],
    )
    decision = decide(subject, found)
    assert decision == decide(subject, found)
    launched = [c.name for c in decision.commands if isinstance(c, Launch)]
    assert len(launched) == len(set(launched))
    assert not set(launched) & found.launching
    assert not (leaving and launched)
    for command in decision.commands:
        if isinstance(command, Stop):
            assert command.id not in found.stopping
    msgspec.json.encode(decision.status)
