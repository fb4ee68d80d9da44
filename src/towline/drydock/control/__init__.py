"""Controllers of the embedded cluster: one file each, all on one watch."""

from __future__ import annotations

from towline.aio.clock import Clock
from towline.drydock.cluster import Cluster
from towline.drydock.control.controller import Controller, ControllerLoop
from towline.drydock.control.deployment import DeploymentController
from towline.drydock.control.endpoints import EndpointsController
from towline.drydock.control.endpointslice import EndpointSliceController
from towline.drydock.control.garbage import GarbageCollector
from towline.drydock.control.job import JobController
from towline.drydock.control.namespace import NamespaceController
from towline.drydock.control.replicaset import ReplicaSetController
from towline.drydock.control.scheduler import Scheduler
from towline.drydock.control.serviceaccount import ServiceAccountController

__all__ = ["controllers", "run_controllers"]


def controllers(cluster: Cluster, clock: Clock) -> list[Controller]:
    """Every controller of the cluster."""
    return [
        DeploymentController(cluster, clock),
        ReplicaSetController(cluster, clock),
        JobController(cluster, clock),
        Scheduler(cluster, clock),
        EndpointSliceController(cluster, clock),
        EndpointsController(cluster, clock),
        GarbageCollector(cluster),
        NamespaceController(cluster, clock),
        ServiceAccountController(cluster),
    ]


async def run_controllers(cluster: Cluster, clock: Clock) -> None:
    """Runs all controllers until cancelled."""
    await ControllerLoop(cluster, clock, controllers(cluster, clock)).run()
