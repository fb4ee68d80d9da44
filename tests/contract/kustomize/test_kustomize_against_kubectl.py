"""Folders that Hypothesis makes, built here and by the real kustomize inside kubectl."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from towline.cli.kustomize_files import DiskFiles, tree_path
from towline.errors import TowlineError
from towline.render.kustomize.build import Kustomizer

KUSTOMIZE = os.environ.get("TOWLINE_REAL_KUSTOMIZE") or shutil.which(
    "kubectl", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
)
EXAMPLES = int(os.environ.get("TOWLINE_KUSTOMIZE_EXAMPLES", "80"))

names = st.sampled_from(["a", "b", "c", "web", "x-1"])
label_maps = st.dictionaries(
    st.sampled_from(["app", "tier", "x/y", "on"]),
    st.sampled_from(["web", "1", "true", "no", "v1.0", "", "0x1"]),
    max_size=2,
)
texts = st.sampled_from(
    [
        *[
            "v",
            "1",
            "true",
            "a: b",
            "line\nline2\n",
            " lead",
            "é",
            "null",
            "1e3",
            "#x",
            "a/b:c",
            "'",
        ],
        *["x$(VAR)y", "$(VAR)", "$$(VAR)"],
    ]
)
namespaces = st.sampled_from(["", "", "ns1", "default"])
images = st.sampled_from(
    ["nginx", "nginx:1.0", "r.io:5000/a/b:v1", "nginx@sha256:abc", "r.io/x:1@sha256:def"]
)


def metadata(draw: Any, extra: dict[str, Any] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"name": draw(names)}
    if space := draw(namespaces):
        found["namespace"] = space
    if labels := draw(label_maps):
        found["labels"] = labels
    if annotations := draw(label_maps):
        found["annotations"] = annotations
    return {**found, **(extra or {})}


@st.composite
def containers(draw: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"name": draw(names), "image": draw(images)}
    if draw(st.booleans()):
        found["env"] = draw(
            st.lists(
                st.one_of(
                    st.fixed_dictionaries({"name": names, "value": texts}),
                    st.fixed_dictionaries(
                        {
                            "name": names,
                            "valueFrom": st.fixed_dictionaries(
                                {"configMapKeyRef": st.fixed_dictionaries({"name": names})}
                            ),
                        }
                    ),
                ),
                max_size=3,
            )
        )
    if draw(st.booleans()):
        found["envFrom"] = [{"secretRef": {"name": draw(names)}}]
    if draw(st.booleans()):
        found["ports"] = draw(
            st.lists(
                st.fixed_dictionaries(
                    {"containerPort": st.sampled_from([80, 443])},
                    optional={"protocol": st.sampled_from(["TCP", "UDP"]), "name": names},
                ),
                max_size=3,
            )
        )
    if draw(st.booleans()):
        found["args"] = draw(st.lists(texts, max_size=2))
    return found


@st.composite
def pod_templates(draw: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": draw(st.lists(containers(), min_size=1, max_size=2))}
    if draw(st.booleans()):
        spec["initContainers"] = [draw(containers())]
    if draw(st.booleans()):
        spec["serviceAccountName"] = draw(names)
    if draw(st.booleans()):
        spec["volumes"] = [
            {"name": "c", "configMap": {"name": draw(names)}},
            {"name": "s", "secret": {"secretName": draw(names)}},
            {"name": "e", "emptyDir": draw(st.sampled_from([{}, None]))},
        ]
    if draw(st.booleans()):
        spec["imagePullSecrets"] = [{"name": draw(names)}]
    found: dict[str, Any] = {"spec": spec}
    if draw(st.booleans()):
        found["metadata"] = {"labels": draw(label_maps)}
    return found


@st.composite
def workloads(draw: Any) -> dict[str, Any]:
    kind = draw(st.sampled_from(["Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job"]))
    spec: dict[str, Any] = {"template": draw(pod_templates())}
    if kind in {"Deployment", "StatefulSet"}:
        spec["replicas"] = draw(st.integers(0, 3))
        spec["selector"] = {"matchLabels": draw(label_maps)}
    if kind == "StatefulSet":
        spec["serviceName"] = draw(names)
        spec["volumeClaimTemplates"] = [{"metadata": {"name": "d"}, "spec": {}}]
    if kind == "CronJob":
        spec = {"schedule": "* * * * *", "jobTemplate": {"spec": spec}}
    version = "batch/v1" if kind in {"CronJob", "Job"} else "apps/v1"
    return {"apiVersion": version, "kind": kind, "metadata": metadata(draw), "spec": spec}


@st.composite
def small_objects(draw: Any) -> dict[str, Any]:
    kind = draw(
        st.sampled_from(
            [
                "ConfigMap",
                "Secret",
                "Service",
                "ServiceAccount",
                "Namespace",
                "Role",
                "RoleBinding",
                "ClusterRole",
                "ClusterRoleBinding",
                "Ingress",
                "Foo",
            ]
        )
    )
    rbac = "rbac.authorization.k8s.io"
    found: dict[str, Any] = {"apiVersion": "v1", "kind": kind, "metadata": metadata(draw)}
    match kind:
        case "ConfigMap" | "Secret":
            found["data"] = draw(st.dictionaries(names, texts, max_size=3))
        case "Service":
            found["spec"] = {
                "selector": draw(label_maps),
                "ports": draw(
                    st.lists(
                        st.fixed_dictionaries(
                            {"port": st.sampled_from([80, 81])},
                            optional={"name": names, "protocol": st.just("TCP")},
                        ),
                        max_size=2,
                    )
                ),
            }
        case "Role" | "ClusterRole":
            found["apiVersion"] = f"{rbac}/v1"
            found["rules"] = [{"resources": ["secrets"], "resourceNames": [draw(names)]}]
        case "RoleBinding" | "ClusterRoleBinding":
            found["apiVersion"] = f"{rbac}/v1"
            role = draw(st.sampled_from(["Role", "ClusterRole"]))
            found["roleRef"] = {"apiGroup": rbac, "kind": role, "name": draw(names)}
            subject = {"kind": "ServiceAccount", "name": draw(st.sampled_from(["a", "default"]))}
            if space := draw(namespaces):
                subject["namespace"] = space
            found["subjects"] = [subject]
        case "Ingress":
            found["apiVersion"] = "networking.k8s.io/v1"
            found["spec"] = {
                "tls": [{"secretName": draw(names)}],
                "defaultBackend": {"service": {"name": draw(names), "port": {"number": 80}}},
            }
        case "Foo":
            found["apiVersion"] = "example.com/v1"
            found["spec"] = {"list": draw(st.lists(texts, max_size=2)), "empty": None, "n": 1.5}
    return found


resources = st.one_of(workloads(), small_objects(), small_objects())


@st.composite
def generators(draw: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"name": draw(names)}
    found["literals"] = draw(
        st.lists(st.tuples(names, texts.filter(lambda t: "\n" not in t)).map("=".join), max_size=2)
    )
    if behavior := draw(st.sampled_from(["", "", "", "create", "merge", "replace"])):
        found["behavior"] = behavior
    if draw(st.booleans()):
        found["options"] = {
            "disableNameSuffixHash": draw(st.booleans()),
            "labels": draw(label_maps),
            "immutable": draw(st.booleans()),
        }
    if space := draw(namespaces):
        found["namespace"] = space
    return found


@st.composite
def merge_patches(draw: Any, kinds: list[dict[str, Any]]) -> dict[str, Any]:
    target = draw(st.sampled_from(kinds))
    patch: dict[str, Any] = {
        "apiVersion": target["apiVersion"],
        "kind": target["kind"],
        "metadata": {"name": target["metadata"]["name"]},
    }
    if "namespace" in target["metadata"]:
        patch["metadata"]["namespace"] = target["metadata"]["namespace"]
    if draw(st.booleans()):
        patch["metadata"]["labels"] = draw(label_maps) | {"app": draw(st.none() | texts)}
    if "template" in target.get("spec", {}):
        container = draw(containers())
        if directive := draw(st.sampled_from(["", "", "delete", "replace", "merge"])):
            container["$patch"] = directive
        patch["spec"] = {"template": {"spec": {"containers": [container]}}}
        if draw(st.booleans()):
            patch["spec"]["replicas"] = draw(st.none() | st.integers(0, 9))
    elif "data" in target:
        patch["data"] = draw(st.dictionaries(names, st.none() | texts, max_size=2))
    elif target["kind"] == "Service":
        patch["spec"] = {"ports": [{"port": 80, "name": draw(names)}]}
    if draw(st.integers(0, 9)) == 0:
        patch["$patch"] = draw(st.sampled_from(["delete", "replace"]))
    entry: dict[str, Any] = {"patch": yaml.safe_dump(patch)}
    if draw(st.booleans()):
        entry["target"] = {"kind": target["kind"]}
        if draw(st.booleans()):
            entry["options"] = {"allowNameChange": True}
    return entry


@st.composite
def json_patches(draw: Any) -> dict[str, Any]:
    operations = [
        {"op": "add", "path": "/metadata/labels", "value": draw(label_maps)},
        {"op": "replace", "path": "/metadata/name", "value": draw(names)},
        {"op": "add", "path": "/metadata/annotations/z", "value": "q"},
        {"op": "test", "path": "/kind", "value": "ConfigMap"},
        {"op": "remove", "path": "/metadata/labels/app"},
    ]
    chosen = draw(st.lists(st.sampled_from(operations), min_size=1, max_size=2))
    target = draw(
        st.sampled_from(
            [
                {"kind": "ConfigMap"},
                {"name": "a|b"},
                {"group": "apps"},
                {"labelSelector": "app=web"},
                {"kind": "Deploy.*", "namespace": "ns1"},
            ]
        )
    )
    return {"patch": yaml.safe_dump(chosen), "target": target}


@st.composite
def replacements(draw: Any) -> dict[str, Any]:
    source = {"kind": draw(st.sampled_from(["ConfigMap", "Service"])), "name": draw(names)}
    path = draw(
        st.sampled_from(
            [
                "metadata.annotations.copied",
                "metadata.labels.app",
                "spec.template.spec.containers.*.image",
                "spec.template.spec.containers.0.image",
                "spec.template.spec.containers.[name=web].image",
                "spec.replicas",
            ]
        )
    )
    options: dict[str, Any] = {"create": draw(st.booleans())}
    if draw(st.booleans()):
        options |= {"delimiter": ":", "index": draw(st.integers(-1, 2))}
    select = draw(st.sampled_from([{"kind": "Deployment"}, {"name": "a"}, {"kind": "ConfigMap"}]))
    return {
        "source": source,
        "targets": [{"select": select, "fieldPaths": [path], "options": options}],
    }


@st.composite
def built_in_transformers(draw: Any) -> str:
    """The text of a configuration."""
    anything = [{"path": "metadata/name"}]
    labels = [
        {"path": "metadata/labels", "create": draw(st.booleans())},
        {"path": "spec/template/metadata/labels", "create": True, "kind": "Deployment"},
    ]
    kinds: dict[str, dict[str, Any]] = {
        "PrefixTransformer": {"prefix": "t-", "fieldSpecs": anything},
        "SuffixTransformer": {"suffix": "-t", "fieldSpecs": [{**anything[0], "kind": "Service"}]},
        "LabelTransformer": {"labels": draw(label_maps), "fieldSpecs": labels},
        "AnnotationsTransformer": {
            "annotations": draw(label_maps),
            "fieldSpecs": [{"path": "metadata/annotations", "create": True}],
        },
        "NamespaceTransformer": {
            "unsetOnly": draw(st.booleans()),
            "setRoleBindingSubjects": draw(
                st.sampled_from(["none", "defaultOnly", "allServiceAccounts"])
            ),
            "fieldSpecs": [{"path": "metadata/name", "kind": "Namespace", "create": True}],
        },
        "ImageTagTransformer": {"imageTag": {"name": "nginx", "newTag": "t"}},
        "ValueAddTransformer": {
            "value": "added",
            "targets": [
                {
                    "selector": {"kind": "Deployment"},
                    "fieldPath": "metadata/annotations/x",
                    "filePathPosition": draw(st.integers(0, 2)),
                }
            ],
        },
        "PatchTransformer": {
            "patch": "[{op: add, path: /data/added, value: w}]",
            "target": {"kind": "ConfigMap"},
        },
        "HashTransformer": {},
    }
    kind = draw(st.sampled_from(sorted(kinds)))
    head = {"apiVersion": "builtin", "kind": kind, "metadata": {"name": "t", "namespace": "ns3"}}
    return yaml.safe_dump({**head, **kinds[kind]})


@st.composite
def variables(draw: Any, known: list[dict[str, Any]]) -> dict[str, Any]:
    target = draw(st.sampled_from(known))
    reference = {field: target[field] for field in ("apiVersion", "kind")}
    path = draw(st.sampled_from(["", "metadata.name", "spec.replicas", "spec.ports[0].port"]))
    return {
        "name": "VAR",
        "objref": {**reference, "name": target["metadata"]["name"]},
        **({"fieldref": {"fieldPath": path}} if path else {}),
    }


@st.composite
def layers(draw: Any, known: list[dict[str, Any]], *, base: bool) -> dict[str, Any]:
    """Fields of a kustomization above or beside the known objects."""
    fields: dict[str, Any] = {}
    options: dict[str, Any] = {
        "namePrefix": st.sampled_from(["p-", "q."]),
        "nameSuffix": st.just("-s"),
        "namespace": st.sampled_from(["ns1", "ns2"]),
        "commonLabels": label_maps,
        "commonAnnotations": label_maps,
        "labels": st.lists(
            st.fixed_dictionaries(
                {"pairs": label_maps},
                optional={"includeSelectors": st.booleans(), "includeTemplates": st.booleans()},
            ),
            max_size=2,
        ),
        "images": st.just(
            [
                {"name": "nginx", "newTag": "9"},
                {"name": "r.io:5000/a/b", "newName": "n/m", "digest": "sha256:f"},
            ]
        ),
        "replicas": st.builds(lambda n: [{"name": n, "count": 7}], names),
        "configMapGenerator": st.lists(generators(), max_size=2),
        "secretGenerator": st.lists(generators(), max_size=1),
        "patches": st.lists(
            st.one_of(merge_patches(known), json_patches()), min_size=1, max_size=2
        ),
        "replacements": st.lists(replacements(), max_size=1),
        "transformers": st.lists(built_in_transformers(), min_size=1, max_size=2),
        "vars": st.lists(variables(known), min_size=1, max_size=1),
        "patchesStrategicMerge": st.lists(
            merge_patches(known).map(lambda entry: entry["patch"]), min_size=1, max_size=1
        ),
        "patchesJson6902": st.lists(
            json_patches().map(
                lambda entry: {**entry, "target": {"version": "v1", "kind": "Secret", "name": "a"}}
            ),
            max_size=1,
        ),
        "generatorOptions": st.fixed_dictionaries({"labels": label_maps}),
        "sortOptions": st.just({"order": "fifo"}),
        "buildMetadata": st.lists(
            st.sampled_from(["originAnnotations", "transformerAnnotations"]), max_size=2
        ),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(options)), max_size=2 if base else 5))
    for name in chosen:
        fields[name] = draw(options[name])
    return fields


@st.composite
def folders(draw: Any) -> dict[str, str]:
    """A tree of files whose folder `top` is to be built."""
    known = draw(
        st.lists(
            resources,
            min_size=1,
            max_size=4,
            unique_by=lambda each: (each["kind"], each["metadata"]["name"]),
        )
    )
    files = {"base/all.yaml": yaml.safe_dump_all(known)}
    base = {"resources": ["all.yaml"], **draw(layers(known, base=True))}
    files["base/kustomization.yaml"] = yaml.safe_dump(base)
    below = ["../base"]
    if draw(st.booleans()):
        middle = {"resources": ["../base"], **draw(layers(known, base=True))}
        files["middle/kustomization.yaml"] = yaml.safe_dump(middle)
        below = draw(st.sampled_from([["../middle"], ["../middle"], ["../middle", "../base"]]))
    top: dict[str, Any] = {"resources": below, **draw(layers(known, base=False))}
    if draw(st.integers(0, 3)) == 0:
        component = {
            "apiVersion": "kustomize.config.k8s.io/v1alpha1",
            "kind": "Component",
            **draw(layers(known, base=True)),
        }
        files["part/kustomization.yaml"] = yaml.safe_dump(component)
        top["components"] = ["../part"]
    files["top/kustomization.yaml"] = yaml.safe_dump(top)
    return files


def built_by_the_original(folder: Path) -> str | None:
    assert KUSTOMIZE is not None
    verb = "kustomize" if KUSTOMIZE.endswith("kubectl") else "build"
    done = subprocess.run([KUSTOMIZE, verb, str(folder)], capture_output=True, check=False)
    return done.stdout.decode() if done.returncode == 0 else None


def built_here(folder: Path) -> str | None:
    try:
        return Kustomizer().build(DiskFiles(), tree_path(str(folder))).text
    except TowlineError:
        return None


@pytest.mark.skipif(KUSTOMIZE is None, reason="no kubectl to compare with")
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(folders())
def test_builds_are_byte_for_byte_those_of_the_original(files: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        for name, text in files.items():
            path = Path(place, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        top = Path(place).resolve() / "top"
        expected = built_by_the_original(top)
        event("fails" if expected is None else "builds")
        assert built_here(top) == expected
