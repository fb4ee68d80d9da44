"""The simulated nodes, put together."""

from __future__ import annotations

import asyncio
import logging

from towline.aio.clock import Clock
from towline.drydock.cluster import Cluster
from towline.drydock.node.simulated.keeper import PODS, SimulatedKeeper
from towline.drydock.node.simulated.logs import SimulatedLogs
from towline.drydock.node.simulated.metrics import SimulatedMetrics
from towline.drydock.node.simulated.options import SimulationOptions
from towline.drydock.node.simulated.registration import SimulatedRegistration

_log = logging.getLogger("towline.drydock.node")


class SimulatedNodes:
    """Nodes that run pods without containers.

    Args:
        cluster: The cluster whose pods they run.
        options: Settings.
        clock: Time and identities.

    Attributes:
        logs: Output of containers.
        metrics: What pods and nodes pretend to use.
    """

    def __init__(self, cluster: Cluster, options: SimulationOptions, clock: Clock) -> None:
        self._cluster = cluster
        self._options = options
        self._keeper = SimulatedKeeper(
            cluster, options, clock, lambda: clock.uuid().replace("-", "")
        )
        self._registration = SimulatedRegistration(cluster, options, clock)
        self.logs = SimulatedLogs(cluster, self._keeper, clock)
        self.metrics = SimulatedMetrics(cluster, options.names(), clock)

    async def run(self) -> None:
        """Runs pods until cancelled; the next start goes on from what the pods' status says."""
        _log.info("simulated nodes start count=%d", self._options.nodes)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._registration.run())
            group.create_task(self._keeper.run())
            group.create_task(self._follow())

    async def _follow(self) -> None:
        """Hands the cluster's changes to the keeper."""
        async for _, event in self._cluster.watch(PODS):
            if event.type == "DELETED":
                self._keeper.forget(event.object)
            elif event.type != "SYNCED":
                self._keeper.know(event.object)
