"""Builds of folders: one case for each feature of a kustomization."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from towline.errors import InputError

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "nginx:1", envFrom: [{configMapRef: {name: cfg}}]}
      volumes: [{name: s, secret: {secretName: creds}}]
"""
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\ndata: {k: v}\n"
BASE = {
    "base/all.yaml": DEPLOYMENT + "---\n" + CONFIG,
    "base/kustomization.yaml": "resources: [all.yaml]\n",
}


def found(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next(each for each in objects if each["kind"] == kind)


def on_base(build: Any, text: str, **more: str) -> list[dict[str, Any]]:
    files = {**BASE, **more, "top/kustomization.yaml": "resources: [../base]\n" + text}
    result: list[dict[str, Any]] = build(files)
    return result


def at(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


@pytest.mark.parametrize(
    ("text", "kind", "path", "value"),
    [
        ("namePrefix: p-\n", "Deployment", "metadata.name", "p-web"),
        ("nameSuffix: -s\n", "ConfigMap", "metadata.name", "cm-s"),
        ("namespace: ns1\n", "ConfigMap", "metadata.namespace", "ns1"),
        ("commonLabels: {t: x}\n", "Deployment", "spec.selector.matchLabels.t", "x"),
        ("commonLabels: {t: x}\n", "Deployment", "spec.template.metadata.labels.t", "x"),
        ("commonAnnotations: {t: x}\n", "ConfigMap", "metadata.annotations.t", "x"),
        ("images: [{name: nginx, newTag: '2'}]\n", "Deployment",
         "spec.template.spec.containers.0.image", "nginx:2"),
        ("images: [{name: nginx, newName: r/n, digest: 'sha256:a'}]\n", "Deployment",
         "spec.template.spec.containers.0.image", "r/n@sha256:a"),
        ("replicas: [{name: web, count: 5}]\n", "Deployment", "spec.replicas", 5),
        (("replacements: [{source: {kind: ConfigMap, fieldPath: data.k}, targets: [{select: "
         "{kind: Deployment}, fieldPaths: [metadata.annotations.new], options: {create: true}}]}]"),
         "Deployment", "metadata.annotations.new", "v"),
        (("replacements: [{source: {kind: ConfigMap, fieldPath: data.k}, targets: [{select: "
         "{kind: Deployment}, fieldPaths: ['spec.template.spec.containers.[name=web].image'], "
         "options: {delimiter: ':', index: 1}}]}]"),
         "Deployment", "spec.template.spec.containers.0.image", "nginx:v"),
        ("patches: [{target: {kind: Dep.*}, patch: '[{op: replace, path: /spec/replicas, "
         "value: 9}]'}]".replace("'[{op", "'- {op").replace("}]'", "}'"),
         "Deployment", "spec.replicas", 9),
        (("vars: [{name: V, objref: {apiVersion: v1, kind: ConfigMap, name: cm}}]\n"
         "commonAnnotations: {note: 'x-$(V)'}\nnamePrefix: p-\n"),
         "ConfigMap", "metadata.annotations.note", "x-p-cm"),
        (("transformers: ['{apiVersion: builtin, kind: PrefixTransformer, metadata: {name: x}, "
         "prefix: q-, fieldSpecs: [{path: metadata/name, kind: ConfigMap}]}']\n"),
         "ConfigMap", "metadata.name", "q-cm"),
        ("buildMetadata: [managedByLabel]\n", "ConfigMap",
         "metadata.labels", {"app.kubernetes.io/managed-by": "kustomize-v5.8.2"}),
        ("buildMetadata: [originAnnotations]\n", "ConfigMap",
         "metadata.annotations", {"config.kubernetes.io/origin": "path: ../base/all.yaml\n"}),
    ],
)  # fmt: skip
def test_a_field_of_the_kustomization_changes_the_objects(
    build: Any, text: str, kind: str, path: str, value: Any
) -> None:
    assert at(found(on_base(build, text), kind), path) == value


def test_generated_names_end_in_a_hash_and_are_updated_where_they_are_used(build: Any) -> None:
    objects = on_base(
        build,
        "namePrefix: p-\n"
        "configMapGenerator: [{name: cfg, literals: [a=b]}]\n"
        "secretGenerator: [{name: creds, literals: [a=b], options: {immutable: true}}]\n",
    )
    spec = found(objects, "Deployment")["spec"]["template"]["spec"]
    names = [each["metadata"]["name"] for each in objects if each["kind"] == "ConfigMap"]
    assert spec["containers"][0]["envFrom"][0]["configMapRef"]["name"] in names
    secret = found(objects, "Secret")
    assert spec["volumes"][0]["secret"]["secretName"] == secret["metadata"]["name"]
    assert secret["metadata"]["name"].startswith("p-creds-")
    assert (secret["data"], secret["immutable"]) == ({"a": "Yg=="}, True)


def test_the_hash_is_that_of_the_original(build: Any) -> None:
    objects = build(
        {"top/kustomization.yaml": "configMapGenerator: [{name: cm, literals: [k=v]}]\n"}
    )
    assert objects[0]["metadata"]["name"] == "cm-bdg947hgcc"


def test_generators_take_files_and_environment_files(build: Any) -> None:
    objects = build(
        {
            "top/kustomization.yaml": "generatorOptions: {disableNameSuffixHash: true}\n"
            "configMapGenerator: [{name: cm, files: [a.txt, k=a.txt, b.bin], envs: [e.env]}]\n",
            "top/a.txt": "x\n",
            "top/b.bin": "\udcff\udcfe",
            "top/e.env": "# no\nA=1\n\n B=x=y\nC\n",
        }
    )
    assert objects[0]["data"] == {"a.txt": "x\n", "k": "x\n", "A": "1", "B": "x=y", "C": ""}
    assert objects[0]["binaryData"] == {"b.bin": "//4="}


def test_an_overlay_merges_into_a_generated_object_of_its_base(build: Any) -> None:
    objects = build(
        {
            "base/kustomization.yaml": "namePrefix: b-\nconfigMapGenerator: "
            "[{name: cfg, literals: [a=1, b=1], options: {labels: {l: m}}}]\n",
            "top/kustomization.yaml": "resources: [../base]\nconfigMapGenerator: "
            "[{name: cfg, behavior: merge, literals: [b=2, c=2]}]\n",
        }
    )
    assert objects[0]["data"] == {"a": "1", "b": "2", "c": "2"}
    assert objects[0]["metadata"]["labels"] == {"l": "m"}
    assert objects[0]["metadata"]["name"].startswith("b-cfg-")


def test_components_transform_what_is_there_before_the_overlay_itself(build: Any) -> None:
    objects = on_base(
        build,
        "components: [../part]\nnamePrefix: top-\n",
        **{
            "part/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\n"
            "kind: Component\nnamePrefix: part-\n"
        },
    )
    assert found(objects, "Deployment")["metadata"]["name"] == "top-part-web"


def test_a_label_of_a_base_that_an_overlay_changes_changes_in_selectors_too(build: Any) -> None:
    """The original adds one node to all fields, so they cannot change apart."""
    files = {**BASE, "base/kustomization.yaml": "resources: [all.yaml]\ncommonLabels: {t: x}\n"}
    objects = build(
        {
            **files,
            "top/kustomization.yaml": "resources: [../base]\nlabels: [{pairs: {t: z}}]\n",
        }
    )
    spec = found(objects, "Deployment")["spec"]
    assert spec["selector"]["matchLabels"]["t"] == "z"
    assert spec["template"]["metadata"]["labels"]["t"] == "z"


def test_the_output_is_in_the_legacy_order_unless_asked_otherwise(build: Any) -> None:
    assert [each["kind"] for each in on_base(build, "")] == ["ConfigMap", "Deployment"]
    fifo = on_base(build, "sortOptions: {order: fifo}\n")
    assert [each["kind"] for each in fifo] == ["Deployment", "ConfigMap"]
    lists = "sortOptions: {order: legacy, legacySortOptions: {orderFirst: [Deployment]}}\n"
    assert [each["kind"] for each in on_base(build, lists)] == ["Deployment", "ConfigMap"]


def test_role_bindings_follow_renamed_and_moved_service_accounts(build: Any) -> None:
    rbac = "rbac.authorization.k8s.io"
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "sa"}}
    binding = {
        "apiVersion": f"{rbac}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "rb"},
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "other"},
        "subjects": [{"kind": "ServiceAccount", "name": "sa"}],
    }
    objects = build(
        {
            "top/all.yaml": yaml.safe_dump_all([account, binding]),
            "top/kustomization.yaml": "resources: [all.yaml]\nnamespace: ns1\nnamePrefix: p-\n",
        }
    )
    subject = found(objects, "ClusterRoleBinding")["subjects"][0]
    assert subject == {"kind": "ServiceAccount", "name": "p-sa", "namespace": "ns1"}


