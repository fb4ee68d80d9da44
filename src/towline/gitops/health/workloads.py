"""Health of Deployments, ReplicaSets, DaemonSets and StatefulSets."""

from __future__ import annotations

from typing import Any

from towline.gitops.health.verdict import (
    Health,
    behind,
    condition,
    degraded,
    healthy,
    number,
    part,
    progressing,
    suspended,
)

_ROLLOUT = "Waiting for rollout to finish: "


def deployment(obj: dict[str, Any]) -> Health:
    """Rolled out and available, or why not yet."""
    spec, status = part(obj, "spec"), part(obj, "status")
    if spec.get("paused"):
        return suspended("Deployment is paused")
    if behind(obj):
        return progressing(_observed("deployment"))
    deadline = condition(status, "Progressing")
    if deadline is not None and deadline.get("reason") == "ProgressDeadlineExceeded":
        name = part(obj, "metadata").get("name", "")
        return degraded(f'Deployment "{name}" exceeded its progress deadline')
    updated, replicas = number(status, "updatedReplicas"), spec.get("replicas")
    available, total = number(status, "availableReplicas"), number(status, "replicas")
    if isinstance(replicas, int) and updated < replicas:
        return progressing(
            f"{_ROLLOUT}{updated} out of {replicas} new replicas have been updated..."
        )
    if total > updated:
        return progressing(f"{_ROLLOUT}{total - updated} old replicas are pending termination...")
    if available < updated:
        return progressing(f"{_ROLLOUT}{available} of {updated} updated replicas are available...")
    return healthy()


def replica_set(obj: dict[str, Any]) -> Health:
    """All replicas available, or why not yet."""
    spec, status = part(obj, "spec"), part(obj, "status")
    if behind(obj):
        return progressing(_observed("replica set"))
    failure = condition(status, "ReplicaFailure")
    if failure is not None and failure.get("status") == "True":
        return degraded(str(failure.get("message") or ""))
    replicas, available = spec.get("replicas"), number(status, "availableReplicas")
    if isinstance(replicas, int) and available < replicas:
        return progressing(f"{_ROLLOUT}{available} out of {replicas} new replicas are available...")
    return healthy()


def daemon_set(obj: dict[str, Any]) -> Health:
    """Updated and available on every node, or why not yet."""
    status, strategy = part(obj, "status"), part(part(obj, "spec"), "updateStrategy")
    if behind(obj):
        return progressing(_observed("daemon set"))
    updated = number(status, "updatedNumberScheduled")
    desired = number(status, "desiredNumberScheduled")
    available = number(status, "numberAvailable")
    if strategy.get("type") == "OnDelete":
        return healthy(f"daemon set {updated} out of {desired} new pods have been updated")
    waiting = f'Waiting for daemon set "{part(obj, "metadata").get("name", "")}" rollout to finish:'
    if updated < desired:
        return progressing(f"{waiting} {updated} out of {desired} new pods have been updated...")
    if available < desired:
        return progressing(f"{waiting} {available} of {desired} updated pods are available...")
    return healthy()


def stateful_set(obj: dict[str, Any]) -> Health:
    """Ready and at the present revision, or why not yet."""
    spec, status = part(obj, "spec"), part(obj, "status")
    if not status.get("observedGeneration") or behind(obj):
        return progressing("Waiting for statefulset spec update to be observed...")
    replicas, ready = spec.get("replicas"), number(status, "readyReplicas")
    if isinstance(replicas, int) and ready < replicas:
        return progressing(f"Waiting for {replicas - ready} pods to be ready...")
    strategy = part(spec, "updateStrategy")
    updated = number(status, "updatedReplicas")
    if strategy.get("type") == "RollingUpdate" and strategy.get("rollingUpdate") is not None:
        return _partitioned(part(strategy, "rollingUpdate"), replicas, updated)
    if strategy.get("type") == "OnDelete":
        return healthy(f"statefulset has {ready} ready pods")
    revision = status.get("updateRevision", "")
    if revision != status.get("currentRevision", ""):
        return progressing(
            f"waiting for statefulset rolling update to complete {updated} pods"
            f" at revision {revision}..."
        )
    return healthy(
        f"statefulset rolling update complete {number(status, 'currentReplicas')} pods"
        f" at revision {status.get('currentRevision', '')}..."
    )


def _partitioned(rolling: dict[str, Any], replicas: Any, updated: int) -> Health:
    partition = rolling.get("partition")
    if isinstance(partition, int) and isinstance(replicas, int) and updated < replicas - partition:
        return progressing(
            f"Waiting for partitioned roll out to finish: {updated} out of"
            f" {replicas - partition} new pods have been updated..."
        )
    return healthy(f"partitioned roll out complete: {updated} new pods have been updated...")


def _observed(kind: str) -> str:
    return f"{_ROLLOUT}observed {kind} generation less than desired generation"
