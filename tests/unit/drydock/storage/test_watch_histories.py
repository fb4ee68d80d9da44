"""Watch histories as a state machine: writers, watchers, disconnects, compaction, restarts.

The model is the list of committed steps. What a watcher is told must be exactly what its selector
makes of the steps after its revision: nothing missing, nothing twice, nothing out of order.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Callable, Coroutine, MutableMapping
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    rule,
)

from towline.aio.clock import SystemClock
from towline.drydock.admission.services import ServicePlan
from towline.drydock.api.app import ApiServer
from towline.drydock.api.auth import TokenFile
from towline.drydock.api.health import Health
from towline.drydock.api.resources import Resources
from towline.drydock.auth.access import open_access
from towline.drydock.registry import Registry
from towline.drydock.storage import Store
from towline.kube.refs import GroupResource
from towline.kube.schema.catalog import load_catalog

T = TypeVar("T")
MAPS = "/api/v1/namespaces/default/configmaps"
NAMES = st.sampled_from(["a", "b", "c"])
COLOURS = st.sampled_from(["red", "blue", ""])


class State(NamedTuple):
    """One version of an object as the model sees it."""

    name: str
    colour: str


class Step(NamedTuple):
    """A committed step."""

    rev: int
    before: State | None
    after: State | None


class Event(NamedTuple):
    """What a watcher is told."""

    type: str
    name: str
    rev: int


Selector = tuple[str, Callable[[State], bool]]
SELECTORS: list[Selector] = [
    ("", lambda _: True),
    ("labelSelector=colour%3Dred", lambda s: s.colour == "red"),
    ("labelSelector=colour%21%3Dred", lambda s: s.colour != "red"),
    ("labelSelector=colour", lambda s: bool(s.colour)),
    ("fieldSelector=metadata.name%3Da", lambda s: s.name == "a"),
    (
        "fieldSelector=metadata.name%21%3Da&labelSelector=colour+in+(red,blue)",
        lambda s: s.name != "a" and bool(s.colour),
    ),
]


def seen_through(step: Step, matches: Callable[[State], bool]) -> list[Event]:
    before = step.before is not None and matches(step.before)
    after = step.after is not None and matches(step.after)
    name = (step.after or step.before or State("", "")).name
    if not before and not after:
        return []
    type_ = "MODIFIED" if before and after else "ADDED" if after else "DELETED"
    return [Event(type_, name, step.rev)]


class Watch:
    """An open watch as a client of the ASGI application."""

    def __init__(self, selector: Selector, query: str, start: int) -> None:
        self.selector = selector
        self.query = query
        self.start = start
        self.last = start
        self.lines: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._left = asyncio.Event()
        self._rest = b""
        self._asked = False

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        *lines, self._rest = (self._rest + message.get("body", b"")).split(b"\n")
        for line in lines:
            self.lines.put_nowait(json.loads(line))
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.lines.put_nowait(None)

    def leave(self) -> None:
        self._left.set()


class Cluster:
    """Store and API server in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.watches: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        clock = SystemClock()
        self.store = Store.open(self._folder / "state.db", clock, sync="normal")
        registry = Registry(
            self.store, load_catalog(), clock, Random(7), ServicePlan("10.96.0.0/24")
        )
        namespaces = GroupResource("", "namespaces")
        if registry.get(namespaces, "", "default") is None:
            await registry.create(namespaces, {"metadata": {"name": "default"}}, manager="test")
        self._tokens = TokenFile(self._folder / "tokens.csv")
        access = open_access(registry, self._tokens, self._folder, clock)
        resources = Resources(registry, access, clock, Random(7), None)
        health = Health(lambda: True)
        self._app = ApiServer(
            registry, resources, access, health, clock=clock, address="127.0.0.1:1"
        )

    async def close(self) -> None:
        self.store.end_watches()
        await asyncio.gather(*self.watches)
        self.watches = []
        await self.store.close()

    def _scope(self, method: str, url: str) -> dict[str, Any]:
        path, _, query = url.partition("?")
        token = f"Bearer {self._tokens.admin_token}".encode()
        return {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": quote(path).encode(),
            "query_string": query.encode(),
            "headers": [(b"authorization", token), (b"content-type", b"application/json")],
        }

    def start(self, watch: Watch) -> None:
        scope = self._scope("GET", f"{MAPS}?watch=1&{watch.query}")
        task = asyncio.ensure_future(self._app(scope, watch.receive, watch.send))
        self.watches.append(task)

    async def request(self, method: str, url: str, body: Any = None) -> dict[str, Any]:
        content = [json.dumps(body).encode() if body is not None else b""]
        answer = bytearray()
        status = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content.pop(), "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                status.append(message["status"])
            answer.extend(message.get("body", b""))

        await self._app(self._scope(method, url), receive, send)
        value: dict[str, Any] = json.loads(answer)
        assert status[0] < 400, value
        return value


