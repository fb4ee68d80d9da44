# ruff: noqa: E501  # one case per line reads best
import copy
from typing import Any

import pytest

from towline.kube.refs import gvk_of
from towline.kube.schema.defaults import default_builtin, normalize_builtin
from towline.kube.schema.immutable import check_update


def build(api_version: Any, kind: Any, **fields: Any) -> Any:
    obj = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, **fields}
    gvk = gvk_of(obj)
    return normalize_builtin(gvk, default_builtin(gvk, obj))


def workload(kind: Any = "Deployment", **spec: Any) -> Any:
    template = {
        "metadata": {"labels": {"a": "b"}},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }
    return build(
        "apps/v1",
        kind,
        spec={"selector": {"matchLabels": {"a": "b"}}, "template": template, **spec},
    )


def changed(obj: Any, *path: Any, value: Any) -> Any:
    new = copy.deepcopy(obj)
    target = new
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return new


def problems(old: Any, new: Any) -> Any:
    return [str(error) for error in check_update(gvk_of(new), old, new)]


SERVICE = build(
    "v1", "Service", spec={"ports": [{"port": 80}], "clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"]}
)  # fmt: skip
POD = build("v1", "Pod", spec={"containers": [{"name": "c", "image": "i"}], "nodeName": "n"})
SECRET = build("v1", "Secret", data={"a": "YQ=="}, immutable=True)
CLAIM = build(
    "v1",
    "PersistentVolumeClaim",
    spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}},
    status={"phase": "Bound", "capacity": {"storage": "2Gi"}},
)
JOB = build(
    "batch/v1",
    "Job",
    spec={
        "manualSelector": True,
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]},
        },
    },
)
BINDING = build(
    "rbac.authorization.k8s.io/v1", "RoleBinding", roleRef={"kind": "Role", "name": "r"}
)


@pytest.mark.parametrize(
    ("obj", "path", "value", "message"),
    [
        (
            SERVICE,
            ("spec", "clusterIPs"),
            ["10.97.9.9"],
            'spec.clusterIPs: Invalid value: ["10.97.9.9"]: first value must match `clusterIP`',
        ),
        (SECRET, ("type",), "other", 'type: Invalid value: "other": field is immutable'),
        (SECRET, ("data",), {"a": "Yg=="}, "data: Forbidden: field is immutable when `immutable` is set"),
        (SECRET, ("immutable",), False, "immutable: Forbidden: field is immutable when `immutable` is set"),
        (POD, ("spec", "containers", 0, "image"), "other", None),
        (POD, ("spec", "hostname"), "h", "spec: Forbidden: pod updates may not change fields other than"),
        (POD, ("spec", "nodeName"), "m", "spec: Forbidden: pod updates may not change fields other than"),
        (CLAIM, ("spec", "accessModes"), ["ReadWriteMany"], "spec: Forbidden: spec is immutable after creation except resources.requests"),
        (CLAIM, ("spec", "resources", "requests", "storage"), "1Gi", "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"),
        (CLAIM, ("spec", "resources", "requests", "storage"), "3Gi", None),
        (CLAIM, ("spec", "volumeName"), "v", None),
        (JOB, ("spec", "parallelism"), 3, None),
        (JOB, ("spec", "completions"), 3, "spec.completions: Invalid value: 3: field is immutable"),
        (BINDING, ("roleRef", "name"), "s", "roleRef: Invalid value:"),
    ],
)  # fmt: skip
def test_what_may_change(obj: Any, path: Any, value: Any, message: Any) -> None:
    found = problems(obj, changed(obj, *path, value=value))
    if message is None:
        assert found == []
    else:
        assert found[0].startswith(message)


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "DaemonSet"])
def test_selectors_are_fixed(kind: Any) -> None:
    old = workload(kind)
    new = changed(old, "spec", "selector", value={"matchLabels": {"a": "c"}})
    new["spec"]["template"]["metadata"]["labels"]["a"] = "c"
    assert problems(old, new) == [
        'spec.selector: Invalid value: {"matchLabels":{"a":"c"}}: field is immutable'
    ]


def test_a_stateful_set_keeps_its_identity() -> None:
    old = workload("StatefulSet", serviceName="s")
    assert problems(old, changed(old, "spec", "replicas", value=3)) == []
    (found,) = problems(old, changed(old, "spec", "serviceName", value="t"))
    assert found == (
        "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', "
        "'template', 'updateStrategy', 'revisionHistoryLimit', "
        "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
    )


