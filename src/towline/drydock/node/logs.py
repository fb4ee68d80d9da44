"""Container output: the k8s-file format (as CRI has it), tail, follow, previous."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from towline.aio.clock import Clock
from towline.drydock.cluster import Cluster, Obj
from towline.drydock.node.container_book import ContainerBook
from towline.drydock.node.model import ContainerSeen
from towline.drydock.node.pod_folder import PodFolder
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

PODS = GroupResource("", "pods")
_BLOCK = 64 * 1024
_LOOK = 0.1


class Wanted(NamedTuple):
    """Which part of the output, and how.

    Attributes:
        follow: Go on until the container ends.
        tail_lines: Only the last lines, or None for all.
        since: Only what was written from then on, or None.
        timestamps: Put the time before each line.
        limit_bytes: Cut after that many bytes, or None.
    """

    follow: bool
    tail_lines: int | None
    since: dt.datetime | None
    timestamps: bool
    limit_bytes: int | None


class NodeLogs:
    """Output of the containers of this node.

    Args:
        cluster: Where pods are.
        pods: Folder of all pods' files.
        book: Knows which attempts there are and whether they run.
        clock: For `since_seconds`.
    """

    def __init__(self, cluster: Cluster, pods: Path, book: ContainerBook, clock: Clock) -> None:
        self._cluster = cluster
        self._pods = pods
        self._book = book
        self._clock = clock

    def stream(
        self,
        namespace: str,
        pod: str,
        container: str = "",
        *,
        follow: bool = False,
        tail_lines: int | None = None,
        since_seconds: float | None = None,
        previous: bool = False,
        timestamps: bool = False,
        limit_bytes: int | None = None,
    ) -> AsyncIterator[bytes]:
        """The output of a container, in pieces of whole lines.

        Raises:
            ApiError: With the kubelet's texts, before anything is read.
        """
        obj = self._cluster.get(PODS, namespace, pod)
        if obj is None:
            raise ApiError(f'pods "{pod}" not found', reason="NotFound")
        name = choose(obj, container)
        attempts = self._book.of_pod(obj["metadata"]["uid"])
        seen = attempt_of(obj, name, attempts, previous=previous)
        since = None
        if since_seconds is not None:
            since = self._clock.now() - dt.timedelta(seconds=since_seconds)
        file = PodFolder(self._pods, obj["metadata"]["uid"]).log(name, seen.attempt)
        wanted = Wanted(follow and not previous, tail_lines, since, timestamps, limit_bytes)
        return self._read(file, seen.id, wanted)

    async def _read(self, file: Path, container: str, wanted: Wanted) -> AsyncIterator[bytes]:
        left = wanted.limit_bytes
        if not file.exists():
            return
        stream = file.open("rb")
        try:
            if wanted.tail_lines is not None:
                stream.seek(tail_offset(stream, wanted.tail_lines))
            rest = b""
            while True:
                running = self._runs(container)
                block = stream.read(_BLOCK)
                if block:
                    lines, rest = _split(rest + block)
                    text = b"".join(render(line, wanted) for line in lines)
                    if left is not None:
                        text, left = text[:left], left - len(text)
                    if text:
                        yield text
                    if left is not None and left <= 0:
                        return
                elif not wanted.follow or not running:
                    return
                elif _was_rotated(stream, file):
                    stream.close()
                    stream, rest = file.open("rb"), b""
                else:
                    await asyncio.sleep(_LOOK)
        finally:
            stream.close()

    def _runs(self, container: str) -> bool:
        seen = self._book.get(container)
        return seen is not None and seen.state == "running"


def choose(pod: Obj, container: str) -> str:
    """The container that is meant; the only one when none is named.

    Raises:
        ApiError: None or an unknown one is named.
    """
    specs = [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]
    names = [spec["name"] for spec in specs]
    main = [spec["name"] for spec in pod["spec"]["containers"]]
    pod_name = pod["metadata"]["name"]
    if not container:
        if len(main) == 1:
            return str(main[0])
        raise ApiError(
            f"a container name must be specified for pod {pod_name}, "
            f"choose one of: [{' '.join(main)}]",
            reason="BadRequest",
        )
    if container not in names:
        raise ApiError(
            f"container {container} is not valid for pod {pod_name}", reason="BadRequest"
        )
    return container


def attempt_of(
    pod: Obj, name: str, containers: Iterable[ContainerSeen], *, previous: bool
) -> ContainerSeen:
    """The attempt of a container whose output is meant.

    Raises:
        ApiError: It has not begun, or there is none before the present one.
    """
    attempts = sorted(
        (seen for seen in containers if seen.name == name and seen.state != "created"),
        key=lambda seen: seen.attempt,
    )
    pod_name = pod["metadata"]["name"]
    state = _state(pod, name)
    if previous:
        if attempts and attempts[-1].state == "exited" and "waiting" in state:
            return attempts[-1]
        if len(attempts) < 2:
            raise ApiError(
                f'previous terminated container "{name}" in pod "{pod_name}" not found',
                reason="BadRequest",
            )
        return attempts[-2]
    if not attempts:
        raise ApiError(
            f'container "{name}" in pod "{pod_name}" is waiting to start: {_why(state)}',
            reason="BadRequest",
        )
    return attempts[-1]


def _state(pod: Obj, name: str) -> Obj:
    status = pod.get("status") or {}
    for field in ("containerStatuses", "initContainerStatuses"):
        for entry in status.get(field) or []:
            if entry["name"] == name:
                return entry.get("state") or {}
    return {}


def _why(state: Obj) -> str:
    reason = (state.get("waiting") or {}).get("reason") or "ContainerCreating"
    if reason == "ErrImagePull":
        return "image can't be pulled"
    if reason == "ImagePullBackOff":
        return "trying and failing to pull image"
    return str(reason)


def render(line: bytes, wanted: Wanted) -> bytes:
    """One line of the file as the client sees it; empty when it is not wanted.

    A line is `TIME STREAM TAG TEXT`; the tag is `F` for a whole line and `P` for a piece of one.
    """
    parts = line.split(b" ", 3)
    if len(parts) < 4:
        return b""
    stamp, _, tag, text = parts
    if wanted.since is not None:
        try:
            if _moment(stamp.decode("ascii", "replace")) < wanted.since:
                return b""
        except ValueError:
            return b""
    if tag.startswith(b"F"):
        text += b"\n"
    if wanted.timestamps:
        return stamp.replace(b"+00:00", b"Z") + b" " + text
    return text


def _moment(text: str) -> dt.datetime:
    head, dot, rest = text.partition(".")
    if dot:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        text = f"{head}.{digits[:6]}{rest[len(digits) :]}"
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)


def _split(data: bytes) -> tuple[list[bytes], bytes]:
    *lines, rest = data.split(b"\n")
    return lines, rest


def _was_rotated(stream: BinaryIO, file: Path) -> bool:
    try:
        return os.fstat(stream.fileno()).st_ino != file.stat().st_ino
    except FileNotFoundError:
        return False


def tail_offset(stream: BinaryIO, lines: int) -> int:
    """Where the last `lines` lines of a file begin, found from its end."""
    end = stream.seek(0, os.SEEK_END)
    if lines <= 0:
        return end
    position, missing = end, lines + 1
    while position > 0:
        size = min(_BLOCK, position)
        position -= size
        stream.seek(position)
        block = stream.read(size)
        index = len(block)
        while (index := block.rfind(b"\n", 0, index)) >= 0:
            missing -= 1
            if missing == 0:
                return position + index + 1
    return 0
