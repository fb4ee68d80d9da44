"""Controllers of the embedded cluster: one file each, all on one watch."""

from __future__ import annotations

from towline.aio.clock import Clock
from towline.drydock.cluster import Cluster
from towline.drydock.control.controller import Controller, ControllerLoop
from towline.drydock.control.cronjob import CronJobController
from towline.drydock.control.daemonset import DaemonSetController
from towline.drydock.control.deployment import DeploymentController
from towline.drydock.control.disruption import DisruptionController
from towline.drydock.control.endpoints import EndpointsController
from towline.drydock.control.endpointslice import EndpointSliceController
from towline.drydock.control.endpointslicemirroring import EndpointSliceMirroringController
from towline.drydock.control.garbage import GarbageCollector
from towline.drydock.control.job import JobController
from towline.drydock.control.namespace import NamespaceController
from towline.drydock.control.replicaset import ReplicaSetController, ReplicationController
from towline.drydock.control.resourcequota import ResourceQuotaController
from towline.drydock.control.scheduler import Scheduler
from towline.drydock.control.serviceaccount import ServiceAccountController
from towline.drydock.control.serviceaddresses import ServiceAddressController
from towline.drydock.control.statefulset import StatefulSetController
from towline.drydock.control.volumes import ClaimController, Folders, VolumeController

__all__ = ["controllers", "run_controllers"]


def controllers(cluster: Cluster, clock: Clock, folders: Folders | None = None) -> list[Controller]:
    """Every controller of the cluster.

    Args:
        cluster: What they work on.
        clock: Time.
        folders: Where volumes are made; None for a cluster that makes none.
    """
    return [
        DeploymentController(cluster, clock),
        ReplicaSetController(cluster, clock),
        ReplicationController(cluster, clock),
        StatefulSetController(cluster, clock),
        DaemonSetController(cluster, clock),
        JobController(cluster, clock),
        CronJobController(cluster, clock),
        DisruptionController(cluster, clock),
        ClaimController(cluster, folders),
        VolumeController(cluster, clock, folders),
        Scheduler(cluster, clock),
        EndpointSliceController(cluster, clock),
        EndpointsController(cluster, clock),
        EndpointSliceMirroringController(cluster),
        ServiceAddressController(cluster, clock),
        ResourceQuotaController(cluster),
        GarbageCollector(cluster),
        NamespaceController(cluster, clock),
        ServiceAccountController(cluster),
    ]


async def run_controllers(
    cluster: Cluster, clock: Clock, *more: Controller, folders: Folders | None = None
) -> None:
    """Runs all controllers, and some that live elsewhere, until cancelled."""
    everyone = [*controllers(cluster, clock, folders), *more]
    await ControllerLoop(cluster, clock, everyone).run()