def test_a_text_with_json_is_edited_within_the_text(build: Any) -> None:
    text = 'data: {c.json: "{\\"a\\": {\\"b\\": \\"x\\"}}", c.yaml: "a:\\n  b: x\\n", k: new}\n'
    replacement = (
        "replacements: [{source: {kind: ConfigMap, fieldPath: data.k}, targets: [{select: "
        "{kind: ConfigMap}, fieldPaths: ['data.c\\.json.a.b', 'data.c\\.yaml.a.b']}]}]\n"
    )
    objects = build(
        {
            "top/cm.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n" + text,
            "top/kustomization.yaml": "resources: [cm.yaml]\n" + replacement,
        }
    )
    assert objects[0]["data"]["c.json"] == '{"a":{"b":"new"}}'
    assert objects[0]["data"]["c.yaml"] == "a:\n  b: new"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("noSuchField: 1\n", 'invalid Kustomization: json: unknown field "noSuchField"'),
        ("images: [{nam: x}]\n", 'json: unknown field "nam"'),
        (
            "images: [{name: x, newTag: 1.0}]\n",
            "cannot unmarshal number into Go struct field Image.images.newTag of type string",
        ),
        ("namePrefix: [a]\n", "cannot unmarshal array into Go struct field"),
        ("kind: Foo\n", "kind should be Kustomization or Component"),
        ("apiVersion: v1\n", "apiVersion for Kustomization should be"),
        ("patches: [{patch: 'foo: bar'}]\n", "unable to parse SM or JSON patch from"),
        ("patches: [{path: no.yaml}]\n", "failed to get the patch file from path"),
        ("replicas: [{name: zip, count: 1}]\n", "resource with name zip does not match"),
        ("helmCharts: [{name: x}]\n", "must specify --enable-helm"),
        ("sortOptions: {order: x}\n", "must be one of"),
        ("openapi: {version: v1.2.3}\n", "the specified OpenAPI version is not built in"),
        ("configMapGenerator: [{name: a, literals: [x]}]\n", "invalid literal source x"),
        ("configMapGenerator: [{name: a, behavior: merge}]\n", "cannot merge or replace"),
        ("replacements: [{source: {name: zip}, targets: []}]\n", "nothing selected by"),
        (
            ("replacements: [{source: {name: cm}, targets: [{select: {kind: Deployment}, "
            "fieldPaths: [spec.nope]}]}]\n"),
            'unable to find field "spec.nope" in replacement target',
        ),
        ("vars: [{name: A, objref: {kind: X, name: z}}]\n", "cannot be mapped to a field"),
        ("resources: [{a: b}]\n", "cannot unmarshal object"),
        ("transformers: ['{apiVersion: x/v1, kind: Y, metadata: {name: z}}']\n",
         "external plugins disabled; unable to load external plugin 'Y'"),
        ("transformers: ['{apiVersion: builtin, kind: Nope, metadata: {name: z}}']\n",
         "unable to load builtin Nope"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_file_and_field(build: Any, text: str, message: str) -> None:
    resources = "" if text.startswith("resources") else "resources: [../base]\n"
    with pytest.raises(InputError) as caught:
        build({**BASE, "top/kustomization.yaml": resources + text})
    assert message in caught.value.message


def test_exec_and_container_functions_are_never_run(build: Any) -> None:
    function = {
        "apiVersion": "example.com/v1",
        "kind": "Fn",
        "metadata": {
            "name": "f",
            "annotations": {"config.kubernetes.io/function": "exec: {path: /bin/sh}"},
        },
    }
    for field in ("generators", "transformers", "validators"):
        with pytest.raises(InputError, match="external plugins disabled"):
            build({"top/f.yaml": function, "top/kustomization.yaml": {field: ["f.yaml"]}})


def test_an_object_without_a_name_is_refused(build: Any) -> None:
    with pytest.raises(InputError, match=r"missing metadata\.name in object"):
        build({"top/kustomization.yaml": "resources: [a.yaml]\n", "top/a.yaml": "kind: A\n"})


def test_the_same_identity_twice_is_refused(build: Any) -> None:
    with pytest.raises(InputError, match="may not add resource with an already registered id"):
        build({**BASE, "top/kustomization.yaml": "resources: [../base, ../base]\n"})


def test_deprecated_fields_are_warned_of() -> None:
    from towline.render.kustomize.build import Kustomizer
    from towline.render.kustomize.tree_files import TreeFiles
    from towline.render.tree import RecordingTree

    class One:
        def listdir(self, path: str) -> list[tuple[str, bool, str]]:
            return [("kustomization.yaml", False, "")]

        def read(self, path: str) -> bytes:
            return b"commonLabels: {a: b}\nconfigMapGenerator: [{name: x}]\n"

        def oid(self, path: str) -> str:
            return "1"

    built = Kustomizer().build(TreeFiles(RecordingTree(One())), "")
    (warning,) = built.warnings
    assert warning.startswith(
        "# Warning: 'commonLabels' is deprecated. Please use 'labels' instead."
    )
