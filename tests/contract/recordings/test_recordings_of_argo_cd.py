"""What Argo CD did, scenario by scenario, and what our engine does.

The recordings come with a player that speaks only to the Kubernetes API and to git. Here it plays
against `towline controller` on `towline drydock serve --node simulated`, all of them processes of
their own; only the paths that the recordings call unstable may differ.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from towline.kubeclient.kubeconfig import load_kubeconfig

_DEFAULT = Path(__file__).resolve().parents[4] / "shared" / "recordings"
RECORDINGS = Path(os.environ.get("TOWLINE_RECORDINGS", _DEFAULT))
TOOLS = RECORDINGS.parent / "bench"
NAMES = sorted(path.stem for path in (RECORDINGS / "argocd").glob("*.json"))
AT_ONCE = 9
pytestmark = [
    pytest.mark.skipif(
        not (NAMES and TOOLS.is_dir()),
        reason=f"no recordings at {RECORDINGS}; set TOWLINE_RECORDINGS to their folder",
    ),
    pytest.mark.timeout(300),
]


@contextlib.contextmanager
def process(folder: Path, name: str, *argv: str) -> Iterator[None]:
    with (folder / f"{name}.log").open("wb") as log:
        child = subprocess.Popen(argv, stdout=log, stderr=log, cwd=folder)
    try:
        yield
    finally:
        child.terminate()
        child.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(ready: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < end, f"{what} does not come up"
        time.sleep(0.05)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Plays all scenarios once, side by side; the folder of what came of them."""
    folder = tmp_path_factory.mktemp("recordings")
    kubeconfig, out = folder / "kubeconfig", folder / "out"
    git, engine = free_port(), free_port()
    (folder / "git").mkdir()
    towline = (sys.executable, "-m", "towline.cli.main")
    with contextlib.ExitStack() as stack:
        serve = ("drydock", "serve", "--node", "simulated", "--sync", "normal")
        places = ("--data", str(folder / "cluster"), "--kubeconfig", str(kubeconfig))
        stack.enter_context(process(folder, "cluster", *towline, *serve, *places))
        server = (sys.executable, str(TOOLS / "gitserve.py"), str(folder / "git"), str(git))
        stack.enter_context(process(folder, "git-server", *server))
        until(kubeconfig.exists, "the cluster")
        until(lambda: listens(_port(kubeconfig)), "the cluster")
        options = ("--cache", str(folder / "cache"), "--listen", f"127.0.0.1:{engine}")
        controller = ("controller", "--kubeconfig", str(kubeconfig), *options, "--unsigned-hooks")
        stack.enter_context(process(folder, "engine", *towline, *controller))
        until(lambda: _ready(engine), "the engine")
        config = {
            "engine": "towline",
            "kubeconfig": str(kubeconfig),
            "git_root": str(folder / "git"),
            "git_url": f"http://127.0.0.1:{git}",
            "webhook": f"http://127.0.0.1:{engine}/api/webhook",
        }
        (folder / "config.json").write_text(json.dumps(config))
        player = (sys.executable, str(RECORDINGS / "record.py"), "--jobs", str(AT_ONCE))
        scenarios = ("--scenarios", str(RECORDINGS / "scenarios.yaml"), "--out", str(out))
        subprocess.run(
            (*player, "--config", str(folder / "config.json"), *scenarios), check=True, timeout=240
        )
        yield out


def _port(kubeconfig: Path) -> int:
    return int(load_kubeconfig(kubeconfig).server.rpartition(":")[2])


def _ready(port: int) -> bool:
    if not listens(port):
        return False
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_ends_as_with_argo_cd(name: str, played: Path) -> None:
    recording = json.loads((RECORDINGS / "argocd" / f"{name}.json").read_text())
    ours = json.loads((played / f"{name}.json").read_text())["records"]
    assert _without(ours, recording["unstable"]) == recording["records"]


def _without(records: Any, unstable: list[list[str | int]]) -> Any:
    """The records with the mark of the recordings at the paths that are unstable there."""
    for path in unstable:
        at = records
        with contextlib.suppress(KeyError, IndexError, TypeError):
            for step in path[:-1]:
                at = at[step]
            at[path[-1]] = "UNSTABLE"
    return records
