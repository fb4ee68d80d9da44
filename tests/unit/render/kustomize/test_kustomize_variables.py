"""Variables in texts, and values added to paths."""

from __future__ import annotations

from typing import Any

import pytest

from towline.render.kustomize.fieldpaths import dotted, with_indexes
from towline.render.kustomize.labelling import changed_image, split_image
from towline.render.kustomize.model import Image
from towline.render.kustomize.variables import expanded

VALUES = {"A": "one", "N": 5, "M": {"k": "v"}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$(A)", "one"),
        ("x-$(A)-$(A)", "x-one-one"),
        ("$(N)", 5),
        ("n$(N)", "n5"),
        ("$$(A)", "$(A)"),
        ("$(B)", "$(B)"),
        ("$(M)", "$(M)"),
        ("$A $", "$A $"),
        ("$(A", "$(A"),
    ],
)
def test_variables_are_expanded(text: str, value: Any) -> None:
    assert expanded(text, VALUES) == value


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("a.b", ("a", "b")),
        (r"a.b\.c", ("a", "b.c")),
        ("a.[n=x.y].b", ("a", "[n=x.y]", "b")),
        ("a.[x/y.z]", ("a", "x/y.z")),
        ("a[0].b", ("a", "0", "b")),
    ],
)
def test_paths_are_split_at_dots_outside_of_brackets(path: str, parts: tuple[str, ...]) -> None:
    assert with_indexes(dotted(path)) == parts


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("nginx", ("nginx", "", "")),
        ("r.io:5000/a/b:v1", ("r.io:5000/a/b", "v1", "")),
        ("a@sha256:b", ("a", "", "sha256:b")),
        ("a:1@sha256:b", ("a", "1", "sha256:b")),
    ],
)
def test_images_are_taken_apart(image: str, parts: tuple[str, str, str]) -> None:
    assert split_image(image) == parts


@pytest.mark.parametrize(
    ("change", "result"),
    [
        (Image(new_tag="2"), "a:2"),
        (Image(new_tag="2", digest="sha256:c"), "a:2@sha256:c"),
        (Image(digest="sha256:c"), "a@sha256:c"),
        (Image(new_name="b"), "b:1@sha256:b"),
        (Image(tag_suffix="-x"), "a:1-x"),
    ],
)
def test_images_are_changed(change: Image, result: str) -> None:
    assert changed_image("a:1@sha256:b", change) == result
