"""YAML files of builds: documents, aliases, bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.errors import InputError, LimitError
from towline.render.kustomize.documents import Reading, read_document, split_documents
from towline.render.kustomize.reading import ParsedFiles
from towline.render.kustomize.values import finished
from towline.text.yaml import Limits


def read(text: str, limits: Limits | None = None) -> object:
    value = read_document(text, Reading(limits or Limits()))
    return finished(value) if isinstance(value, dict) else value


def test_documents_are_split_at_lines_of_dashes_and_comments() -> None:
    assert split_documents("a\n---\nb\n--- # c\nd") == ["a\n", "b\n", "d"]
    with pytest.raises(InputError, match="invalid document separator: --- x"):
        split_documents("a\n--- x\nb\n")


def test_merge_keys_give_way_to_own_keys_and_to_earlier_mappings() -> None:
    text = "x: &x {a: 1, b: 1}\ny: {<<: [*x, {b: 2, c: 2}], a: 3}\n"
    assert read(text) == {"x": {"a": 1, "b": 1}, "y": {"a": 3, "b": 1, "c": 2}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", 'line 2: mapping key "a" already defined'),
        ("a: *x\n", "unknown anchor 'x' referenced"),
        ("a: &x [*x]\n", "anchor 'x' value contains itself"),
        ("a: {<<: 1}\n", "map merge requires map or sequence of maps"),
        ("a: !!int x\n", "cannot decode !!str `x` as a !!int"),
        ("a: b: c\n", "mapping values are not allowed in this context"),
        ('a: "\\/"\n', "found unknown escape character"),
        ("a: !!binary '*'\n", "invalid base64"),
    ],
)
def test_broken_text_is_an_error_that_says_where(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        read(text)


def test_a_colon_before_a_bracket_belongs_to_the_text() -> None:
    assert read("{a: {b:}}") == {"a": {"b:": ""}}


def test_empty_values_in_brackets_are_printed_as_texts() -> None:
    assert read("a: {b: , c: 12:30}\nd:\n") == {"a": {"b": "", "c": "12:30"}, "d": None}


BOMBS = {
    "laughs": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n"
        for old, new in zip("abcdefg", "bcdefgh", strict=True)
    ),
    "merges": "a: &a {k: v}\n" + "".join(f"b{i}: {{<<: *a}}\n" for i in range(20_000)),
    "depth": "[" * 5_000 + "]" * 5_000,
    "nodes": "a: [" + "1," * 600_000 + "]",
}


@pytest.mark.parametrize("name", BOMBS)
def test_s58_texts_that_unfold_without_end_are_refused(name: str) -> None:
    with pytest.raises((LimitError, InputError)) as caught:
        ParsedFiles().get(BOMBS[name].encode())
    assert any(word in str(caught.value) for word in ("excessive", "deeper", "more than"))


def test_s58_a_huge_file_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(InputError, match="longer than the limit"):
        ParsedFiles().get(b"a: '" + b"x" * (11 << 20) + b"'")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        ParsedFiles().get(text.encode("utf-8", "surrogatepass"))
    except (InputError, LimitError):
        return


def test_the_same_text_is_parsed_once() -> None:
    parsed = ParsedFiles()
    text = b"apiVersion: v1\nkind: A\nmetadata: {name: a}\n"
    assert parsed.get(text).values[0] is parsed.get(text).values[0]
