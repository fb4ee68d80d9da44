"""Kustomize sources of Applications: the block's edits, what a render depends on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towline.errors import InputError
from towline.render.inputs import Foreign, Inputs, MissingInputError
from towline.render.kustomize.edits import image_of
from towline.render.source import RenderRequest, render_source
from towline.render.tree import unchanged

BASE = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "nginx:1"}]}
"""
FILES = {
    "app/kustomization.yaml": "resources: [base.yaml]\nimages: [{name: nginx, newTag: '2'}]\n",
    "app/base.yaml": BASE,
    "parts/one/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\n"
    "kind: Component\nnameSuffix: -part\n",
    "other/kustomization.yaml": "resources: []\n",
}


def rendered(memory_tree: Any, block: dict[str, Any], files: dict[str, str] = FILES) -> Any:
    request = RenderRequest(
        source={"repoURL": "https://x/y", "path": "app", "kustomize": block},
        app_name="shop",
        namespace="ns",
        revision="abcdef1234567890",
    )
    return render_source(memory_tree(files), request)


def only(memory_tree: Any, block: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = rendered(memory_tree, block).manifests[0].object
    return found


@pytest.mark.parametrize(
    ("block", "path", "value"),
    [
        ({"namePrefix": "p-"}, "metadata.name", "p-web"),
        ({"nameSuffix": "-s"}, "metadata.name", "web-s"),
        ({"namespace": "over"}, "metadata.namespace", "over"),
        ({"images": ["nginx:9"]}, "spec.template.spec.containers.0.image", "nginx:9"),
        ({"images": ["nginx=r/n:*"]}, "spec.template.spec.containers.0.image", "r/n:2"),
        ({"images": ["nginx=r/n@sha256:a"]}, "spec.template.spec.containers.0.image",
         "r/n@sha256:a"),
        ({"images": ["nginx:$ARGOCD_APP_REVISION_SHORT"]},
         "spec.template.spec.containers.0.image", "nginx:abcdef1"),
        ({"replicas": [{"name": "web", "count": "3"}]}, "spec.replicas", 3),
        ({"commonLabels": {"a": "${ARGOCD_APP_NAME}"}}, "spec.selector.matchLabels.a", "shop"),
        ({"commonLabels": {"a": "b"}, "labelWithoutSelector": True}, "metadata.labels.a", "b"),
        ({"commonLabels": {"a": "b"}, "labelWithoutSelector": True},
         "spec.selector.matchLabels", {"app": "web"}),
        ({"commonLabels": {"a": "b"}, "labelWithoutSelector": True,
          "labelIncludeTemplates": True}, "spec.template.metadata.labels.a", "b"),
        ({"commonAnnotations": {"a": "$ARGOCD_APP_NAME"}}, "metadata.annotations.a",
         "$ARGOCD_APP_NAME"),
        ({"commonAnnotations": {"a": "$ARGOCD_APP_NAME"}, "commonAnnotationsEnvsubst": True},
         "metadata.annotations.a", "shop"),
        ({"patches": [{"target": {"kind": "Deployment"},
                       "patch": "- {op: replace, path: /spec/replicas, value: 8}"}]},
         "spec.replicas", 8),
        ({"components": ["../parts/one"]}, "metadata.name", "web-part"),
        ({"components": ["../parts/none", "../parts/one"], "ignoreMissingComponents": True},
         "metadata.name", "web-part"),
    ],
)  # fmt: skip
def test_the_block_edits_the_kustomization(
    memory_tree: Any, block: dict[str, Any], path: str, value: Any
) -> None:
    found: Any = only(memory_tree, block)
    for part in path.split("."):
        found = found[int(part)] if isinstance(found, list) else found[part]
    assert found == value


def test_a_label_that_is_there_is_replaced_by_force_only(memory_tree: Any) -> None:
    files = FILES | {
        "app/kustomization.yaml": "resources: [base.yaml]\ncommonLabels: {a: old}\n"
        "commonAnnotations: {q: old}\n"
    }
    with pytest.raises(InputError, match="label a already in kustomization file"):
        rendered(memory_tree, {"commonLabels": {"a": "new"}}, files)
    with pytest.raises(InputError, match="annotation q already in kustomization file"):
        rendered(memory_tree, {"commonAnnotations": {"q": "new"}}, files)
    forced = {
        "commonLabels": {"a": "new"},
        "forceCommonLabels": True,
        "commonAnnotations": {"q": "new"},
        "forceCommonAnnotations": True,
    }
    metadata = rendered(memory_tree, forced, files).manifests[0].object["metadata"]
    assert (metadata["labels"]["a"], metadata["annotations"]["q"]) == ("new", "new")


@pytest.mark.parametrize(
    "block",
    [
        {"images": ["nginx"]},
        {"replicas": [{"name": "web", "count": "many"}]},
        {"patches": [{"patch": "a: b", "options": {"nonsense": True}}]},
        {"components": ["../parts/none"]},
        {"components": ["../../../etc"]},
    ],
)
def test_a_wrong_block_is_an_error(memory_tree: Any, block: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        rendered(memory_tree, block)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("a:1", ("a", "", "1", "")),
        ("a@sha256:b", ("a", "", "", "sha256:b")),
        ("a=b", ("a", "b", "", "")),
        ("a=b:1@sha256:c", ("a", "b", "1", "sha256:c")),
        ("r:5000/a=b:5000/c:1", ("r:5000/a", "b:5000/c", "1", "")),
    ],
)
def test_images_are_written_as_for_the_edit_command(text: str, fields: tuple[str, ...]) -> None:
    image = image_of(text)
    assert (image.name, image.new_name, image.new_tag, image.digest) == fields


