"""The checks in clientgo/, which are written with client-go and controller-runtime."""

from __future__ import annotations

import subprocess

import pytest
from control_planes import ControlPlane
from programs import program


@pytest.mark.timeout(600)
def test_client_go_and_controller_runtime_find_what_they_rely_on(plane: ControlPlane) -> None:
    argv = [str(program("clientgo.test")), "-kubeconfig", str(plane.kubeconfig), "-test.v"]
    run = subprocess.run(argv, capture_output=True, text=True, check=False)

    failures = [line for line in run.stdout.splitlines() if "_test.go:" in line or "--- F" in line]
    assert run.returncode == 0, "\n".join(failures) or run.stderr[-3000:]
    assert run.stdout.count("--- PASS") > 40
