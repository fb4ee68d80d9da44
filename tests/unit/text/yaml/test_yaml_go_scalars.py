"""Plain scalars mean what they mean to Go programs."""

from __future__ import annotations

from typing import Any

import pytest

from towline.errors import InputError
from towline.text.yaml import load_documents
from towline.text.yaml.scalars import key_text, resolve_plain

CASES = [
    ("y", True), ("Y", True), ("yes", True), ("on", True), ("n", False), ("off", False),
    ("No", False), ("~", None), ("null", None), ("", None), ("nil", "nil"), ("yEs", "yEs"),
    ("0755", 493), ("0o755", 493), ("0x1F", 31), ("-0x1f", -31), ("0b101", 5), ("08", 8),
    ("+12", 12), ("1_000", 1000), ("1e3", 1000), ("1.0", 1), ("1.5", 1.5), (".5", 0.5),
    ("1.", 1), ("-", "-"), (".", "."), ("12:30:45", "12:30:45"), ("2001-01-01", "2001-01-01"),
    ("18446744073709551615", 18446744073709551615), ("99999999999999999999999", 1e23),
    ("1.2e20", 1.2e20), ("1.2.3", "1.2.3"), ("0x", "0x"), ("1e", "1e"), ("-1", -1),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), CASES)
def test_plain_scalar(text: Any, value: Any) -> None:
    found = resolve_plain(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("value", "key"), [(True, "true"), (False, "false"), (1, "1"), (1.5, "1.5"), ("a", "a")]
)
def test_keys_become_text(value: Any, key: Any) -> None:
    assert key_text(value) == key


@pytest.mark.parametrize("text", [".inf", "-.inf", ".nan", "1e999"])
def test_what_json_cannot_hold_is_an_error(text: Any) -> None:
    with pytest.raises(InputError) as error:
        load_documents(f"a:\n  b: {text}\n", file="x.yaml")
    assert (error.value.file, error.value.line) == ("x.yaml", 2)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('!!int "5"', 5),
        ("!!str 5", "5"),
        ("!!float 5", 5),
        ("!local x", "x"),
        ("!!binary aGk=", "hi"),
        ("'5'", "5"),
        ('"yes"', "yes"),
    ],
)
def test_tags_and_quotes(text: Any, value: Any) -> None:
    assert load_documents(text)[0].value == value
