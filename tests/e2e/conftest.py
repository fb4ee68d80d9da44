"""One running instance for the end-to-end tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from harness import Towline, running

PROGRAMS = ("podman", "buildah", "runc", "docker-registry", "git", "ip")


def missing() -> list[str]:
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    return absent + (["root"] if os.geteuid() else [])


@pytest.fixture(scope="session")
def towline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Towline]:
    if absent := missing():
        pytest.fail(f"end-to-end tests need {', '.join(absent)}; `make setup` installs programs")
    data = tmp_path_factory.mktemp("towline") / "data"
    # Strangers' Jenkinsfiles push to GitHub: here it is the local forge, on a port that stays.
    with running(data, TOWLINE_GIT_ALIASES="github.com=embedded") as instance:
        yield instance
