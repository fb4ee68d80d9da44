"""Health of objects by kind, with the messages that people see."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from towline.argo.status import HealthCode
from towline.gitops.compare import Pair, application_health
from towline.gitops.health import Health, assess, combine
from towline.kube.refs import ObjectKey, gvk_of

WAIT = "Waiting for rollout to finish: "


def obj(
    kind: Any,
    api: Any = "apps/v1",
    generation: Any = 1,
    meta: Any = None,
    spec: Any = None,
    status: Any = None,
) -> Any:
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": "web", "generation": generation, **(meta or {})},
        "spec": spec or {},
        "status": {"observedGeneration": 1, **(status or {})},
    }


def deploy(**status: Any) -> Any:
    return obj("Deployment", spec={"replicas": 3}, status=status)


def pod(phase: Any, *, restart: Any = "Always", ready: Any = False, **status: Any) -> Any:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return obj(
        "Pod",
        "v1",
        spec={"restartPolicy": restart},
        status={"phase": phase, "conditions": conditions, **status},
    )


def waiting(reason: Any, message: Any = "m") -> Any:
    return {"containerStatuses": [{"state": {"waiting": {"reason": reason, "message": message}}}]}


def ended(**terminated: Any) -> Any:
    return {"containerStatuses": [{"name": "c", "state": {"terminated": terminated}}]}


def job(*conditions: Any) -> Any:
    found = [{"type": t, "status": s, "message": "m"} for t, s in conditions]
    return obj("Job", "batch/v1", status={"conditions": found})


ALL = {"updatedReplicas": 3, "replicas": 3, "availableReplicas": 3}
ADDRESS = {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}

CASES = [
    (deploy(**ALL), "Healthy", ""),
    (deploy(), "Progressing", WAIT + "0 out of 3 new replicas have been updated..."),
    (
        deploy(**ALL | {"replicas": 4}),
        "Progressing",
        WAIT + "1 old replicas are pending termination...",
    ),
    (
        deploy(**ALL | {"availableReplicas": 1}),
        "Progressing",
        WAIT + "1 of 3 updated replicas are available...",
    ),
    (obj("Deployment", spec={"paused": True}), "Suspended", "Deployment is paused"),
    (
        obj("Deployment", generation=2),
        "Progressing",
        WAIT + "observed deployment generation less than desired generation",
    ),
    (
        deploy(conditions=[{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]),
        "Degraded",
        'Deployment "web" exceeded its progress deadline',
    ),
    (
        obj("Deployment", "apps/v1beta1"),
        "Unknown",
        "unsupported Deployment GVK: apps/v1beta1, Kind=Deployment",
    ),
    (
        obj("ReplicaSet", spec={"replicas": 2}, status={"availableReplicas": 1}),
        "Progressing",
        WAIT + "1 out of 2 new replicas are available...",
    ),
    (
        obj(
            "ReplicaSet",
            status={
                "conditions": [{"type": "ReplicaFailure", "status": "True", "message": "quota"}]
            },
        ),
        "Degraded",
        "quota",
    ),
    (
        obj("DaemonSet", status={"updatedNumberScheduled": 1, "desiredNumberScheduled": 2}),
        "Progressing",
        'Waiting for daemon set "web" rollout to finish: 1 out of 2 new pods have been updated...',
    ),
    (
        obj("DaemonSet", spec={"updateStrategy": {"type": "OnDelete"}}),
        "Healthy",
        "daemon set 0 out of 0 new pods have been updated",
    ),
    (
        obj("StatefulSet", spec={"replicas": 2}, status={"readyReplicas": 1}),
        "Progressing",
        "Waiting for 1 pods to be ready...",
    ),
    (
        obj(
            "StatefulSet",
            status={"updateRevision": "b", "currentRevision": "a", "updatedReplicas": 1},
        ),
        "Progressing",
        "waiting for statefulset rolling update to complete 1 pods at revision b...",
    ),
    (
        obj(
            "StatefulSet",
            spec={
                "replicas": 3,
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}},
            },
            status={"readyReplicas": 3, "updatedReplicas": 1},
        ),
        "Progressing",
        "Waiting for partitioned roll out to finish: 1 out of 2 new pods have been updated...",
    ),
    (
        obj("StatefulSet", status={"observedGeneration": 0}),
        "Progressing",
        "Waiting for statefulset spec update to be observed...",
    ),
    (pod("Pending"), "Progressing", ""),
    (pod("Pending", **waiting("ImagePullBackOff", "no image")), "Degraded", "no image"),
    (pod("Pending", **waiting("ErrImagePull", "no image")), "Degraded", "no image"),
    (pod("Pending", **waiting("ContainerCreating")), "Progressing", ""),
    (pod("Running", ready=True), "Healthy", ""),
    (
        pod("Running", containerStatuses=[{"lastState": {"terminated": {"exitCode": 1}}}]),
        "Degraded",
        "",
    ),
    (pod("Running"), "Progressing", ""),
    (pod("Running", restart="Never", ready=True), "Progressing", ""),
    (pod("Succeeded", restart="Never"), "Healthy", ""),
    (pod("Failed", **ended(exitCode=3)), "Degraded", 'container "c" failed with exit code 3'),
    (pod("Failed", **ended(reason="OOMKilled", exitCode=137)), "Degraded", "OOMKilled"),
    (pod("Odd"), "Unknown", ""),
    (job(), "Progressing", ""),
    (job(("Complete", "True")), "Healthy", "m"),
    (job(("Failed", "True")), "Degraded", "m"),
    (job(("Suspended", "True")), "Suspended", "m"),
    (obj("Service", "v1", spec={"type": "LoadBalancer"}), "Progressing", ""),
    (obj("Service", "v1", spec={"type": "LoadBalancer"}, status=ADDRESS), "Healthy", ""),
    (obj("Service", "v1"), "Healthy", ""),
    (obj("Ingress", "networking.k8s.io/v1"), "Progressing", ""),
    (obj("Ingress", "networking.k8s.io/v1", status=ADDRESS), "Healthy", ""),
    (obj("PersistentVolumeClaim", "v1", status={"phase": "Bound"}), "Healthy", ""),
    (obj("PersistentVolumeClaim", "v1", status={"phase": "Lost"}), "Degraded", ""),
    (obj("HorizontalPodAutoscaler", "autoscaling/v2"), "Progressing", "Waiting to Autoscale"),
    (
        obj(
            "HorizontalPodAutoscaler",
            "autoscaling/v2",
            status={"conditions": [{"type": "AbleToScale", "status": "True", "message": "ok"}]},
        ),
        "Healthy",
        "ok",
    ),
    (
        obj("HorizontalPodAutoscaler", "autoscaling/v2beta2"),
        "Unknown",
        "unsupported HPA GVK: autoscaling/v2beta2, Kind=HorizontalPodAutoscaler",
    ),
    (
        obj(
            "APIService",
            "apiregistration.k8s.io/v1",
            status={
                "conditions": [
                    {"type": "Available", "status": "False", "reason": "R", "message": "m"}
                ]
            },
        ),
        "Progressing",
        "R: m",
    ),
    (
        obj("Workflow", "argoproj.io/v1alpha1", status={"phase": "Error", "message": "x"}),
        "Degraded",
        "x",
    ),
    (obj("ConfigMap", "v1", meta={"deletionTimestamp": "T"}), "Progressing", "Pending deletion"),
]


@pytest.mark.parametrize(("live", "status", "message"), CASES)
def test_health(live: Any, status: Any, message: Any) -> None:
    assert assess(live) == Health(HealthCode(status), message)


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret", "Role"])
def test_kinds_without_a_rule_have_no_health(kind: Any) -> None:
    assert assess(obj(kind, "v1")) is None


def key(name: Any, group: Any = "apps", kind: Any = "Deployment") -> Any:
    return ObjectKey(group, kind, "prod", name)


def test_the_worst_counts_and_three_causes_are_named() -> None:
    bad = [(key(f"d{i}"), Health(HealthCode.DEGRADED)) for i in range(4)]
    good = [(key("ok"), Health(HealthCode.HEALTHY)), (key("p"), Health(HealthCode.PROGRESSING))]
    found = combine([*good, *bad])
    assert found.status is HealthCode.DEGRADED
    assert found.message == (
        "Caused by apps/Deployment:prod/d0, apps/Deployment:prod/d1,"
        " apps/Deployment:prod/d2 and 1 more"
    )


def test_nothing_is_healthy() -> None:
    assert combine([]) == Health(HealthCode.HEALTHY)


def child_app(name: str, **meta: Any) -> Any:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd", **meta},
    }


def live_pair(body: Any, *, hook: bool = False) -> Pair:
    live: Any = SimpleNamespace(body=lambda: body, annotations=body["metadata"].get("annotations"))
    meta, gvk = body["metadata"], gvk_of(body)
    live.annotations = live.annotations or {}
    return Pair(
        key=ObjectKey(gvk.group, gvk.kind, meta.get("namespace", ""), meta["name"]),
        gvk=gvk,
        target=None,
        live=live,
        status=None,
        ours=True,
        hook=hook,
    )


def noted(**notes: str) -> Any:
    return child_app("kid", annotations=notes)


@pytest.mark.parametrize(
    ("pair", "code", "expected"),
    [
        (live_pair(child_app("kid")), "Degraded", "Degraded"),
        (live_pair(child_app("kid")), "Suspended", "Suspended"),
        (live_pair(child_app("kid")), "Unknown", "Healthy"),
        (live_pair(child_app("kid")), "Missing", "Healthy"),
        (live_pair(child_app("root")), "Degraded", "Healthy"),
        (live_pair(child_app("kid"), hook=True), "Degraded", "Healthy"),
        (
            live_pair(noted(**{"argocd.argoproj.io/ignore-healthcheck": "true"})),
            "Degraded",
            "Healthy",
        ),
        (live_pair(noted(**{"argocd.argoproj.io/hook": "Skip"})), "Degraded", "Healthy"),
        (live_pair(noted(**{"helm.sh/hook": "pre-rollback"})), "Degraded", "Healthy"),
        (live_pair(pod("Unknown")), "Unknown", "Unknown"),
    ],
)
def test_what_counts_for_the_application(pair: Pair, code: str, expected: str) -> None:
    judge = lambda _: Health(HealthCode(code))  # noqa: E731
    root = ObjectKey("argoproj.io", "Application", "argocd", "root")
    assert application_health([pair], judge, root).status == expected
