"""YAML texts within objects that replacements edit: layout, styles, comments."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from towline.render.kustomize.build import Kustomizer
from towline.render.kustomize.post_render import post_renderer
from towline.render.kustomize.tree_files import TreeFiles
from towline.render.tree import RecordingTree


def edited(build: Any, text: str, path: str, value: str = "new") -> str:
    config = {"apiVersion": "v1", "kind": "ConfigMap"}
    replacement = {
        "sourceValue": value,
        "targets": [{"select": {"name": "holder"}, "fieldPaths": [f"data.text.{path}"]}],
    }
    holder = {**config, "metadata": {"name": "holder"}, "data": {"text": text}}
    objects = build(
        {
            "top/all.yaml": yaml.safe_dump(holder),
            "top/kustomization.yaml": yaml.safe_dump(
                {"resources": ["all.yaml"], "replacements": [replacement]}
            ),
        }
    )
    found: str = objects[0]["data"]["text"]
    return found


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("a: 1\nb: old\n", "b", "a: 1\nb: new"),
        ("b: 'old'\nc: \"q\"\n", "b", "b: 'new'\nc: \"q\""),
        ("l:\n    - x: old\n    - y\n", "l.0.x", "l:\n- x: new\n- y"),
        ("# head\nb: old   # why\n# foot\n", "b", "# head\nb: new # why\n# foot"),
        ("a:\n    # in\n    b: old\n", "a.b", "a:\n  # in\n  b: new"),
        ("f: [1,   2]\nb: old\nt: |\n  x # y\n", "b", "f: [1, 2]\nb: new\nt: |\n  x # y"),
        ("x: &a {k: v}\nb: old\ny: *a\n", "b", "x: &a {k: v}\nb: new\ny: *a"),
        ('{"a": {"b": "old"}, "n": 1.50}', "a.b", '{"a":{"b":"new"},"n":1.5}'),
        ('{\n  "b": "old"\n}\n', "b", '{\n  "b": "new"\n}'),
    ],
)
def test_only_the_field_changes(build: Any, text: str, path: str, expected: str) -> None:
    assert edited(build, text, path) == expected


def test_a_text_that_looks_like_a_number_is_quoted(build: Any) -> None:
    assert edited(build, "b: old\n", "b", "5") == 'b: "5"'


def test_a_kustomization_changes_the_manifests_of_a_chart(memory_tree: Any) -> None:
    tree = memory_tree({"post/kustomization.yaml": "resources: [all.yaml]\nnamePrefix: p-\n"})
    render = post_renderer(Kustomizer(), TreeFiles(RecordingTree(tree)), "post")
    assert render("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n").endswith("name: p-a\n")
