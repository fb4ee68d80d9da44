from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.errors import InputError
from towline.sandbox.dockerfile import base_images, instructions, mark_stages


@pytest.mark.parametrize(
    ("source", "images"),
    [
        ("FROM python:3.11-slim\n", ["python:3.11-slim"]),
        ("# syntax=docker/dockerfile:1\n\nfrom python:3\nCMD x", ["python:3"]),
        ("ARG V=3.9\nFROM python:${V}-slim", ["python:3.9-slim"]),
        ("ARG V\nFROM python:${V:-3.10}", ["python:3.10"]),
        ("ARG V=1\nARG W=$V.2\nFROM a:$W", ["a:1.2"]),
        ("FROM --platform=linux/amd64 a AS b\nFROM b\nFROM scratch", ["a"]),
        (
            "FROM a AS build\nFROM b\nCOPY --from=build /x /y\nCOPY --from=c:1 /x /y",
            ["a", "b", "c:1"],
        ),
        ("FROM a\nCOPY --from=0 x y", ["a"]),
        ("FROM \\\n  # why\n  a:1\nRUN x \\\n FROM b\n", ["a:1"]),
        ("# escape=`\nFROM a`\n:1", ["a:1"]),
        ("FROM a\nFROM a", ["a"]),
    ],
)
def test_bases(source: str, images: list[str]) -> None:
    assert base_images(source) == images


def test_given_arguments_win_over_defaults() -> None:
    assert base_images("ARG V=1\nFROM a:${V}", arguments={"V": "2"}) == ["a:2"]


@pytest.mark.parametrize("source", ["", "RUN x", "FROM\n", "FROM $X\n"])
def test_dockerfiles_without_a_base_are_refused(source: str) -> None:
    with pytest.raises(InputError, match="Dockerfile"):
        base_images(source)


def test_marks_follow_every_from() -> None:
    marked = mark_stages("FROM a AS x\nRUN y \\\n FROM z\nFROM \\\n b\n", "l", "1")
    assert marked == "FROM a AS x\nLABEL l=1\nRUN y \\\n FROM z\nFROM \\\n b\nLABEL l=1\n"


@given(st.text(alphabet="FROMARG aB:=${}\\\n#-/", max_size=80))
def test_any_text_is_read_or_refused(source: str) -> None:
    try:
        base_images(source)
    except InputError:
        return
    assert [line.name for line in instructions(mark_stages(source, "l", "1"))].count("FROM") == [
        line.name for line in instructions(source)
    ].count("FROM")
