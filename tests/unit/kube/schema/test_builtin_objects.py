# ruff: noqa: E501  # one case per line reads best
import base64
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.errors import InputError
from towline.kube.refs import GroupVersionKind, gvk_of
from towline.kube.schema.catalog import load_catalog
from towline.kube.schema.decode import decode_error
from towline.kube.schema.defaults import default_builtin, normalize_builtin, with_job_selector
from towline.kube.schema.pod_defaults import pull_policy, qos_class
from towline.kube.schema.process import prune, validate

CATALOG = load_catalog()


def deployment(**spec: Any) -> Any:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "creationTimestamp": None},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}, "creationTimestamp": None},
                "spec": {"containers": [{"name": "c", "image": "i:1"}]},
            },
            **spec,
        },
        "status": {},
    }


def complete(obj: Any) -> Any:
    gvk = gvk_of(obj)
    return normalize_builtin(gvk, default_builtin(gvk, obj))


def test_a_deployment_gets_the_servers_defaults() -> None:
    obj = deployment()
    before = copy.deepcopy(obj)
    done = complete(obj)
    assert obj == before
    assert done == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"a": "b"}},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
            },
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {
                    "containers": [
                        {
                            "name": "c",
                            "image": "i:1",
                            "imagePullPolicy": "IfNotPresent",
                            "resources": {},
                            "terminationMessagePath": "/dev/termination-log",
                            "terminationMessagePolicy": "File",
                        }
                    ],
                    "dnsPolicy": "ClusterFirst",
                    "restartPolicy": "Always",
                    "schedulerName": "default-scheduler",
                    "securityContext": {},
                    "terminationGracePeriodSeconds": 30,
                },
            },
        },
        "status": {},
    }
    assert complete(done) == done


def test_recreate_has_no_rolling_update() -> None:
    done = complete(deployment(strategy={"type": "Recreate"}, replicas=0))
    assert done["spec"]["strategy"] == {"type": "Recreate"}
    assert done["spec"]["replicas"] == 0


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1", "IfNotPresent"),
        ("localhost:5000/nginx", "Always"),
        ("localhost:5000/nginx:1", "IfNotPresent"),
        ("nginx@sha256:00", "IfNotPresent"),
        ("nginx:latest@sha256:00", "Always"),
    ],
)
def test_pull_policy_follows_the_tag(image: Any, policy: Any) -> None:
    assert pull_policy(image) == policy


def pod(**spec: Any) -> Any:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i"}], **spec},
    }


def test_pods_get_more_than_templates() -> None:
    container = {
        "name": "c",
        "image": "i",
        "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
        "ports": [{"containerPort": 80}],
        "readinessProbe": {"httpGet": {"port": 80}},
        "env": [{"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
    }
    done = complete(
        pod(
            containers=[container],
            hostNetwork=True,
            volumes=[
                {"name": "e"},
                {"name": "s", "secret": {"secretName": "x"}},
                {"name": "h", "hostPath": {"path": "/x"}},
            ],
        )
    )
    spec = done["spec"]
    assert spec["enableServiceLinks"] is True
    made = spec["containers"][0]
    assert made["resources"]["requests"] == {"cpu": "1", "memory": "1Gi"}
    assert made["ports"] == [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]
    assert made["readinessProbe"] == {
        "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert made["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] == "v1"
    assert spec["volumes"] == [
        {"name": "e", "emptyDir": {}},
        {"name": "s", "secret": {"secretName": "x", "defaultMode": 420}},
        {"name": "h", "hostPath": {"path": "/x", "type": ""}},
    ]
    assert done["status"] == {"phase": "Pending", "qosClass": "Guaranteed"}
    assert complete(done) == done


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1"}}, "Guaranteed"),
        ({"limits": {"cpu": "1", "memory": "2"}, "requests": {"memory": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1"}}, "Burstable"),
    ],
)
def test_quality_of_service_class(resources: Any, expected: Any) -> None:
    assert qos_class({"containers": [{"resources": resources}]}) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"ports": [{"port": 80}]},
            {
                "type": "ClusterIP",
                "sessionAffinity": "None",
                "internalTrafficPolicy": "Cluster",
                "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
            },
        ),
        (
            {"type": "LoadBalancer", "ports": [{"port": 80, "targetPort": "web"}]},
            {
                "type": "LoadBalancer",
                "sessionAffinity": "None",
                "internalTrafficPolicy": "Cluster",
                "externalTrafficPolicy": "Cluster",
                "allocateLoadBalancerNodePorts": True,
                "ports": [{"port": 80, "protocol": "TCP", "targetPort": "web"}],
            },
        ),
        (
            {"type": "ExternalName", "externalName": "x"},
            {"type": "ExternalName", "externalName": "x", "sessionAffinity": "None"},
        ),
    ],
)
def test_services(spec: Any, expected: Any) -> None:
    done = complete(
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": spec}
    )
    assert done["spec"] == expected
    assert done["status"] == {"loadBalancer": {}}


