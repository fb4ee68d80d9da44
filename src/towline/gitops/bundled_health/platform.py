"""Kinds of Kubernetes itself and of its gateway, cluster and storage projects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from towline.gitops.bundled_health.rules import (
    ANY,
    Absent,
    Cond,
    Field,
    InOrder,
    Less,
    Rule,
    When,
)
from towline.gitops.bundled_health.standard import (
    DEGRADED,
    HEALTHY,
    PROGRESSING,
    SUSPENDED,
    condition,
    phases,
)

_NONE: Final = "status.conditions"
_PARENTS: Final = "status.parents[].conditions"
_LISTENERS: Final = "status.listeners[].conditions"

_CRON_JOB: Final = Rule(
    clauses=(
        When(SUSPENDED, (Field(path="spec.suspend", values=(True,)),), "CronJob is Suspended"),
        When(
            HEALTHY,
            (Field(path="status.lastScheduleTime"), Absent(path="status.lastSuccessfulTime")),
            "It has not succeeded yet",
        ),
        When(
            HEALTHY,
            (Field(path="status.lastScheduleTime"), Field(path="status.active")),
            "It is running",
        ),
        When(
            DEGRADED,
            (Less(left="status.lastSuccessfulTime", right="status.lastScheduleTime"),),
            "Its last run did not succeed",
        ),
        When(HEALTHY, (Field(path="status.lastScheduleTime"),), "Its last run succeeded"),
        When(HEALTHY, (Field(path="status"),), "It has not been scheduled yet"),
    ),
    message="Waiting for CronJob",
)

_DISRUPTION_BUDGET: Final = Rule(
    clauses=(
        When(
            DEGRADED,
            (Cond(type=ANY, status="False", other_than=("InsufficientPods",)),),
            "PodDisruptionBudget has {@.reason}",
        ),
        When(HEALTHY, (Cond(type=ANY, status=ANY),), "PodDisruptionBudget has {@.reason}"),
    ),
    message="Waiting for status",
)

_DEFINITION: Final = Rule(
    clauses=(
        When(PROGRESSING, (Absent(path=_NONE),), "Status conditions not found"),
        When(PROGRESSING, (Cond(type="Terminating"),), "CRD is terminating: {@.message}"),
        When(
            DEGRADED,
            (Cond(type="NamesAccepted", status="False"),),
            "CRD names have not been accepted: {@.message}",
        ),
        When(
            DEGRADED,
            (Cond(type="Established"), Cond(type="NonStructuralSchema")),
            "Schema violations found: {@NonStructuralSchema.message}",
        ),
        When(HEALTHY, (Cond(type="Established"),), "CRD is healthy"),
    ),
    otherwise=DEGRADED,
    message="CRD is not established",
)


def _not_programmed(at: str, *, current: bool = False) -> tuple[When, ...]:
    return tuple(
        When(PROGRESSING, (Cond(type="Programmed", status=status, at=at, current=current),))
        for status in ("False", "Unknown")
    )


def _refused(at: str, *, current: bool = False) -> tuple[When, ...]:
    return tuple(
        When(DEGRADED, (Cond(type=type_, status="False", at=at, current=current),))
        for type_ in ("ResolvedRefs", "Accepted")
    )


_GATEWAY: Final = Rule(
    clauses=(
        *_refused(_NONE),
        *_not_programmed(_NONE),
        *_refused(_LISTENERS),
        *_not_programmed(_LISTENERS),
        When(HEALTHY, (Cond(type=ANY, status=ANY),), "Gateway is healthy"),
        When(HEALTHY, (Field(path="status.listeners"),), "Gateway is healthy"),
    ),
    message="Waiting for Gateway status",
)
_ROUTE: Final = Rule(
    clauses=(
        *_refused(_PARENTS, current=True),
        *_not_programmed(_PARENTS, current=True),
        When(
            HEALTHY,
            (Cond(type=ANY, status=ANY, at=_PARENTS, current=True),),
            "{kind} is healthy",
        ),
    ),
    message="Waiting for the status of its gateways",
)
_CLUSTER: Final = Rule(
    clauses=(
        When(SUSPENDED, (Field(path="spec.paused", values=(True,)),), "Cluster is paused"),
        When(DEGRADED, (Cond(type="Ready", status="False"),)),
        When(DEGRADED, (Field(path="status.phase", values=("Failed",)),)),
        When(HEALTHY, (Field(path="status.phase", values=("Provisioned",)),), "Cluster is running"),
    ),
    message="Waiting for clusters",
)
_CLUSTER_API: Final = Rule(
    clauses=(
        When(SUSPENDED, (Field(path="spec.paused", values=(True,)),), "It is paused"),
        When(DEGRADED, (Field(path="status.phase", values=("Failed",)),)),
        InOrder(
            (
                (Cond(type="Ready", status="True"), HEALTHY),
                (Cond(type="Available", status="True"), HEALTHY),
                (Cond(type="Ready", status="False"), PROGRESSING),
            )
        ),
        When(HEALTHY, (Field(path="status.phase", values=("Provisioned", "Running")),), ""),
    ),
    message="Waiting for the cluster",
)
_SNAPSHOT: Final = Rule(
    clauses=(
        When(DEGRADED, (Field(path="status.error.message"),), "{status.error.message}"),
        When(HEALTHY, (Field(path="status.readyToUse", values=(True,)),), "Ready to use"),
    ),
    message="Waiting for the snapshot",
)

PLATFORM: Final[Mapping[str, Rule]] = {
    "batch/CronJob": _CRON_JOB,
    "policy/PodDisruptionBudget": _DISRUPTION_BUDGET,
    "apiextensions.k8s.io/CustomResourceDefinition": _DEFINITION,
    "gateway.networking.k8s.io/Gateway": _GATEWAY,
    "gateway.networking.k8s.io/GatewayClass": condition("Accepted", "Waiting for a controller"),
    "gateway.networking.k8s.io/*Route": _ROUTE,
    "snapshot.storage.k8s.io/VolumeSnapshot": _SNAPSHOT,
    "cluster.x-k8s.io/Cluster": _CLUSTER,
    "cluster.x-k8s.io/Machine": _CLUSTER_API,
    "cluster.x-k8s.io/MachineDeployment": _CLUSTER_API,
    "cluster.x-k8s.io/MachinePool": _CLUSTER_API,
    "controlplane.cluster.x-k8s.io/KubeadmControlPlane": _CLUSTER_API,
    "cdi.kubevirt.io/DataVolume": phases(
        "status.phase",
        healthy=("Succeeded", "WaitForFirstConsumer", "PendingPopulation"),
        degraded=("Failed", "Unknown"),
        suspended=("Paused",),
        waiting="Waiting for the import",
    ),
    "kubevirt.io/VirtualMachineInstance": phases(
        "status.phase",
        healthy=("Running", "Succeeded"),
        degraded=("Failed",),
        unknown=("Unknown",),
    ),
    "karpenter.sh/NodePool": condition("Ready", "Waiting for the node pool"),
    "karpenter.sh/NodeClaim": condition("Ready", "Waiting for the node"),
}
