"""What people see of pods that run, with kubectl, against a real server process."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="module")
def kubectl(make_server: Any, make_kubectl: Any) -> Any:
    run = make_kubectl(make_server(nodes=3))
    run("wait", "node", "--all", "--for=condition=Ready", "--timeout=20s")
    return run


def test_a_deployment_rolls_out_over_the_nodes_and_goes(kubectl: Any) -> None:
    kubectl("create", "deployment", "web", "--image=example/app:1", "--replicas=6")
    kubectl("rollout", "status", "deployment/web", "--timeout=20s")
    pods = kubectl.json("get", "pods", "-l", "app=web")["items"]
    assert {pod["spec"]["nodeName"] for pod in pods} == {"sim-0", "sim-1", "sim-2"}
    assert len({pod["status"]["podIP"] for pod in pods}) == 6
    kubectl("set", "image", "deployment/web", "*=example/app:2")
    kubectl("rollout", "status", "deployment/web", "--timeout=20s")
    kubectl("delete", "deployment", "web", "--cascade=foreground", "--wait", "--timeout=20s")
    assert kubectl("get", "pods", "-l", "app=web", "-o", "name") == ""


def test_a_job_completes(kubectl: Any) -> None:
    kubectl("create", "job", "once", "--image=example/app:1")
    kubectl("wait", "job/once", "--for=condition=complete", "--timeout=20s")


@pytest.mark.drydock_only("what its simulated nodes write to logs")
def test_the_log_of_a_job_answers(kubectl: Any) -> None:
    kubectl("create", "job", "heard", "--image=example/app:1")
    kubectl("wait", "job/heard", "--for=condition=complete", "--timeout=20s")
    assert kubectl("logs", "job/heard") == "simulated container, attempt 0\n"


@pytest.mark.drydock_only("annotations of its simulated nodes")
def test_failures_are_made_by_annotations(kubectl: Any) -> None:
    kubectl(
        *("run", "broken", "--image=example/app:1", "--restart=Never"),
        "--annotations=drydock.io/sim-exit-code=3",
    )
    kubectl("wait", "pod/broken", "--for=jsonpath={.status.phase}=Failed", "--timeout=20s")
    code = "{.status.containerStatuses[0].state.terminated.exitCode}"
    assert kubectl("get", "pod", "broken", "-o", f"jsonpath={code}") == "3"
