"""Both control planes, each started anew for every module.

These tests need programs that take long to build: `tools/controllers.sh` builds them and names
their folder; without it nothing here is collected.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import control_planes
import pytest
from control_planes import ControlPlane
from programs import FOLDER

if FOLDER not in os.environ:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="module", params=["drydock", "kubernetes"])
def plane(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ControlPlane]:
    """Each of the two in turn."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "drydock":
        with control_planes.drydock(folder) as started:
            yield started
            assert "Traceback" not in started.log.read_text()
        return
    programs = Path(os.environ["TOWLINE_KUBERNETES_PROGRAMS"])
    with control_planes.kubernetes(programs, folder) as started:
        yield started
