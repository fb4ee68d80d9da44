"""What people see of simulated nodes with kubectl, against a real server process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Run = Callable[..., str]


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    program = shutil.which("kubectl", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("kubectl is not installed beside the interpreter")
    folder = tmp_path_factory.mktemp("simulated")
    environment = {**os.environ, "KUBECONFIG": str(folder / "kubeconfig"), "HOME": str(folder)}
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "towline.cli.main", "drydock", "serve"),
            *("--data", str(folder / "data"), "--kubeconfig", str(folder / "kubeconfig")),
            *("--node", "simulated", "--nodes", "3"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    try:
        assert server.stdout.readline().startswith("ready https://")

        def run(*args: str, text: str = "") -> str:
            done = subprocess.run(
                [program, *args],
                input=text,
                capture_output=True,
                text=True,
                timeout=40,
                check=False,
                env=environment,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        run("wait", "node", "--all", "--for=condition=Ready", "--timeout=20s")
        yield run
    finally:
        server.terminate()
        server.wait(timeout=20)
        server.stdout.close()


def test_a_deployment_rolls_out_over_the_nodes_and_goes(kubectl: Run) -> None:
    kubectl("create", "deployment", "web", "--image=example/app:1", "--replicas=6")
    kubectl("rollout", "status", "deployment/web", "--timeout=20s")
    pods = json.loads(kubectl("get", "pods", "-l", "app=web", "-o", "json"))["items"]
    assert {pod["spec"]["nodeName"] for pod in pods} == {"sim-0", "sim-1", "sim-2"}
    assert len({pod["status"]["podIP"] for pod in pods}) == 6
    kubectl("set", "image", "deployment/web", "*=example/app:2")
    kubectl("rollout", "status", "deployment/web", "--timeout=20s")
    kubectl("delete", "deployment", "web", "--cascade=foreground", "--wait", "--timeout=20s")
    assert kubectl("get", "pods", "-l", "app=web", "-o", "name") == ""


def test_a_job_completes_and_its_log_answers(kubectl: Run) -> None:
    kubectl("create", "job", "once", "--image=example/app:1")
    kubectl("wait", "job/once", "--for=condition=complete", "--timeout=20s")
    assert kubectl("logs", "job/once") == "simulated container, attempt 0\n"


def test_failures_are_made_by_annotations(kubectl: Run) -> None:
    kubectl(
        *("run", "broken", "--image=example/app:1", "--restart=Never"),
        "--annotations=drydock.io/sim-exit-code=3",
    )
    kubectl("wait", "pod/broken", "--for=jsonpath={.status.phase}=Failed", "--timeout=20s")
    code = "{.status.containerStatuses[0].state.terminated.exitCode}"
    assert kubectl("get", "pod", "broken", "-o", f"jsonpath={code}") == "3"
