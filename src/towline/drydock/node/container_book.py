"""What is known of the node's containers: found by labels, kept current by process ends and events.

A process's end is noticed by its pidfd at once; podman's events and a list now and then cover what
that cannot see.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import os
from collections.abc import Callable
from typing import Any

import msgspec

from towline.aio.clock import Clock
from towline.drydock.node.container_spec import LABEL
from towline.drydock.node.model import ContainerSeen
from towline.drydock.node.podman import Podman, PodmanError
from towline.errors import TransientError

_log = logging.getLogger("towline.drydock.node")
_RELIST = 30.0
_RECONNECT = 1.0
_SETTLE = 0.1
_RUNNING = frozenset({"running", "paused", "stopping"})
_ENDED = frozenset({"exited", "stopped", "removing", "dead"})
_ACTIONS = frozenset({"died", "remove", "start"})


class ContainerBook:
    """The containers of this node.

    Args:
        podman: The engine.
        clock: For the time of ends that podman does not know.
        on_change: Called with a pod's uid when one of its containers changed.
        last_words: Answers a container's termination message; asked when it ended.
    """

    def __init__(
        self,
        podman: Podman,
        clock: Clock,
        *,
        on_change: Callable[[str], None],
        last_words: Callable[[ContainerSeen, bool], str],
    ) -> None:
        self._podman = podman
        self._clock = clock
        self._on_change = on_change
        self._last_words = last_words
        self._seen: dict[str, ContainerSeen] = {}
        self._pidfds: dict[str, int] = {}
        self._ended: dict[str, asyncio.Event] = {}
        self._killed: set[str] = set()
        self._group: asyncio.TaskGroup | None = None

    def of_pod(self, uid: str) -> tuple[ContainerSeen, ...]:
        """Containers of a pod."""
        return tuple(seen for seen in self._seen.values() if seen.pod_uid == uid)

    def running(self) -> list[ContainerSeen]:
        """Every container that has a process."""
        return [seen for seen in self._seen.values() if seen.state == "running" and seen.pid]

    def get(self, container: str) -> ContainerSeen | None:
        """A container by its identifier."""
        return self._seen.get(container)

    def pod_uids(self) -> set[str]:
        """Pods that have containers."""
        return {seen.pod_uid for seen in self._seen.values()}

    async def run(self) -> None:
        """Follows ends and events until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for seen in list(self._seen.values()):
                    self._watch_end(seen)
                group.create_task(self._follow())
                while True:
                    await self._clock.sleep(_RELIST)
                    await self._attempt_relist()
        finally:
            self._group = None
            for container in list(self._pidfds):
                self._unwatch(container)

    async def relist(self) -> None:
        """Makes the book agree with podman.

        Raises:
            TransientError: When podman does not answer.
        """
        known = {seen.id for seen in self._seen.values()}
        listed = {
            str(entry["Id"]): str(entry.get("State") or "")
            for entry in await self._podman.containers()
            if f"{LABEL}uid" in (entry.get("Labels") or {})
        }
        for container in known - listed.keys():
            self.forget(container)
        for container, state in listed.items():
            seen = self._seen.get(container)
            if seen is None or (seen.state == "running") != (state in _RUNNING):
                await self.refresh(container)

    async def refresh(self, container: str) -> None:
        """Reads one container anew.

        Raises:
            TransientError: When podman does not answer.
        """
        try:
            body = await self._podman.inspect(container)
        except PodmanError as error:
            if not error.missing:
                raise
            self.forget(container)
            return
        seen = _seen_of(body)
        if seen is None:
            return
        before = self._seen.get(container)
        if before is not None and before.state == "exited":
            return
        if seen.state == "exited":
            seen = self._explained(seen, body)
        if seen == before:
            return
        self._seen[container] = seen
        if seen.state == "running":
            self._watch_end(seen)
        elif seen.state == "exited":
            self._unwatch(container)
            if event := self._ended.pop(container, None):
                event.set()
        self._on_change(seen.pod_uid)

    def start_failed(self, container: str, message: str) -> None:
        """A container that was made could not be started: it counts as ended with code 128."""
        seen = self._seen.get(container)
        if seen is None:
            return
        now = self._clock.now()
        self._seen[container] = msgspec.structs.replace(
            seen,
            state="exited",
            exit_code=128,
            reason="StartError",
            message=message,
            finished_at=now,
        )

    def forget(self, container: str) -> None:
        """The container was removed."""
        seen = self._seen.pop(container, None)
        self._killed.discard(container)
        self._unwatch(container)
        if event := self._ended.pop(container, None):
            event.set()
        if seen is not None:
            self._on_change(seen.pod_uid)

    def killed(self, container: str) -> None:
        """We kill it ourselves, so its exit code 137 is no sign of missing memory."""
        self._killed.add(container)

    async def wait_end(self, container: str, seconds: float) -> bool:
        """Waits until a container ended; returns whether it did in that time."""
        seen = self._seen.get(container)
        if seen is None or seen.state == "exited":
            return True
        event = self._ended.setdefault(container, asyncio.Event())
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return False
        return True

    def _explained(self, seen: ContainerSeen, body: dict[str, Any]) -> ContainerSeen:
        labels = (body.get("Config") or {}).get("Labels") or {}
        fallback = labels.get(f"{LABEL}fallback") == "FallbackToLogsOnError" and seen.exit_code != 0
        out_of_memory = bool(body["State"].get("OOMKilled")) or (
            seen.exit_code == 137 and seen.limited and seen.id not in self._killed
        )
        return msgspec.structs.replace(
            seen,
            reason="OOMKilled" if out_of_memory else "",
            message=self._last_words(seen, fallback),
            finished_at=seen.finished_at or self._clock.now(),
        )

    async def _follow(self) -> None:
        """Reads podman's events; when they break off, lists and connects again."""
        while True:
            try:
                async for event in self._podman.events():
                    container = str((event.get("Actor") or {}).get("ID") or "")
                    if event.get("Action") in _ACTIONS and container in self._seen:
                        await self.refresh(container)
            except (TransientError, PodmanError) as error:
                _log.info("podman events broke off error=%s", error)
            await self._clock.sleep(_RECONNECT)
            await self._attempt_relist()

    async def _attempt_relist(self) -> None:
        try:
            await self.relist()
        except (TransientError, PodmanError) as error:
            _log.warning("podman list failed error=%s", error)

    def _watch_end(self, seen: ContainerSeen) -> None:
        if self._group is None or seen.id in self._pidfds or not seen.pid:
            return
        try:
            descriptor = os.pidfd_open(seen.pid)
        except ProcessLookupError:
            self._group.create_task(self._after_end(seen.id))
            return
        self._pidfds[seen.id] = descriptor
        asyncio.get_running_loop().add_reader(descriptor, self._process_ended, seen.id)

    def _unwatch(self, container: str) -> None:
        descriptor = self._pidfds.pop(container, None)
        if descriptor is not None:
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)

    def _process_ended(self, container: str) -> None:
        self._unwatch(container)
        if self._group is not None:
            self._group.create_task(self._after_end(container))

    async def _after_end(self, container: str) -> None:
        """Reads the exit code; podman may need a moment to know it."""
        for _ in range(20):
            try:
                await self.refresh(container)
            except (TransientError, PodmanError) as error:
                _log.info("container not read id=%s error=%s", container[:12], error)
            seen = self._seen.get(container)
            if seen is None or seen.state == "exited":
                return
            self._unwatch(container)
            await asyncio.sleep(_SETTLE)


