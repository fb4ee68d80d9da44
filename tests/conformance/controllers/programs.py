"""Controllers that others wrote: where their programs are, and how they run here."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from peers.processes import running_process

FOLDER = "TOWLINE_CONTROLLER_PROGRAMS"


def program(name: str) -> Path:
    """A program that `tools/controllers.sh` built; the test is skipped where there is none."""
    found = Path(os.environ.get(FOLDER, "")) / name
    if not found.is_file():
        pytest.skip(f"{found} was not built")
    return found


def free_port() -> int:
    """A port of the loopback that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def started(
    argv: list[str], log: Path, kubeconfig: Path, **environment: str
) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Runs a controller and gives what it has logged so far, of JSON lines the decoded ones."""
    variables = {**os.environ, "KUBECONFIG": str(kubeconfig), **environment}
    with running_process(argv, log, variables) as process:
        yield lambda: _decoded(log)
        assert process.poll() is None, f"the controller ended:\n{log.read_text()[-3000:]}"


def _decoded(log: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for line in log.read_text().splitlines():
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            if isinstance(entry, dict):
                entries.append(entry)
    return entries


def problems(entries: list[dict[str, Any]], *expected: str) -> list[str]:
    """Errors and warnings, without those that hold one of the expected texts."""
    bad = [json.dumps(entry) for entry in entries if entry.get("level") in {"error", "warning"}]
    return [line for line in bad if not any(text in line for text in expected)]
