"""kill -9 at random moments, again and again, with a ledger of everything that was promised.

Writers own objects and remember each acknowledgement; a replica follows by watching. After every
restart the server must have every acknowledged write, no deleted object, no revision twice, and
the watch must continue exactly where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest

MAPS = "/api/v1/namespaces/default/configmaps"
MINE = "labelSelector=ledger"
WRITERS = 8
NAMES_PER_WRITER = 4
_GONE = (aiohttp.ClientError, ConnectionError, json.JSONDecodeError)

State = tuple[str, str] | None  # revision and value; None for an absent object


def config_map(name: str, value: str) -> dict[str, Any]:
    meta = {"name": name, "labels": {"ledger": "yes"}}
    return {"metadata": meta, "data": {"value": value}}


def state_of(obj: dict[str, Any]) -> State:
    return obj["metadata"]["resourceVersion"], obj["data"]["value"]


class Ledger:
    """What clients were promised."""

    def __init__(self) -> None:
        self.states: dict[str, State] = {}
        self.doubtful: dict[str, str | None] = {}
        self.owners: dict[str, tuple[str, str]] = {}
        self.highest = 0
        self.acknowledged = 0

    def promise(self, name: str, state: State, revision: str) -> None:
        number = int(revision)
        known = self.owners.setdefault(revision, (name, state[1] if state else "gone"))
        assert known == (name, state[1] if state else "gone"), f"revision {revision} came twice"
        self.states[name] = state
        self.highest = max(self.highest, number)
        self.acknowledged += 1

    def settle(self, found: dict[str, State]) -> None:
        """Compares with what a restart brought back, and takes it over where it was in doubt."""
        for name in self.states | found:
            want, have = self.states.get(name), found.get(name)
            if have != want:
                assert name in self.doubtful, f"{name}: promised {want}, found {have}"
                tried = self.doubtful[name]
                assert (have[1] if have else None) == tried, f"{name}: {have}, tried {tried}"
                if have is not None:
                    self.promise(name, have, have[0])
            self.states[name] = have
        self.doubtful.clear()


class Writer:
    """Changes its own objects in every way until the server is gone."""

    def __init__(self, number: int, ledger: Ledger, rng: Random) -> None:
        self._names = [f"w{number}-{i}" for i in range(NAMES_PER_WRITER)]
        self._ledger = ledger
        self._rng = rng
        self._count = 0

    async def run(self, client: Any) -> None:
        with contextlib.suppress(*_GONE):
            while True:
                self._count += 1
                name = self._rng.choice(self._names)
                await self._step(client, name, f"{name}/{self._count}")

    async def _step(self, client: Any, name: str, value: str) -> None:
        before = self._ledger.states.get(name)
        body = config_map(name, value)
        action = self._rng.choice(["put", "patch", "apply", "delete"]) if before else "create"
        self._ledger.doubtful[name] = None if action == "delete" else value
        path = f"{MAPS}/{name}"
        match action:
            case "create":
                made = await client.send("POST", MAPS, body)
            case "put":
                made = await client.send("PUT", path, body)
            case "patch":
                patch = {"data": {"value": value}}
                made = await client.send("PATCH", path, patch, "application/merge-patch+json")
            case "apply":
                whole = {"apiVersion": "v1", "kind": "ConfigMap", **body}
                query = "?fieldManager=test&force=true"
                made = await client.send(
                    "PATCH", path + query, whole, "application/apply-patch+yaml"
                )
            case _:
                await client.send("DELETE", path)
                self._ledger.states[name] = None
                self._ledger.acknowledged += 1
                del self._ledger.doubtful[name]
                return
        self._ledger.promise(name, state_of(made), made["metadata"]["resourceVersion"])
        del self._ledger.doubtful[name]


class Replica:
    """A copy kept by watching, which resumes from the last revision that it saw."""

    def __init__(self, revision: str) -> None:
        self.revision = int(revision)
        self.states: dict[str, State] = {}

    async def follow(self, client: Any, until: str = "") -> None:
        with contextlib.suppress(*_GONE):
            async for event in client.watch(MAPS, self.revision, f"&{MINE}"):
                if self.take(event) == until:
                    return

    def take(self, event: dict[str, Any]) -> str:
        obj, kind = event["object"], event["type"]
        assert kind in {"ADDED", "MODIFIED", "DELETED"}, event
        name, revision = obj["metadata"]["name"], int(obj["metadata"]["resourceVersion"])
        assert revision > self.revision, f"{name}: {revision} after {self.revision}"
        present = self.states.get(name) is not None
        assert present == (kind != "ADDED"), f"{kind} of {name} that is there: {present}"
        self.revision = revision
        self.states[name] = None if kind == "DELETED" else state_of(obj)
        return str(name)


async def objects(client: Any) -> tuple[dict[str, State], str]:
    whole = await client.get(f"{MAPS}?{MINE}")
    found = {o["metadata"]["name"]: state_of(o) for o in whole["items"]}
    return found, whole["metadata"]["resourceVersion"]


async def storm(
    server: Any, writers: list[Writer], replica: Replica, rng: Random, ledger: Ledger
) -> None:
    """Load until the process is killed at a random moment."""
    async with server.client() as client, asyncio.TaskGroup() as group:
        group.create_task(replica.follow(client))
        for writer in writers:
            group.create_task(writer.run(client))
        enough = ledger.acknowledged + rng.randrange(20, 200)
        while ledger.acknowledged < enough:
            await asyncio.sleep(0.001)
        await asyncio.sleep(rng.random() * 0.01)
        await asyncio.to_thread(server.end)


async def caught_up(client: Any, replica: Replica, turn: int) -> None:
    marker = f"marker-{turn}"
    await client.send("POST", MAPS, config_map(marker, marker))
    async with asyncio.timeout(20):
        await replica.follow(client, until=marker)
    await client.send("DELETE", f"{MAPS}/{marker}")
    async with asyncio.timeout(20):
        await replica.follow(client, until=marker)


async def killed_while_starting(
    server: Any, rng: Random, pause: Callable[[float], Awaitable[None]]
) -> None:
    server.spawn()
    await pause(rng.random() * 0.5)
    await asyncio.to_thread(server.end)


@pytest.mark.asyncio
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_no_promise_is_broken_by_kill_9_at_random_moments(
    make_server: Callable[[Path], Any], tmp_path: Path, long_run: bool
) -> None:
    rng = Random()
    seed = rng.randrange(1 << 32)
    rng.seed(seed)
    print(f"seed {seed}")
    server = make_server(tmp_path)
    server.start()
    ledger = Ledger()
    writers = [Writer(n, ledger, Random(rng.random())) for n in range(WRITERS)]
    async with server.client() as client:
        _, revision = await objects(client)
    replica = Replica(revision)
    for turn in range(100 if long_run else 5):
        await storm(server, writers, replica, rng, ledger)
        if turn % 4 == 3:
            await killed_while_starting(server, rng, asyncio.sleep)
        server.start()
        async with server.client() as client:
            found, revision = await objects(client)
            ledger.settle(found)
            assert int(revision) >= max(ledger.highest, replica.revision)
            await caught_up(client, replica, turn)
            found, _ = await objects(client)
            assert {name: s for name, s in replica.states.items() if s} == found
    assert ledger.acknowledged > turn * 20