def test_s63_a_remote_base_is_asked_for_by_repository_and_revision(memory_tree: Any) -> None:
    files = {"app/kustomization.yaml": "resources: ['https://h/o/r//in?ref=v2']\n"}
    with pytest.raises(MissingInputError) as caught:
        rendered(memory_tree, {}, files)
    assert caught.value.wanted == Foreign("repository", "https://h/o/r", version="v2")
    inputs = Inputs(
        tree=memory_tree(files),
        foreign={
            caught.value.wanted: memory_tree(
                {"in/kustomization.yaml": "resources: [b.yaml]", "in/b.yaml": BASE}
            )
        },
    )
    request = RenderRequest(
        source={"repoURL": "x", "path": "app"}, app_name="a", namespace="n", revision="1"
    )
    result = render_source(inputs, request)
    assert result.manifests[0].object["metadata"]["name"] == "web"
    assert any(read.foreign == caught.value.wanted for read in result.read)


def test_a_render_depends_on_what_it_read_and_on_nothing_else(memory_tree: Any) -> None:
    read = rendered(memory_tree, {"components": ["../parts/one"]}).read

    def same(change: dict[str, str]) -> bool:
        variables = {entry.path: entry.oid for entry in read if entry.kind == "variable"}
        return unchanged(Inputs(tree=memory_tree(FILES | change), variables=variables), read)

    assert same({"other/kustomization.yaml": "namePrefix: z\n", "parts/two": "x"})
    assert not same({"app/base.yaml": BASE + "# x\n"})
    assert not same({"parts/one/kustomization.yaml": "kind: Component\nnamePrefix: q\n"})
    assert not same({"app/Kustomization": "resources: []\n"})


edits = st.dictionaries(
    st.sampled_from([*sorted(FILES), "app/new.yaml", "new"]), st.sampled_from(["", BASE, "a: b\n"])
)


@settings(max_examples=60, deadline=None)
@given(edits)
def test_an_unchanged_record_means_the_same_manifests(memory_tree: Any, change: Any) -> None:
    before = rendered(memory_tree, {})
    after = FILES | change
    variables = {entry.path: entry.oid for entry in before.read if entry.kind == "variable"}
    if unchanged(Inputs(tree=memory_tree(after), variables=variables), before.read):
        assert rendered(memory_tree, {}, after).digest == before.digest