def _seen_of(body: dict[str, Any]) -> ContainerSeen | None:
    """A container from podman's long form; None when it is not one of ours."""
    labels: dict[str, str] = (body.get("Config") or {}).get("Labels") or {}
    if f"{LABEL}uid" not in labels:
        return None
    state = body["State"]
    status = str(state.get("Status") or "")
    kind = "running" if status in _RUNNING else "exited" if status in _ENDED else "created"
    return ContainerSeen(
        id=str(body["Id"]),
        pod_uid=labels[f"{LABEL}uid"],
        namespace=labels.get(f"{LABEL}namespace", ""),
        pod=labels.get(f"{LABEL}pod", ""),
        name=labels.get(f"{LABEL}container", ""),
        attempt=int(labels.get(f"{LABEL}attempt") or 0),
        sandbox=labels.get(f"{LABEL}sandbox", ""),
        backoff=int(labels.get(f"{LABEL}backoff") or 0),
        state=kind,
        pid=int(state.get("Pid") or 0) if kind == "running" else 0,
        started_at=_moment(state.get("StartedAt")),
        finished_at=_moment(state.get("FinishedAt")) if kind == "exited" else None,
        exit_code=int(state.get("ExitCode") or 0) if kind == "exited" else 0,
        image_id=labels.get(f"{LABEL}image") or str(body.get("Image") or ""),
        limited=labels.get(f"{LABEL}limited") == "true",
    )


def _moment(text: str | None) -> dt.datetime | None:
    """A time as Go writes it, with up to nine digits; the zero time is None."""
    if not text or text.startswith("0001-"):
        return None
    head, dot, rest = text.partition(".")
    if dot:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        text = f"{head}.{digits[:6]}{rest[len(digits) :]}"
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)