def test_secrets_take_texts() -> None:
    done = complete(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {}, "stringData": {"a": "x"}, "data": {}}
    )
    assert done["data"] == {"a": base64.b64encode(b"x").decode()}
    assert done["type"] == "Opaque"
    assert "stringData" not in done


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        (("batch", "v1", "Job"), {}, {"completions": 1, "parallelism": 1, "backoffLimit": 6}),
        (("batch", "v1", "Job"), {"parallelism": 3}, {"parallelism": 3, "suspend": False}),
        (("batch", "v1", "CronJob"), {}, {"concurrencyPolicy": "Allow", "failedJobsHistoryLimit": 1}),
        (("apps", "v1", "StatefulSet"), {}, {"podManagementPolicy": "OrderedReady", "replicas": 1}),
        (("apps", "v1", "DaemonSet"), {}, {"revisionHistoryLimit": 10}),
        (("apps", "v1", "ReplicaSet"), {}, {"replicas": 1}),
        (("networking.k8s.io", "v1", "NetworkPolicy"), {"egress": [{}]}, {"policyTypes": ["Ingress", "Egress"]}),
        (("autoscaling", "v2", "HorizontalPodAutoscaler"), {}, {"minReplicas": 1}),
        (("", "v1", "PersistentVolumeClaim"), {}, {"volumeMode": "Filesystem"}),
        (("", "v1", "PersistentVolume"), {}, {"persistentVolumeReclaimPolicy": "Retain"}),
    ],
)  # fmt: skip
def test_other_kinds(kind: Any, spec: Any, expected: Any) -> None:
    gvk = GroupVersionKind(*kind)
    obj = {"apiVersion": gvk.api_version, "kind": gvk.kind, "metadata": {"name": "x"}, "spec": spec}
    done = complete(obj)
    assert expected.items() <= done["spec"].items()
    assert complete(done) == done


def test_kinds_without_a_spec() -> None:
    role_binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "x"},
        "roleRef": {"kind": "Role", "name": "r"},
        "subjects": [{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s"}],
    }
    done = complete(role_binding)
    assert done["roleRef"]["apiGroup"] == "rbac.authorization.k8s.io"
    assert [s.get("apiGroup") for s in done["subjects"]] == ["rbac.authorization.k8s.io", None]
    namespace = complete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}})
    assert namespace["metadata"]["labels"] == {"kubernetes.io/metadata.name": "n"}
    assert namespace["status"] == {"phase": "Active"}


def test_more_kinds_without_a_common_spec() -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": []}}
    job = complete({"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": template}})
    assert job["metadata"]["labels"] == {"a": "b"}
    controller = complete(
        {"apiVersion": "v1", "kind": "ReplicationController", "spec": {"template": template}}
    )
    assert controller["spec"]["selector"] == {"a": "b"}
    node = complete({"apiVersion": "v1", "kind": "Node", "status": {"capacity": {"cpu": "2000m"}}})
    assert node["status"]["allocatable"] == {"cpu": "2"}
    storage = complete({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass"})
    assert storage["volumeBindingMode"] == "Immediate"
    scaler = complete(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "spec": {"behavior": {"scaleUp": {"selectPolicy": "Min"}}},
        }
    )
    assert scaler["spec"]["behavior"]["scaleUp"]["selectPolicy"] == "Min"
    assert len(scaler["spec"]["behavior"]["scaleUp"]["policies"]) == 2
    assert scaler["spec"]["metrics"][0]["resource"]["name"] == "cpu"


def test_a_job_gets_its_selector() -> None:
    job = with_job_selector(
        {"metadata": {"name": "j", "uid": "u"}, "spec": {"template": {"spec": {}}}}
    )
    assert job["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}}
    assert job["spec"]["template"]["metadata"]["labels"]["job-name"] == "j"
    manual = {"spec": {"manualSelector": True}}
    assert with_job_selector(manual) is manual


def test_the_canonical_form_drops_what_says_nothing() -> None:
    obj = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "labels": {}, "annotations": {"a": None}, "finalizers": []},
        "data": {},
        "immutable": False,
    }
    assert normalize_builtin(GroupVersionKind("", "v1", "ConfigMap"), obj) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "annotations": {"a": ""}},
        "immutable": False,
    }


