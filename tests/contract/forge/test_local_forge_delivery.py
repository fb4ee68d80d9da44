"""The whole way of a push: git, forge, signed webhook, intake, store port."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import uvicorn
from starlette.applications import Starlette

from towline.aio.clock import SystemClock, parse_rfc3339
from towline.errors import TransientError
from towline.forge.events import PushEvent
from towline.forge.hooks import HookSecret
from towline.forge.local import LocalForge, Subscriber
from towline.git import Git
from towline.git.server import GitServer, Repositories, ServerSettings, TokenBook
from towline.web.hooks import HookIntake

pytestmark = pytest.mark.asyncio
ZERO = "0" * 40


class Memory:
    """The store's ports in memory; it survives what a test calls a restart."""

    def __init__(self) -> None:
        self.hooks: dict[str, HookSecret] = {}
        self.told: dict[str, dict[str, str]] = {}
        self.events: dict[tuple[str, str, str], PushEvent] = {}
        self.offers = 0
        self.failing = 0
        self.changed = asyncio.Event()
        self.arrived_at = 0.0

    async def secrets(self, provider: str) -> Sequence[HookSecret]:
        return list(self.hooks.values()) if provider == "github" else []

    async def put(self, full_name: str, url: str, secret: bytes) -> str:
        assert len(secret) == 32
        self.hooks[full_name] = HookSecret(f"hook-{len(self.hooks)}", full_name, url, secret)
        return self.hooks[full_name].hook_id

    async def heads(self, repo: str) -> Mapping[str, str]:
        return dict(self.told.get(repo, {}))

    async def delivered(self, repo: str, ref: str, sha: str) -> None:
        refs = self.told.setdefault(repo, {})
        if sha == ZERO:
            refs.pop(ref, None)
        else:
            refs[ref] = sha

    async def accept(
        self,
        provider: str,
        hook: str,
        delivery_id: str,
        _digest: str,
        event: PushEvent,
        _at: Any,
    ) -> bool:
        self.offers += 1
        if self.failing:
            self.failing -= 1
            raise TransientError("the disk is full")
        key = (provider, hook, delivery_id)
        new = key not in self.events
        self.events[key] = event
        self.arrived_at = time.monotonic()
        self.changed.set()
        return new

    async def until(self, count: int) -> list[PushEvent]:
        async with asyncio.timeout(10):
            while len(self.events) < count:
                self.changed.clear()
                await self.changed.wait()
        return list(self.events.values())


class World:
    """One life of the process: forge, intake, and their listeners."""

    def __init__(self, folder: Path, memory: Memory) -> None:
        self.folder = folder
        self.memory = memory
        self.stack = contextlib.AsyncExitStack()
        self.subscribers: list[Subscriber] = []
        self.deliver = True

    async def start(self) -> None:
        git = Git("test")
        self.tokens = TokenBook(self.folder / "token", self.folder / "tokens.json")
        self.repositories = Repositories(self.folder / "repositories")
        server = GitServer(self.repositories, git, self.tokens, ServerSettings())
        intake = HookIntake(self.memory, self.memory, lambda: None, SystemClock())
        hooks_port = await self._serve(Starlette(routes=intake.routes()))
        session = await self.stack.enter_async_context(aiohttp.ClientSession())
        listener = _listener()
        self.port = listener.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self.forge = LocalForge(
            server,
            self.repositories,
            self.memory,
            self.memory,
            session=session,
            hook_url=f"http://127.0.0.1:{hooks_port}/hooks/github",
            base_url=self.base,
            subscribers=self.subscribers,
        )
        await self._serve(self.forge, listener)
        if self.deliver:
            task = asyncio.create_task(self.forge.run())
            self.stack.push_async_callback(_cancel, task)

    async def stop(self) -> None:
        await self.stack.aclose()
        self.stack = contextlib.AsyncExitStack()

    async def _serve(self, app: Any, listener: socket.socket | None = None) -> int:
        listener = listener or _listener()
        self.stack.callback(listener.close)
        config = uvicorn.Config(
            app, lifespan="off", log_level="error", ws="none", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.002)

        async def shut() -> None:
            server.should_exit = True
            await task

        self.stack.push_async_callback(shut)
        port: int = listener.getsockname()[1]
        return port

    def url(self, name: str) -> str:
        return f"http://ann:{self.tokens.admin_token}@127.0.0.1:{self.port}/{name}.git"


def _listener() -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    return listener


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


