"""Ports to the node: the API server passes questions about running containers on to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol

from towline.drydock.refusals import bad_request
from towline.drydock.api.messages import Request, Stream


class PodLogs(Protocol):
    """What a node can tell of a container's output."""

    def stream(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        follow: bool,
        tail_lines: int | None,
        since_seconds: int | None,
        previous: bool,
        timestamps: bool,
        limit_bytes: int | None,
    ) -> AsyncIterator[bytes]:
        """Chunks of the log.

        Raises:
            ApiError: There is no such container, or it has no log yet.
        """
        ...


async def open_logs(request: Request, logs: PodLogs | None, pod: dict[str, Any]) -> Stream:
    """The log of one container of a pod.

    Raises:
        ApiError: The container is not named or unknown, or the node refuses.
    """
    meta = pod["metadata"]
    container = container_of(pod, request.param("container"))
    if logs is None:
        return Stream(_nothing(), content_type="text/plain")
    chunks = logs.stream(
        meta["namespace"],
        meta["name"],
        container,
        follow=request.flag("follow"),
        tail_lines=request.integer("tailLines"),
        since_seconds=request.integer("sinceSeconds"),
        previous=request.flag("previous"),
        timestamps=request.flag("timestamps"),
        limit_bytes=request.integer("limitBytes"),
    )
    if request.flag("follow"):
        # An error has to come before the headers; a follower may otherwise wait long for bytes.
        return Stream(chunks, content_type="text/plain")
    first = await anext(chunks, b"")
    return Stream(_after(first, chunks), content_type="text/plain")


def container_of(pod: dict[str, Any], name: str) -> str:
    """The container that is meant.

    Raises:
        ApiError: BadRequest, none or an unknown one is named.
    """
    spec = pod.get("spec") or {}
    main = [each["name"] for each in spec.get("containers") or ()]
    known = [*main, *(each["name"] for each in spec.get("initContainers") or ())]
    pod_name = pod["metadata"]["name"]
    if not name:
        if len(known) == 1:
            return known[0]
        if len(main) == 1:
            return main[0]
        raise bad_request(
            f"a container name must be specified for pod {pod_name}, choose one of: "
            f"[{' '.join(known)}]"
        )
    if name not in known:
        raise bad_request(f"container {name} is not valid for pod {pod_name}")
    return name


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for chunk in rest:
        yield chunk