def test_a_cluster_address_is_fixed() -> None:
    new = changed(SERVICE, "spec", "clusterIP", value="10.97.9.9")
    new["spec"]["clusterIPs"] = ["10.97.9.9"]
    assert problems(SERVICE, new) == [
        'spec.clusterIPs[0]: Invalid value: ["10.97.9.9"]: may not change once set'
    ]


def test_no_update_gives_a_pod_its_node() -> None:
    unbound = build("v1", "Pod", spec={"containers": [{"name": "c", "image": "i"}]})
    found = problems(unbound, changed(unbound, "spec", "nodeName", value="n"))
    assert found[0].startswith("spec: Forbidden: pod updates may not change fields")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"selector": None}, "spec.selector: Required value"),
        ({"selector": {"matchLabels": {"a": "z"}}}, 'spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`'),
        ({"replicas": -1}, "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
    ],
)  # fmt: skip
def test_deployments_are_checked(spec: Any, message: Any) -> None:
    assert message in problems(None, workload(**spec))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"containers": []}, "spec.template.spec.containers: Required value"),
        ({"restartPolicy": "Never"}, 'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'),
        ({"containers": [{"image": "i"}]}, "spec.template.spec.containers[0].name: Required value"),
        ({"containers": [{"name": "c"}]}, "spec.template.spec.containers[0].image: Required value"),
        ({"containers": [{"name": "C", "image": "i"}]}, 'spec.template.spec.containers[0].name: Invalid value: "C": a lowercase RFC 1123 label'),
        ({"containers": [{"name": "c", "image": "i"}] * 2}, 'spec.template.spec.containers[1].name: Duplicate value: "c"'),
        ({"containers": [{"name": "c", "image": "i", "imagePullPolicy": "Odd"}]}, "spec.template.spec.containers[0].imagePullPolicy: Unsupported value"),
        ({"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 70000}]}]}, "spec.template.spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive"),
        ({"containers": [{"name": "c", "image": "i", "volumeMounts": [{"name": "v", "mountPath": "/x"}]}]}, 'spec.template.spec.containers[0].volumeMounts[0].name: Not found: "v"'),
    ],
)  # fmt: skip
def test_pod_templates_are_checked(spec: Any, message: Any) -> None:
    obj = workload()
    obj["spec"]["template"]["spec"].update(spec)
    assert any(found.startswith(message) for found in problems(None, obj))


def test_jobs_do_not_restart_for_ever() -> None:
    obj = changed(JOB, "spec", "template", "spec", "restartPolicy", value="Always")
    assert problems(None, obj) == [
        'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'
    ]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"ports": []}, "spec.ports: Required value"),
        ({"type": "Odd", "ports": [{"port": 1}]}, 'spec.type: Unsupported value: "Odd"'),
        ({"ports": [{"port": 0}]}, "spec.ports[0].port: Invalid value: 0"),
        ({"ports": [{"port": 1}, {"port": 2}]}, "spec.ports[0].name: Required value"),
        ({"type": "ExternalName"}, "spec.externalName: Required value"),
        ({"clusterIP": "None"}, None),
    ],
)
def test_services_are_checked(spec: Any, message: Any) -> None:
    found = problems(None, build("v1", "Service", spec=spec))
    assert found == [] if message is None else found[0].startswith(message)


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        (build("v1", "ConfigMap", data={"a/b": "c"}), "data[a/b]: Invalid value"),
        (build("v1", "ConfigMap", data={"a": "x" * 1100000}), "Too long: may not be more than 1048576 bytes"),
    ],
)  # fmt: skip
def test_configuration_is_checked(obj: Any, message: Any) -> None:
    assert message in problems(None, obj)[0]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("labels", {"a": "b c"}, 'metadata.labels: Invalid value: "b c": a valid label must be'),
        ("labels", {"a/b/c": ""}, 'metadata.labels: Invalid value: "a/b/c": a valid label key'),
        ("annotations", {"a": "x" * 300000}, "metadata.annotations: Too long: may not be more than 262144 bytes"),
    ],
)  # fmt: skip
def test_metadata_is_checked(field: Any, value: Any, message: Any) -> None:
    obj = build("v1", "ConfigMap")
    obj["metadata"][field] = value
    assert problems(None, obj)[0].startswith(message)
