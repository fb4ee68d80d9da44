"""What quotas count and refuse, and what limit ranges fill in and refuse."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from towline.drydock.admission import limits, quota
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

Obj = dict[str, Any]
PODS, SERVICES, CLAIMS = quota.PODS, quota.SERVICES, quota.CLAIMS


def pod(*containers: Obj, name: str = "p", phase: str = "Pending", **spec: Any) -> Obj:
    named = [{"name": f"c{at}", **one} for at, one in enumerate(containers)]
    return {
        "metadata": {"name": name, "namespace": "n"},
        "spec": {"containers": named, **spec},
        "status": {"phase": phase},
    }


def asks(requests: Obj | None = None, limits: Obj | None = None, **more: Any) -> Obj:
    return {"resources": {"requests": requests or {}, "limits": limits or {}}, **more}


def a_quota(hard: Obj, **spec: Any) -> Obj:
    return {"metadata": {"name": "q", "namespace": "n"}, "spec": {"hard": hard, **spec}}


def test_a_pod_takes_its_containers_or_its_largest_start() -> None:
    first = [asks({"cpu": "2"}), asks({"cpu": "100m"}, restartPolicy="Always")]
    found = quota.usage(
        PODS,
        pod(asks({"cpu": "500m", "example.com/gpu": 1}), asks({"cpu": 1}), initContainers=first),
    )
    assert found["cpu"] == found["requests.cpu"] == Decimal(2)
    assert found["requests.example.com/gpu"] == 1
    assert "example.com/gpu" not in found
    assert found["pods"] == found["count/pods"] == 1


def test_a_pod_that_ended_only_counts_as_an_object() -> None:
    assert quota.usage(PODS, pod(asks({"cpu": 1}), phase="Succeeded")) == {"count/pods": 1}


@pytest.mark.parametrize(
    ("spec", "balancers", "ports"),
    [
        ({"ports": [{}, {}]}, 0, 0),
        ({"type": "NodePort", "ports": [{}, {}]}, 0, 2),
        ({"type": "LoadBalancer", "ports": [{}]}, 1, 1),
        ({"type": "LoadBalancer", "ports": [{}], "allocateLoadBalancerNodePorts": False}, 1, 0),
    ],
)
def test_services_take_ports_and_balancers(spec: Obj, balancers: int, ports: int) -> None:
    found = quota.usage(SERVICES, {"spec": spec})
    assert (found["services.loadbalancers"], found["services.nodeports"]) == (balancers, ports)


def test_claims_count_for_their_class_too() -> None:
    body = {"spec": {"storageClassName": "gold", "resources": {"requests": {"storage": "1Gi"}}}}
    found = quota.usage(CLAIMS, body)
    gold = "gold.storageclass.storage.k8s.io"
    assert found["requests.storage"] == found[f"{gold}/requests.storage"] == 2**30
    assert found[f"{gold}/persistentvolumeclaims"] == found["persistentvolumeclaims"] == 1


REACHING = {
    "affinity": {
        "podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [{"namespaces": ["other"]}]
        }
    }
}


@pytest.mark.parametrize(
    ("scope", "inside", "outside"),
    [
        ({"scopes": ["BestEffort"]}, pod({}), pod(asks({"cpu": 1}))),
        ({"scopes": ["NotBestEffort"]}, pod(asks({"cpu": 1})), pod({})),
        ({"scopes": ["Terminating"]}, pod({}, activeDeadlineSeconds=9), pod({})),
        ({"scopes": ["NotTerminating"]}, pod({}), pod({}, activeDeadlineSeconds=9)),
        ({"scopes": ["CrossNamespacePodAffinity"]}, pod({}, **REACHING), pod({})),
        (
            {
                "scopeSelector": {
                    "matchExpressions": [
                        {"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}
                    ]
                }
            },
            pod({}, priorityClassName="high"),
            pod({}, priorityClassName="low"),
        ),
        ({"scopes": ["unheard of"]}, None, pod({})),
    ],
)
def test_scopes_choose_pods(scope: Obj, inside: Obj | None, outside: Obj) -> None:
    scoped = a_quota({"pods": "1"}, **scope)
    assert inside is None or quota.concerns(scoped, PODS, inside)
    assert not quota.concerns(scoped, PODS, outside)
    assert not quota.concerns(scoped, SERVICES, {})


def test_what_exceeds_a_quota_is_refused_with_the_figures() -> None:
    limited = a_quota({"pods": "2", "requests.memory": "1Gi", "count/replicasets.apps": "0"})
    others = [pod(asks({"memory": "768Mi"}), name="a")]
    quota.check(limited, PODS, pod(asks({"memory": "256Mi"})), None, others)
    with pytest.raises(ApiError) as refused:
        quota.check(limited, PODS, pod(asks({"memory": "512Mi"})), None, others)
    assert refused.value.reason == "Forbidden"
    assert refused.value.message == (
        'pods "p" is forbidden: exceeded quota: q, requested: requests.memory=512Mi, '
        "used: requests.memory=768Mi, limited: requests.memory=1Gi"
    )
    sets = GroupResource("apps", "replicasets")
    with pytest.raises(ApiError, match=r"count/replicasets\.apps=1"):
        quota.check(limited, sets, {"metadata": {"name": "r"}}, None, [])


def test_a_limited_amount_has_to_be_stated() -> None:
    limited = a_quota({"limits.cpu": "2", "memory": "1Gi"})
    with pytest.raises(ApiError) as refused:
        quota.check(limited, PODS, pod(asks({"memory": "1Mi"}), {}), None, [])
    expected = "failed quota: q: must specify limits.cpu for: c0,c1; memory for: c1"
    assert refused.value.message.endswith(expected)


def test_an_update_counts_what_it_adds() -> None:
    limited = a_quota({"services.nodeports": "1"})
    plain = {"metadata": {"name": "s"}, "spec": {"type": "ClusterIP", "ports": [{}]}}
    opened = {**plain, "spec": {"type": "NodePort", "ports": [{}]}}
    quota.check(limited, SERVICES, opened, plain, [])
    quota.check(limited, SERVICES, opened, opened, [opened])
    with pytest.raises(ApiError, match=r"services\.nodeports=1"):
        quota.check(limited, SERVICES, opened, plain, [opened])


def a_range(type_: str, **bounds: Obj) -> Obj:
    return {"metadata": {"name": "l"}, "spec": {"limits": [{"type": type_, **bounds}]}}


def test_containers_get_what_they_left_out() -> None:
    found = a_range("Container", default={"cpu": "2"}, defaultRequest={"cpu": "1", "memory": "1Mi"})
    filled = limits.apply_defaults(pod(asks({"cpu": "500m"})), [found])
    assert filled["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "500m", "memory": "1Mi"},
        "limits": {"cpu": "2"},
    }
    assert filled["metadata"]["annotations"][limits.SET_BY] == (
        "LimitRanger plugin set: memory request for container c0; cpu limit for container c0"
    )
    whole = pod(asks({"cpu": "1", "memory": "1Mi"}, {"cpu": "1"}))
    assert limits.apply_defaults(whole, [found]) == whole


@pytest.mark.parametrize(
    ("type_", "bounds", "container", "why"),
    [
        ("Container", {"min": {"cpu": "1"}}, asks({"cpu": "500m"}),
         "minimum cpu usage per Container is 1, but request is 500m"),
        ("Container", {"min": {"cpu": "1"}}, asks(),
         "minimum cpu usage per Container is 1.  No request is specified"),
        ("Container", {"max": {"cpu": "1"}}, asks({}, {"cpu": "2"}),
         "maximum cpu usage per Container is 1, but limit is 2"),
        ("Container", {"max": {"cpu": "1"}}, asks(),
         "maximum cpu usage per Container is 1.  No limit is specified"),
        ("Container", {"maxLimitRequestRatio": {"cpu": "2"}}, asks({"cpu": 1}, {"cpu": 3}),
         "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000"),
        ("Pod", {"max": {"cpu": "1"}}, asks({"cpu": 1}, {"cpu": "1500m"}),
         "maximum cpu usage per Pod is 1, but limit is 1500m"),
    ],
)  # fmt: skip
def test_pods_out_of_bounds_are_refused(type_: str, bounds: Obj, container: Obj, why: str) -> None:
    with pytest.raises(ApiError) as refused:
        limits.check(a_range(type_, **bounds), PODS, pod(container))
    assert refused.value.message == f'pods "p" is forbidden: {why}'


def test_what_is_within_bounds_is_taken() -> None:
    found = a_range(
        "Container", min={"cpu": "1"}, max={"cpu": "4"}, maxLimitRequestRatio={"cpu": 2}
    )
    limits.check(found, PODS, pod(asks({"cpu": "2"}, {"cpu": "4"})))


@pytest.mark.parametrize(("size", "fine"), [("1Gi", True), ("3Gi", False), ("1Mi", False)])
def test_claims_have_bounds(size: str, fine: bool) -> None:
    found = a_range("PersistentVolumeClaim", min={"storage": "1Gi"}, max={"storage": "2Gi"})
    claim = {
        "metadata": {"name": "c"},
        "spec": {"resources": {"requests": {"storage": size}}},
    }
    if fine:
        limits.check(found, CLAIMS, claim)
        return
    with pytest.raises(ApiError, match=f"but request is {size}"):
        limits.check(found, CLAIMS, claim)