def config_map(state: State, number: int) -> dict[str, Any]:
    labels = {"colour": state.colour} if state.colour else {}
    return {"metadata": {"name": state.name, "labels": labels}, "data": {"n": str(number)}}


class WatchHistories(RuleBasedStateMachine):
    """Everything runs on one loop; nothing waits for time."""

    watches: Bundle[Watch] = Bundle("watches")

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="watch-histories-"))
        self.runner = asyncio.Runner()
        self.cluster = Cluster(self.folder)
        self.run(self.cluster.open())
        self.steps: list[Step] = []
        self.states: dict[str, tuple[State, int]] = {}
        self.number = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    # Writers

    async def write(self, name: str, colour: str) -> None:
        self.number += 1
        state = State(name, colour)
        body = config_map(state, self.number)
        before = self.states.get(name)
        if before is None:
            made = await self.cluster.request("POST", MAPS, body)
        else:
            made = await self.cluster.request("PUT", f"{MAPS}/{name}", body)
        self.note(int(made["metadata"]["resourceVersion"]), before, state)

    async def delete(self, name: str) -> None:
        before = self.states.get(name)
        if before is not None:
            await self.cluster.request("DELETE", f"{MAPS}/{name}")
            self.note(self.cluster.store.revision, before, None)

    def note(self, rev: int, before: tuple[State, int] | None, after: State | None) -> None:
        name = (after or (before and before[0]) or State("", "")).name
        self.steps.append(Step(rev, before[0] if before else None, after))
        if after is None:
            del self.states[name]
        else:
            self.states[name] = (after, rev)

    @rule(name=NAMES, colour=COLOURS)
    def write_one(self, name: str, colour: str) -> None:
        self.run(self.write(name, colour))

    @rule(name=NAMES)
    def delete_one(self, name: str) -> None:
        self.run(self.delete(name))

    @rule(colours=st.tuples(COLOURS, COLOURS, COLOURS))
    def write_all_in_one_commit(self, colours: tuple[str, str, str]) -> None:
        async def together() -> None:
            async with asyncio.TaskGroup() as group:
                for name, colour in zip("abc", colours, strict=True):
                    group.create_task(self.write(name, colour))

        self.run(together())
        self.steps.sort()

    # The server

    @rule(kept=st.integers(0, 12))
    def compact(self, kept: int) -> None:
        async def forget() -> None:
            keep_seconds = 1000 if kept else -10
            await self.cluster.store.compact(keep_seconds=keep_seconds, keep_changes=kept)

        self.run(forget())

    @rule()
    def restart(self) -> None:
        self.run(self.cluster.close())
        self.run(self.cluster.open())

    # Watchers

    def opened(self, selector: Selector, query: str, start: int) -> Watch:
        text = "&".join(part for part in (selector[0], query, "allowWatchBookmarks=true") if part)
        watch = Watch(selector, text, start)

        async def begin() -> None:
            self.cluster.start(watch)
            # One turn of the loop: the watch is subscribed before anything else happens.
            await asyncio.sleep(0)

        self.run(begin())
        return watch

    @rule(target=watches, selector=st.sampled_from(SELECTORS), back=st.integers(0, 8))
    def watch_from_a_revision(self, selector: Selector, back: int) -> Any:
        past = [1, *(step.rev for step in self.steps)]
        return self.resumed(selector, past[max(0, len(past) - 1 - back)])

    def resumed(self, selector: Selector, revision: int) -> Any:
        expired = revision < self.cluster.store.history.floor
        watch = self.opened(selector, f"resourceVersion={revision}", revision)
        if not expired:
            return watch
        error = self.run(self.next_line(watch))
        assert error is not None
        assert (error["type"], error["object"]["code"]) == ("ERROR", 410)
        assert self.run(self.next_line(watch)) is None
        return multiple()

    @rule(target=watches, selector=st.sampled_from(SELECTORS), announced=st.booleans())
    def watch_from_the_start(self, selector: Selector, announced: bool) -> Watch:
        query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan" if announced else ""
        now = self.cluster.store.revision
        watch = self.opened(selector, query, now)
        for state, rev in sorted(self.states.values()):
            if selector[1](state):
                line = self.run(self.next_line(watch))
                assert self.event(line) == Event("ADDED", state.name, rev)
        if announced:
            line = self.run(self.next_line(watch))
            assert line is not None
            meta = line["object"]["metadata"]
            assert (line["type"], meta["resourceVersion"]) == ("BOOKMARK", str(now))
            assert meta["annotations"] == {"k8s.io/initial-events-end": "true"}
        return watch

    @rule(target=watches, selector=st.sampled_from(SELECTORS), name=NAMES, colour=COLOURS)
    def resume_over_compaction_and_restart(self, selector: Selector, name: str, colour: str) -> Any:
        """The step after a compaction changes a version that only the compacted log knew."""
        self.compact(0)
        start = self.cluster.store.revision
        self.run(self.write(name, colour))
        self.restart()
        return self.resumed(selector, start)

    async def next_line(self, watch: Watch) -> dict[str, Any] | None:
        async with asyncio.timeout(1):
            return await watch.lines.get()

    def event(self, line: dict[str, Any] | None) -> Event:
        assert line is not None
        meta = line["object"]["metadata"]
        return Event(line["type"], meta["name"], int(meta["resourceVersion"]))

    def expected(self, watch: Watch) -> list[Event]:
        steps = [step for step in self.steps if step.rev > watch.last]
        return [event for step in steps for event in seen_through(step, watch.selector[1])]

    def read_some(self, watch: Watch, most: int) -> None:
        """Reads events and compares each with the model; a watch that ended is read to its end."""
        for expected in self.expected(watch)[:most]:
            line = self.run(self.next_line(watch))
            if line is None:
                watch.lines.put_nowait(None)
                return
            assert self.event(line) == expected
            watch.last = expected.rev

    @rule(watch=watches, most=st.integers(1, 6))
    def read(self, watch: Watch, most: int) -> None:
        self.read_some(watch, most)

    @rule(target=watches, watch=consumes(watches), most=st.integers(0, 3))
    def disconnect_and_resume(self, watch: Watch, most: int) -> Any:
        """What was on its way to the client is lost; it resumes from what it has read."""
        self.read_some(watch, most)
        watch.leave()
        return self.resumed(watch.selector, watch.last)

    @rule(watch=consumes(watches))
    def read_to_the_end(self, watch: Watch) -> None:
        self.read_some(watch, len(self.steps) + 1)

        async def quiet() -> None:
            for _ in range(10):
                await asyncio.sleep(0)
            rest = [watch.lines.get_nowait() for _ in range(watch.lines.qsize())]
            assert rest in ([], [None]), f"more than happened: {rest}"
            watch.leave()

        self.run(quiet())

    def teardown(self) -> None:
        if not hasattr(self, "runner"):
            return
        self.run(self.cluster.close())
        self.runner.close()
        shutil.rmtree(self.folder)


WatchHistories.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    # A broken watch shows as a time-out: shrinking it would take minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
TestWatchHistories = WatchHistories.TestCase