def test_what_is_canonical_comes_back_as_it_is() -> None:
    done = complete(deployment())
    assert normalize_builtin(gvk_of(done), done) is done


@pytest.mark.parametrize(("given_time", "shown"), [
    ("2024-01-02T03:04:05+02:00", "2024-01-02T01:04:05Z"),
    ("2024-01-02T03:04:05.678Z", "2024-01-02T03:04:05Z"),
])  # fmt: skip
def test_times_are_utc_seconds(given_time: Any, shown: Any) -> None:
    obj = pod()
    obj["metadata"]["creationTimestamp"] = given_time
    assert complete(obj)["metadata"]["creationTimestamp"] == shown


def test_malformed_quantities_are_refused() -> None:
    obj = pod(containers=[{"name": "c", "resources": {"limits": {"cpu": "x"}}}])
    with pytest.raises(InputError):
        complete(obj)


def test_unknown_fields_are_pruned_and_named() -> None:
    schema = CATALOG.kind(GroupVersionKind("apps", "v1", "Deployment")).schema
    obj = deployment(foo=1)
    obj["spec"]["template"]["spec"]["containers"][0]["bar"] = {"x": 1}
    pruned, unknown = prune(obj, schema)
    assert sorted(unknown) == ["spec.foo", "spec.template.spec.containers[0].bar"]
    assert "foo" not in pruned["spec"]
    assert "foo" in obj["spec"]
    assert prune(pruned, schema) == (pruned, [])


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"replicas": "3"}, "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"),
        ({"replicas": 2**40}, "json: cannot unmarshal number 1099511627776 into Go struct field DeploymentSpec.spec.replicas of type int32"),
        ({"paused": 1}, "json: cannot unmarshal number into Go struct field DeploymentSpec.spec.paused of type bool"),
        ({"selector": []}, "json: cannot unmarshal array into Go struct field DeploymentSpec.spec.selector of type v1.LabelSelector"),
        ({"replicas": 3}, ""),
    ],
)  # fmt: skip
def test_why_an_object_does_not_decode(spec: Any, text: Any) -> None:
    schema = CATALOG.kind(GroupVersionKind("apps", "v1", "Deployment")).schema
    assert decode_error(deployment(**spec), schema) == text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("", ""),
        ("YQ==", ""),
        ("YWJj", ""),
        ("no base64", "illegal base64 data at input byte 2"),
        ("YQ=", "illegal base64 data at input byte 2"),
        ("YWJjY", "illegal base64 data at input byte 4"),
    ],
)
def test_base64_is_checked(data: Any, text: Any) -> None:
    schema = CATALOG.kind(GroupVersionKind("", "v1", "Secret")).schema
    assert decode_error({"data": {"a": data}}, schema) == text


def test_required_fields_are_missed() -> None:
    schema = CATALOG.kind(GroupVersionKind("apps", "v1", "Deployment")).schema
    errors = [str(error) for error in validate({"spec": {"template": {"spec": {}}}}, schema)]
    assert "spec.selector: Required value" in errors
    assert "spec.template.spec.containers: Required value" in errors


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text("ab:%", max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(["spec", "template", "containers", "name", "ports", "env", "volumes"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from(["Pod", "Service", "Secret", "ConfigMap"]))
def test_hostile_objects_are_refused_or_completed(spec: Any, kind: Any) -> None:
    gvk = GroupVersionKind("", "v1", kind)
    schema = CATALOG.kind(gvk).schema
    obj = {"apiVersion": "v1", "kind": kind, "spec": spec, "data": spec}
    if decode_error(obj, schema):
        return
    pruned, _ = prune(obj, schema)
    done = normalize_builtin(gvk, default_builtin(gvk, pruned))
    assert normalize_builtin(gvk, default_builtin(gvk, done)) == done
    validate(done, schema)