class Person:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def git(self, *args: str) -> str:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        environment |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
        for role in ("AUTHOR", "COMMITTER"):
            environment[f"GIT_{role}_NAME"] = "Ann"
            environment[f"GIT_{role}_EMAIL"] = "ann@example.org"
        child = await asyncio.create_subprocess_exec(
            "git",
            *args,
            cwd=self.folder,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await child.communicate()
        assert child.returncode == 0, err.decode()
        return out.decode().strip()

    async def commit(self, name: str, text: str, message: str = "change") -> str:
        (self.folder / name).write_text(text)
        await self.git("add", "-A")
        await self.git("commit", "-q", "-m", message)
        return await self.git("rev-parse", "HEAD")


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest_asyncio.fixture
async def world(tmp_path: Path, memory: Memory) -> AsyncIterator[World]:
    made = World(tmp_path, memory)
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture
async def ann(tmp_path: Path) -> Person:
    person = Person(tmp_path / "ann")
    person.folder.mkdir()
    await person.git("init", "-q", "-b", "main")
    return person


async def test_a_push_becomes_one_stored_event(world: World, ann: Person, memory: Memory) -> None:
    first = await ann.commit("a", "1", "first\n\nbody")
    await ann.git("push", "-q", world.url("Team/App"), "main")
    (event,) = await memory.until(1)
    assert event == PushEvent(
        repository=(f"{world.base}/Team/App.git", f"{world.base}/Team/App"),
        full_name="Team/App",
        ref="refs/heads/main",
        before=ZERO,
        after=first,
        default_branch="main",
        pusher="ann",
        message="first",
        changed_files=None,
        pushed_at=event.pushed_at,
    )
    age = time.time() - parse_rfc3339(event.pushed_at).timestamp()
    assert -0.01 < age < 10
    second = await ann.commit("b", "2")
    await ann.git("push", "-q", world.url("team/app"), "main")
    event = (await memory.until(2))[1]
    assert (event.before, event.after, event.changed_files) == (first, second, ("b",))


async def test_rewrites_tags_and_deletions_are_told(
    world: World, ann: Person, memory: Memory
) -> None:
    await ann.commit("a", "1")
    url = world.url("o/r")
    await ann.git("push", "-q", url, "main", "main:old")
    await memory.until(2)
    await ann.git("commit", "-q", "--amend", "-m", "other")
    await ann.git("tag", "-a", "v1", "-m", "x")
    await ann.git("push", "-q", "--force", url, "main", "v1", ":old")
    events = {event.ref: event for event in (await memory.until(5))[2:]}
    assert events["refs/heads/main"].changed_files is None
    assert events["refs/heads/old"].deleted
    assert events["refs/tags/v1"].before == ZERO
    async with asyncio.timeout(5):
        while memory.told["o/r"].keys() != {"refs/heads/main", "refs/tags/v1"}:
            await asyncio.sleep(0.005)  # the last answer is on its way back


async def test_a_return_to_an_old_commit_is_a_new_delivery(
    world: World, ann: Person, memory: Memory
) -> None:
    first = await ann.commit("a", "1")
    url = world.url("o/r")
    await ann.git("push", "-q", url, "main")
    await memory.until(1)
    second = await ann.commit("a", "2")
    for count, commit in enumerate((second, first, second), start=2):
        await ann.git("push", "-q", "--force", url, f"{commit}:refs/heads/main")
        assert (await memory.until(count))[-1].after == commit


async def test_r01_a_push_is_told_after_the_process_died_before_its_webhook(
    tmp_path: Path, ann: Person, memory: Memory
) -> None:
    first = World(tmp_path, memory)
    first.deliver = False  # dies between push and delivery
    await first.start()
    commit = await ann.commit("a", "1")
    await ann.git("push", "-q", first.url("o/r"), "main")
    await first.stop()
    assert not memory.events
    second = World(tmp_path, memory)
    await second.start()
    (event,) = await memory.until(1)
    assert event.after == commit
    await second.stop()


async def test_r02_a_delivery_whose_answer_was_lost_is_sent_again_as_the_same(
    tmp_path: Path, ann: Person, memory: Memory
) -> None:
    first = World(tmp_path, memory)
    await first.start()
    await ann.commit("a", "1")
    await ann.git("push", "-q", first.url("o/r"), "main")
    await memory.until(1)
    await first.stop()
    memory.told.clear()  # the process died after the 2xx, before it was remembered
    memory.changed.clear()
    second = World(tmp_path, memory)
    await second.start()
    async with asyncio.timeout(10):
        while memory.offers < 2 or not memory.told.get("o/r"):
            await asyncio.sleep(0.005)
    await second.stop()
    assert len(memory.events) == 1


async def test_deliveries_are_retried_until_they_are_stored(
    world: World, ann: Person, memory: Memory
) -> None:
    memory.failing = 3
    await ann.commit("a", "1")
    await ann.git("push", "-q", world.url("o/r"), "main")
    await memory.until(1)
    assert memory.offers == 4


async def test_other_subscribers_hear_for_themselves(
    tmp_path: Path, ann: Person, memory: Memory
) -> None:
    world = World(tmp_path, memory)
    other = Memory()
    other.hooks["any"] = HookSecret("any", "", "", b"their-secret")
    app = Starlette(routes=HookIntake(other, other, lambda: None, SystemClock()).routes())
    port = await world._serve(app)
    world.subscribers.append(
        Subscriber("*", f"http://127.0.0.1:{port}/api/webhook", b"their-secret")
    )
    other.failing = 2  # their trouble is not ours
    await world.start()
    commit = await ann.commit("a", "1")
    await ann.git("push", "-q", world.url("o/r"), "main")
    (ours,) = await memory.until(1)
    (theirs,) = await other.until(1)
    assert ours.after == theirs.after == commit
    await world.stop()


async def test_s09_hook_secrets_are_made_per_repository(
    world: World, ann: Person, memory: Memory
) -> None:
    await ann.commit("a", "1")
    await ann.git("push", "-q", world.url("o/one"), "main")
    await ann.git("push", "-q", world.url("o/two"), "main")
    await memory.until(2)
    assert memory.hooks.keys() == {"o/one", "o/two"}
    assert len({hook.secret for hook in memory.hooks.values()}) == 2
    again = await world.forge.hook_secret("o/one")
    assert again == memory.hooks["o/one"]
