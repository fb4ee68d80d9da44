"""Ports to the node: the API server passes questions about running containers on to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Protocol

from towline.drydock.api.messages import Request, Stream
from towline.drydock.refusals import bad_request

_REFUSAL_SECONDS = 0.5


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
        raise bad_request(
            f'container "{container}" in pod "{meta["name"]}" is waiting to start: no node runs it'
        )
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
    # A refusal has to come before the headers; a follower may otherwise wait long for bytes.
    first = asyncio.ensure_future(anext(chunks, b""))
    try:
        await asyncio.wait({first}, timeout=_REFUSAL_SECONDS)
        if first.done():
            first.result()
    except BaseException:
        first.cancel()
        raise
    return Stream(_after(first, chunks), content_type="text/plain")


def container_of(pod: dict[str, Any], name: str) -> str:
    """The container that is meant.

    Raises:
        ApiError: BadRequest, none or an unknown one is named.
    """
    spec = pod.get("spec") or {}
    main: list[str] = [each["name"] for each in spec.get("containers") or ()]
    init: list[str] = [each["name"] for each in spec.get("initContainers") or ()]
    known = [*main, *init]
    pod_name: str = pod["metadata"]["name"]
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


async def _after(first: asyncio.Future[bytes], rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        if chunk := await first:
            yield chunk
    finally:
        first.cancel()
    async for chunk in rest:
        yield chunk
