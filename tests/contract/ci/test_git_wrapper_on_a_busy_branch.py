"""The scripts' git against the local forge while somebody else pushes all the time."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn

from towline.git import Git
from towline.git.server import GitServer, Repositories, ServerSettings, TokenBook

WRAPPER = Path(__file__).parents[3] / "src/towline/controllers/run/git_wrapper.py"
GIT = "/usr/bin/git"
PUSHES = 10
RATE = 5.0


class Desks:
    """Clones of one repository of the forge."""

    def __init__(self, root: Path, url: str) -> None:
        self.root = root
        self.url = url
        identity = {"NAME": "ci", "EMAIL": "ci@example.com"}
        self.env = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(root),
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_AUTHOR_{key}": value for key, value in identity.items()},
            **{f"GIT_COMMITTER_{key}": value for key, value in identity.items()},
        }

    def run(self, cwd: Path, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv, check=False, cwd=cwd, env=self.env, capture_output=True, text=True, timeout=60
        )

    def git(self, cwd: Path, *arguments: str) -> str:
        done = self.run(cwd, GIT, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def seed(self) -> Path:
        place = self.root / "seed"
        place.mkdir()
        self.git(place, "init", "-q", "-b", "main")
        self.git(place, "remote", "add", "origin", self.url)
        (place / "other.yaml").write_text("a: 0\n")
        self.git(place, "add", ".")
        self.git(place, "commit", "-q", "-m", "first")
        self.git(place, "push", "-q", "origin", "HEAD:main")
        return place

    def wrapped(self, place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        state = self.root / f"state-{place.name}"
        state.mkdir(exist_ok=True)
        config = {
            "git": GIT,
            "job": "Updating-manifest",
            "number": 7,
            "key": place.name,
            "record": str(state / "record"),
            "counter": str(state / "counter"),
        }
        (state / "git.json").write_text(json.dumps(config))
        argv = [sys.executable, "-IS", str(WRAPPER), str(state / "git.json"), *arguments]
        return self.run(place, *argv)

    def committed(self, name: str) -> Path:
        """A clone with one commit that was not pushed yet."""
        place = self.root / name
        self.git(self.root, "clone", "-q", self.url, str(place))
        (place / f"{name}.yaml").write_text("image: app:1\n")
        self.git(place, "add", ".")
        done = self.wrapped(place, "commit", "-q", "-m", name)
        assert done.returncode == 0, done.stderr
        return place


class OtherWriter(threading.Thread):
    """Commits and pushes at a fixed pace until told to stop, as a person with plain git does."""

    def __init__(self, desks: Desks, place: Path) -> None:
        super().__init__()
        self.desks = desks
        self.place = place
        self.landed: list[str] = []
        self.done = threading.Event()

    def run(self) -> None:
        due = time.monotonic()
        while not self.done.wait(max(0.0, due - time.monotonic())):
            due += 1 / RATE
            name = f"other {len(self.landed)}"
            (self.place / "other.yaml").write_text(f"a: {len(self.landed)} of others\n")
            self.desks.git(self.place, "commit", "-q", "-am", name)
            push = (GIT, "push", "-q", "origin", "HEAD:main")
            while self.desks.run(self.place, *push).returncode != 0:
                self.desks.git(self.place, "pull", "-q", "--rebase", "origin", "main")
            self.landed.append(name)


@pytest_asyncio.fixture
async def desks(tmp_path: Path) -> AsyncIterator[Desks]:
    tokens = TokenBook(tmp_path / "token", tmp_path / "tokens.json")
    app = GitServer(Repositories(tmp_path / "served"), Git("test-busy"), tokens, ServerSettings())
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="error", ws="none"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield Desks(tmp_path, f"http://ci:{tokens.admin_token}@127.0.0.1:{port}/user/manifests.git")
    server.should_exit = True
    await serving
    listener.close()


def _race(desks: Desks) -> tuple[list[subprocess.CompletedProcess[str]], list[float], list[str]]:
    """Pushes against the other writer; what came of it, seconds of each, and what he pushed."""
    seed = desks.seed()
    places = [desks.committed(f"ours-{number}") for number in range(PUSHES)]
    writer = OtherWriter(desks, seed)
    writer.start()
    results, seconds = [], []
    try:
        for place in places:
            begin = time.monotonic()
            results.append(desks.wrapped(place, "push", "origin", "HEAD:main"))
            seconds.append(time.monotonic() - begin)
    finally:
        writer.done.set()
        writer.join()
    return results, seconds, writer.landed


@pytest.mark.asyncio
async def test_r07_pushes_land_while_another_writer_pushes_all_the_time(desks: Desks) -> None:
    results, seconds, others = await asyncio.to_thread(_race, desks)
    assert [done.stderr for done in results if done.returncode != 0] == []
    (bare,) = (desks.root / "served").rglob("manifests.git")
    subjects = desks.git(bare, "log", "--format=%s", "main").splitlines()
    ours = [f"ours-{number}" for number in range(PUSHES)]
    assert sorted(subjects) == sorted(["first", *ours, *others])
    # Nothing was overwritten: every head that the branch ever had is in its history.
    heads = set(desks.git(bare, "reflog", "--format=%H", "main").splitlines())
    assert heads <= set(desks.git(bare, "rev-list", "main").splitlines())
    assert len(heads) > len(others)
    retries = [done.stderr.count("(attempt ") for done in results]
    print(f"retries={retries} p50={sorted(seconds)[PUSHES // 2]:.2f} max={max(seconds):.2f}")
