"""Bundled health: the kinds that people use most, in the states that they meet."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towline.argo.status import HealthCode
from towline.gitops.bundled_health import STANDARD, bundled_rule, judge
from towline.gitops.bundled_health.catalogue import RULES
from towline.gitops.customisations import parse_customisations
from towline.gitops.health import assess
from towline.kube.refs import GroupKind


def cond(type_: str, status: str = "True", **more: Any) -> dict[str, Any]:
    return {"type": type_, "status": status, "message": f"{type_} says", **more}


def conds(*found: dict[str, Any]) -> dict[str, Any]:
    return {"status": {"conditions": list(found)}}


def rollout(**changes: Any) -> dict[str, Any]:
    status = {
        "observedGeneration": "4",
        "currentPodHash": "h",
        "stableRS": "h",
        "replicas": 2,
        "updatedReplicas": 2,
        "availableReplicas": 2,
        **changes.pop("status", {}),
    }
    spec = {"replicas": 2, "strategy": {"canary": {}}, **changes.pop("spec", {})}
    return {"metadata": {"generation": 4}, "spec": spec, "status": status}


def route(generation: int) -> dict[str, Any]:
    accepted = cond("Accepted", observedGeneration=generation)
    return {
        "metadata": {"generation": 3},
        "status": {"parents": [{"conditions": [accepted]}]},
    }


BLUE_GREEN = {"strategy": {"blueGreen": {"activeService": "a"}}}
READY, NOT_READY = cond("Ready"), cond("Ready", "False")

CASES = [
    ("cert-manager.io/Certificate", {}, "Progressing"),
    ("cert-manager.io/Certificate", conds(READY, cond("Issuing")), "Progressing"),
    ("cert-manager.io/Certificate", conds(NOT_READY), "Degraded"),
    ("cert-manager.io/Certificate", conds(READY), "Healthy"),
    ("cert-manager.io/ClusterIssuer", conds(NOT_READY), "Degraded"),
    ("acme.cert-manager.io/Order", {"status": {"state": "errored"}}, "Degraded"),
    ("argoproj.io/Rollout", {}, "Progressing"),
    ("argoproj.io/Rollout", rollout(), "Healthy"),
    ("argoproj.io/Rollout", rollout(status={"observedGeneration": "3"}), "Progressing"),
    ("argoproj.io/Rollout", rollout(status={"observedGeneration": "5f6d9c"}), "Healthy"),
    (
        "argoproj.io/Rollout",
        rollout(status=conds(cond("Progressing", "False", reason="RolloutAborted"))["status"]),
        "Degraded",
    ),
    ("argoproj.io/Rollout", rollout(status={"pauseConditions": [{"reason": "x"}]}), "Suspended"),
    ("argoproj.io/Rollout", rollout(spec={"paused": True}), "Suspended"),
    ("argoproj.io/Rollout", rollout(status={"updatedReplicas": 1}), "Progressing"),
    ("argoproj.io/Rollout", rollout(status={"availableReplicas": 1}), "Progressing"),
    ("argoproj.io/Rollout", rollout(status={"replicas": 3}), "Progressing"),
    ("argoproj.io/Rollout", rollout(status={"stableRS": "old"}), "Progressing"),
    ("argoproj.io/Rollout", rollout(spec=BLUE_GREEN), "Progressing"),
    (
        "argoproj.io/Rollout",
        rollout(spec=BLUE_GREEN, status={"blueGreen": {"activeSelector": "h"}, "replicas": 4}),
        "Healthy",
    ),
    ("argoproj.io/AnalysisRun", {"status": {"phase": "Inconclusive"}}, "Unknown"),
    ("argoproj.io/ApplicationSet", conds(cond("ErrorOccurred")), "Degraded"),
    ("argoproj.io/ApplicationSet", conds(cond("ResourcesUpToDate")), "Healthy"),
    ("serving.knative.dev/Service", conds(READY, cond("RoutesReady")), "Progressing"),
    (
        "serving.knative.dev/Service",
        conds(READY, cond("RoutesReady"), cond("ConfigurationsReady")),
        "Healthy",
    ),
    ("serving.knative.dev/Service", conds(READY, cond("RoutesReady", "False")), "Degraded"),
    ("s3.aws.crossplane.io/Bucket", conds(cond("Synced"), READY), "Healthy"),
    ("s3.aws.crossplane.io/Bucket", conds(cond("Synced", "False"), READY), "Degraded"),
    ("s3.aws.upbound.io/Bucket", {}, "Progressing"),
    ("apiextensions.crossplane.io/Composition", {"kind": "Composition"}, "Healthy"),
    ("aws.crossplane.io/ProviderConfig", {"status": {"users": 2}}, "Healthy"),
    ("kustomize.toolkit.fluxcd.io/Kustomization", {"spec": {"suspend": True}}, "Suspended"),
    ("kustomize.toolkit.fluxcd.io/Kustomization", conds(READY), "Healthy"),
    (
        "kustomize.toolkit.fluxcd.io/Kustomization",
        conds(cond("Ready", "Unknown"), cond("Reconciling")),
        "Progressing",
    ),
    ("helm.toolkit.fluxcd.io/HelmRelease", conds(NOT_READY), "Degraded"),
    ("source.toolkit.fluxcd.io/GitRepository", conds(READY), "Degraded"),
    ("source.toolkit.fluxcd.io/GitRepository", conds(READY, cond("ArtifactInStorage")), "Healthy"),
    ("kafka.strimzi.io/Kafka", conds(cond("NotReady", reason="Creating")), "Progressing"),
    ("kafka.strimzi.io/Kafka", conds(cond("NotReady", reason="Failed")), "Degraded"),
    ("kafka.strimzi.io/KafkaTopic", conds(READY), "Healthy"),
    ("keda.sh/ScaledObject", conds(READY, cond("Paused")), "Suspended"),
    ("external-secrets.io/ExternalSecret", conds(NOT_READY), "Degraded"),
    ("batch/CronJob", {"spec": {"suspend": True}, "status": {}}, "Suspended"),
    ("batch/CronJob", {"status": {}}, "Healthy"),
    (
        "batch/CronJob",
        {
            "status": {
                "lastScheduleTime": "2026-01-02T00:00:00Z",
                "lastSuccessfulTime": "2026-01-01T00:00:00Z",
            }
        },
        "Degraded",
    ),
    (
        "policy/PodDisruptionBudget",
        conds(cond("DisruptionAllowed", "False", reason="SyncFailed")),
        "Degraded",
    ),
    (
        "policy/PodDisruptionBudget",
        conds(cond("DisruptionAllowed", "False", reason="InsufficientPods")),
        "Healthy",
    ),
    ("gateway.networking.k8s.io/Gateway", conds(cond("Accepted", "False")), "Degraded"),
    ("gateway.networking.k8s.io/Gateway", conds(cond("Programmed", "Unknown")), "Progressing"),
    (
        "gateway.networking.k8s.io/HTTPRoute",
        {
            "status": {
                "parents": [
                    {"conditions": [cond("Accepted")]},
                    {"conditions": [cond("ResolvedRefs", "False")]},
                ]
            }
        },
        "Degraded",
    ),
    ("gateway.networking.k8s.io/GRPCRoute", {}, "Progressing"),
    ("gateway.networking.k8s.io/GRPCRoute", route(3), "Healthy"),
    ("gateway.networking.k8s.io/GRPCRoute", route(2), "Progressing"),
    (
        "source.toolkit.fluxcd.io/HelmRepository",
        {"spec": {"type": "oci"}},
        "Healthy",
    ),
    ("source.toolkit.fluxcd.io/HelmRepository", conds(READY), "Degraded"),
    ("helm.toolkit.fluxcd.io/HelmRelease", conds(READY, cond("Released")), "Healthy"),
    ("helm.toolkit.fluxcd.io/HelmRelease", conds(READY, cond("TestSuccess")), "Healthy"),
    (
        "image.toolkit.fluxcd.io/ImagePolicy",
        conds(NOT_READY, cond("Reconciling", reason="NewGeneration")),
        "Progressing",
    ),
    ("image.toolkit.fluxcd.io/ImagePolicy", conds(NOT_READY), "Degraded"),
    ("bitnami.com/SealedSecret", {}, "Progressing"),
    ("kafka.strimzi.io/KafkaTopic", conds(cond("NotReady", reason="Creating")), "Degraded"),
    ("monitoring.coreos.com/Prometheus", conds(cond("Available")), "Healthy"),
    ("monitoring.coreos.com/Prometheus", conds(cond("Available", "Degraded")), "Degraded"),
    (
        "monitoring.coreos.com/Prometheus",
        conds(cond("Available", "False", reason="SomePodsNotReady")),
        "Progressing",
    ),
    ("argoproj.io/CronWorkflow", {}, "Healthy"),
    ("argoproj.io/EventBus", conds(cond("Deployed", "False")), "Degraded"),
    ("cluster.x-k8s.io/Cluster", {"status": {"phase": "Provisioned"}}, "Healthy"),
    ("cluster.x-k8s.io/Cluster", conds(NOT_READY), "Degraded"),
    ("postgresql.cnpg.io/Cluster", {"status": {"phase": "Something new"}}, "Unknown"),
    (
        "apiextensions.k8s.io/CustomResourceDefinition",
        conds(cond("NamesAccepted"), cond("Established")),
        "Healthy",
    ),
    ("postgresql.cnpg.io/Cluster", {"status": {"phase": "Failing over"}}, "Degraded"),
    ("rds.services.k8s.aws/DBInstance", conds(cond("ACK.Terminal")), "Degraded"),
    ("sql.cnrm.cloud.google.com/SQLInstance", conds(READY), "Healthy"),
    ("elasticsearch.k8s.elastic.co/Elasticsearch", {"status": {"health": "red"}}, "Degraded"),
]


@pytest.mark.parametrize(("kind", "obj", "code"), CASES)
def test_known_kinds_have_health(kind: str, obj: dict[str, Any], code: str) -> None:
    group, _, name = kind.rpartition("/")
    rule = bundled_rule(GroupKind(group, name))
    assert rule is not None
    assert judge(rule, {"kind": name, **obj}).status is HealthCode(code)


def test_messages_come_from_the_object() -> None:
    reason = cond("Ready", "False", reason="Why")
    flux = bundled_rule(GroupKind("kustomize.toolkit.fluxcd.io", "Kustomization"))
    budget = bundled_rule(GroupKind("policy", "PodDisruptionBudget"))
    certificate = bundled_rule(GroupKind("cert-manager.io", "Certificate"))
    assert flux is not None
    assert budget is not None
    assert certificate is not None
    assert judge(flux, conds(reason)).message == "Why"
    assert judge(flux, {"kind": "K", "spec": {"suspend": True}}).message == "K is suspended"
    assert judge(budget, conds(reason)).message == "PodDisruptionBudget has Why"
    assert judge(certificate, conds(READY)).message == "Ready says"


def test_conditions_count_in_the_order_of_the_object() -> None:
    rule = bundled_rule(GroupKind("a.crossplane.io", "X"))
    assert rule is not None
    assert judge(rule, conds(READY, cond("Synced", "False"))).status is HealthCode.HEALTHY
    assert judge(rule, conds(cond("Synced", "False"), READY)).status is HealthCode.DEGRADED


@pytest.mark.parametrize(
    ("obj", "code"),
    [
        ({}, "Healthy"),
        (conds(READY), "Healthy"),
        (conds(NOT_READY), "Degraded"),
        (conds(cond("Ready", "Unknown")), "Progressing"),
        (conds(READY, cond("Stalled")), "Degraded"),
        (conds(READY, cond("Reconciling")), "Progressing"),
        (conds(cond("Available", "False")), "Progressing"),
        ({"metadata": {"generation": 2}, "status": {"observedGeneration": 1}}, "Progressing"),
    ],
)
def test_standard_conditions_are_read_where_the_operator_says_so(
    obj: dict[str, Any], code: str
) -> None:
    thing = {"apiVersion": "x.io/v1", "kind": "Thing", **obj}
    named = parse_customisations({"resource.customizations.standardConditions": "x.io/*"})
    found = assess(thing, named)
    assert found is not None
    assert found.status is HealthCode(code)
    assert assess(thing) is None


def test_a_bundled_kind_that_is_being_deleted_is_progressing() -> None:
    gone = {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"},
        **conds(READY),
    }
    found = assess(gone)
    assert found is not None
    assert (found.status, found.message) == (HealthCode.PROGRESSING, "Pending deletion")


NAMES = st.sampled_from(
    ["status", "conditions", "type", "spec", "phase", "reason", "parents", "replicas", "metadata"]
)
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=60, deadline=None)
@given(obj=st.dictionaries(NAMES, ODD, max_size=4))
def test_no_shape_of_an_object_breaks_a_rule(obj: dict[str, Any]) -> None:
    for rule in {id(rule): rule for rule in [*RULES.values(), STANDARD]}.values():
        assert isinstance(judge(rule, obj).status, HealthCode)
