"""What pods and the machine use: a look now and then, and the mean between two looks."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from towline.aio.clock import Clock
from towline.drydock.metrics import NodeSample, PodSample, Usage
from towline.drydock.node.metrics_machine import Reading
from towline.drydock.node.model import ContainerSeen

_log = logging.getLogger("towline.drydock.node")
# The shortest window that says something, as a share of the interval.
_LEAST = 2 / 3
# A container that is younger than so many intervals has its start as the first look.
_FRESH = 2.0


class Reader(Protocol):
    """Reads the kernel's counters."""

    def machine(self) -> Reading | None:
        """The whole machine."""
        ...

    def container(self, pid: int) -> Reading | None:
        """The container whose first process that is."""
        ...


class Look(NamedTuple):
    """One reading and its time on the monotonic clock."""

    at: float
    reading: Reading


class Window(NamedTuple):
    """The use between two looks."""

    at: dt.datetime
    seconds: float
    usage: Usage


class Sampler:
    """Looks at every running container and at the machine.

    Args:
        running: The running containers.
        reader: Reads the counters.
        clock: Time.
        node: Name of the node.
        interval: Seconds between two looks.
    """

    def __init__(
        self,
        running: Callable[[], list[ContainerSeen]],
        reader: Reader,
        clock: Clock,
        *,
        node: str,
        interval: float,
    ) -> None:
        self._running = running
        self._reader = reader
        self._clock = clock
        self._node = node
        self._interval = interval
        self._machine: Look | None = None
        self._machine_window: Window | None = None
        self._looks: dict[str, Look] = {}
        self._windows: dict[str, Window] = {}

    async def run(self) -> None:
        """Looks until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(self._interval)

    async def look(self) -> None:
        """Looks once."""
        running = self._running()
        # Many small files: not the business of the thread that serves requests.
        machine, readings = await asyncio.to_thread(self._read, running)
        at, now = self._clock.monotonic(), self._clock.now()
        if machine is not None:
            look = Look(at, machine)
            made = self._between(self._machine, look, now)
            self._machine_window = made or self._machine_window
            self._machine = look if made or self._machine is None else self._machine
        kept = {seen.id for seen in running if seen.id in readings}
        self._looks = {key: look for key, look in self._looks.items() if key in kept}
        self._windows = {key: made for key, made in self._windows.items() if key in kept}
        for seen in running:
            if seen.id in readings:
                self._note(seen, Look(at, readings[seen.id]), now)

    def _read(self, running: list[ContainerSeen]) -> tuple[Reading | None, dict[str, Reading]]:
        readings = {}
        for seen in running:
            reading = self._reader.container(seen.pid)
            if reading is not None:
                readings[seen.id] = reading
        return self._reader.machine(), readings

    def _note(self, seen: ContainerSeen, look: Look, now: dt.datetime) -> None:
        before = self._looks.get(seen.id)
        if before is None:
            before = self._start_of(seen, look, now)
        made = self._between(before, look, now)
        if made is not None:
            self._windows[seen.id] = made
        if made is not None or seen.id not in self._looks:
            self._looks[seen.id] = look if made is not None or before is None else before

    def _start_of(self, seen: ContainerSeen, look: Look, now: dt.datetime) -> Look | None:
        """The start of a young container: it had used nothing then."""
        if seen.started_at is None:
            return None
        age = (now - seen.started_at).total_seconds()
        if not 0 <= age <= _FRESH * self._interval:
            return None
        return Look(look.at - age, Reading(0, 0))

    def _between(self, before: Look | None, after: Look, now: dt.datetime) -> Window | None:
        """The window between two looks; None when they are too close or the counter fell."""
        if before is None:
            return None
        seconds = after.at - before.at
        spent = after.reading.cpu - before.reading.cpu
        if seconds < _LEAST * self._interval or spent < 0:
            return None
        return Window(now, seconds, Usage(round(spent / seconds), after.reading.memory))

    def nodes(self) -> Mapping[str, NodeSample]:
        """The machine's sample, when there is one."""
        made = self._machine_window
        return {} if made is None else {self._node: NodeSample(*made)}

    def pod(self, pod: dict[str, Any]) -> PodSample | None:
        """A pod's sample; None while one of its running containers has none."""
        uid = pod["metadata"]["uid"]
        found: dict[str, Window] = {}
        for seen in self._running():
            if seen.pod_uid == uid:
                made = self._windows.get(seen.id)
                if made is None:
                    return None
                found[seen.name] = made
        if not found:
            return None
        return PodSample(
            max(made.at for made in found.values()),
            min(made.seconds for made in found.values()),
            {name: made.usage for name, made in found.items()},
        )
