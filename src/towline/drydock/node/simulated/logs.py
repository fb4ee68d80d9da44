"""Output of simulated containers: a line when they start, nothing more until they end."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator

from towline.aio.clock import Clock
from towline.drydock.cluster import Cluster
from towline.drydock.node.logs import PODS, Wanted, attempt_of, choose, render
from towline.drydock.node.simulated.keeper import SimulatedKeeper
from towline.drydock.node.simulated.runtime import Run
from towline.kube.status import ApiError

_LOOK = 0.1


class SimulatedLogs:
    """Logs of the simulated nodes' containers.

    Args:
        cluster: Where pods are.
        keeper: Knows their containers.
        clock: Time.
    """

    def __init__(self, cluster: Cluster, keeper: SimulatedKeeper, clock: Clock) -> None:
        self._cluster = cluster
        self._keeper = keeper
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
        """The output of a container.

        Raises:
            ApiError: With the kubelet's texts, before anything is read.
        """
        obj = self._cluster.get(PODS, namespace, pod)
        if obj is None:
            raise ApiError(f'pods "{pod}" not found', reason="NotFound")
        name = choose(obj, container)
        uid = obj["metadata"]["uid"]
        known = self._keeper.simulated(uid)
        now = self._clock.now()
        containers = known.world(obj, "", now).containers if known is not None else ()
        seen = attempt_of(obj, name, containers, previous=previous)
        since = None if since_seconds is None else now - dt.timedelta(seconds=since_seconds)
        wanted = Wanted(follow and not previous, tail_lines, since, timestamps, limit_bytes)
        run = known.runs[seen.id] if known is not None else None
        return self._read(uid, run, wanted)

    async def _read(self, uid: str, run: Run | None, wanted: Wanted) -> AsyncIterator[bytes]:
        if run is None:
            return
        if text := output_of(run, wanted)[: wanted.limit_bytes]:
            yield text
        while wanted.follow and self._runs(uid, run.id):
            await self._clock.sleep(_LOOK)

    def _runs(self, uid: str, identifier: str) -> bool:
        known = self._keeper.simulated(uid)
        run = known.runs.get(identifier) if known is not None else None
        return run is not None and (run.ends is None or run.ends > self._clock.now())


def output_of(run: Run, wanted: Wanted) -> bytes:
    """What a container has written, as far as it is wanted."""
    stamp = run.begins.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z").encode()
    lines = run.behaviour.log.encode().splitlines()
    if wanted.tail_lines is not None:
        lines = lines[max(0, len(lines) - wanted.tail_lines) :]
    return b"".join(render(b"%s stdout F %s" % (stamp, line), wanted) for line in lines)
