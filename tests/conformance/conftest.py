"""Both servers, started once for all tests.

These tests compare, so they never pass without the real server: when its programs are not there,
they fail. `tools/conformance.sh` builds the programs and names their folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from peers.client import Client
from peers.processes import drydock, kube_apiserver

PROGRAMS = "TOWLINE_KUBERNETES_PROGRAMS"


@pytest.fixture(scope="session")
def drydock_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with drydock(tmp_path_factory.mktemp("drydock")) as client:
        yield client


@pytest.fixture(scope="session")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = os.environ.get(PROGRAMS, "")
    programs = Path(folder)
    if not folder or not all((programs / each).is_file() for each in ("etcd", "kube-apiserver")):
        pytest.fail(
            f"{PROGRAMS} names no folder with etcd and kube-apiserver: run make conformance"
        )
    with kube_apiserver(programs, tmp_path_factory.mktemp("real")) as client:
        yield client
