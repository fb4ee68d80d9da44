"""printf, quoting and numbers against small models."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.errors import LimitError
from towline.render.gotemplate.floats import float_text, format_float
from towline.render.gotemplate.formatting import sprint, text
from towline.render.gotemplate.kinds import (
    GoNumber,
    GoSlice,
    Int64,
    StringList,
    StringMap,
    Uint64,
    kind_name,
    type_name,
    wrap_int,
    wrap_int64,
)
from towline.render.gotemplate.numbers import parse_float, parse_int
from towline.render.gotemplate.printf import sprint_all, sprintf, sprintln
from towline.render.gotemplate.quoting import quote, quote_rune, unquote, unquote_rune

INTEGERS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
WIDTHS = st.integers(0, 40)


@given(INTEGERS, WIDTHS, st.sampled_from(["", "-", "0", "+", " ", "+0"]))
def test_integers_are_padded_as_c_does(value: int, width: int, flags: str) -> None:
    template = f"%{flags}{width or ''}d"
    assert sprintf(template, value) == template % value


@given(INTEGERS, st.sampled_from("xXob"))
def test_integers_in_other_bases_read_back(value: int, verb: str) -> None:
    base = {"x": 16, "X": 16, "o": 8, "b": 2}[verb]
    assert int(sprintf(f"%{verb}", value), base) == value


@given(st.text(max_size=20), WIDTHS, st.integers(0, 20))
def test_strings_are_cut_and_padded_by_characters(value: str, width: int, precision: int) -> None:
    cut = value[:precision]
    assert sprintf(f"%{width}.{precision}s|", value) == cut.rjust(width) + "|"
    assert sprintf(f"%-{width}.{precision}s|", value) == cut.ljust(width) + "|"


@given(st.lists(st.text("ab%", max_size=5), max_size=4))
def test_simple_and_general_printing_agree(values: list[str]) -> None:
    template = "-".join("%s" for _ in values)
    assert sprintf(template, *values) == "-".join(values)
    assert sprintf("%[1]s" if values else "", *values[:1]) == "".join(values[:1])


@given(FLOATS)
def test_floats_read_back(value: float) -> None:
    assert float(float_text(value)) == value
    assert float(format_float(value, "e", None)) == value
    assert float(format_float(value, "f", None)) == value
    assert math.copysign(1, float(float_text(value))) == math.copysign(1, value)
    assert float.fromhex(format_float(value, "x", None)) == value


@given(FLOATS, st.integers(0, 17))
def test_floats_of_a_precision_are_those_of_c(value: float, precision: int) -> None:
    assert sprintf(f"%.{precision}f", value) == f"{value:.{precision}f}"
    assert sprintf(f"%.{precision}e", value) == f"{value:.{precision}e}"
    assert float(sprintf(f"%.{max(precision, 1)}g", value)) == float(
        f"{value:.{max(precision, 1)}g}"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (100000.0, "100000"),
        (1000000.0, "1e+06"),
        (123456.789, "123456.789"),
        (1234567.5, "1.2345675e+06"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (1e21, "1e+21"),
        (1e100, "1e+100"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
        (float("nan"), "NaN"),
    ],
)
def test_floats_look_as_in_go(value: float, expected: str) -> None:
    assert float_text(value) == expected
    assert text(value) == expected


@given(st.text(max_size=30))
def test_quoted_text_reads_back(value: str) -> None:
    plain = value.encode("utf-8", "ignore").decode()
    assert unquote(quote(plain)) == plain
    assert unquote(quote(plain, ascii_only=True)) == plain
    assert quote(plain, ascii_only=True).isascii()


@given(st.characters(exclude_categories=["Cs"]))
def test_quoted_characters_read_back(char: str) -> None:
    assert unquote_rune(quote_rune(ord(char))) == ord(char)


@given(st.binary(max_size=12))
def test_bytes_that_are_no_text_survive_quoting(data: bytes) -> None:
    value = data.decode("utf-8", "surrogateescape")
    assert unquote(quote(value)) == value
    assert sprintf("%x", value) == data.hex()


@given(INTEGERS)
def test_integer_literals_of_all_bases(value: int) -> None:
    assert parse_int(str(value)) == value
    sign, size = ("-", -value) if value < 0 else ("", value)
    assert parse_int(f"{sign}{size:#x}") == value
    assert parse_int(f"{sign}{size:#o}") == value
    assert parse_int(f"{sign}0{size:o}") == value
    assert parse_int(f"{sign}{size:_d}") == value


@pytest.mark.parametrize(
    "literal", ["", "_1", "1_", "1__0", "0x", "0b2", "08", "1e3", "+-1", "0_x1"]
)
def test_what_is_no_integer(literal: str) -> None:
    assert parse_int(literal) is None


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("1_0.5_0", 10.5),
        ("0x1p-2", 0.25),
        (".5", 0.5),
        ("1e400", None),
        ("1e_3", None),
        ("x", None),
    ],
)
def test_float_literals(literal: str, value: float | None) -> None:
    assert parse_float(literal) == value


class Month(GoNumber):
    go_type = "time.Month"

    def go_string(self) -> str:
        return "May"


class Versions(GoSlice):
    go_type = "pkg.Versions"


@pytest.mark.parametrize(
    ("value", "kind", "name", "printed"),
    [
        (None, "invalid", "<nil>", "<nil>"),
        (True, "bool", "bool", "true"),
        (5, "int", "int", "5"),
        (Int64(5), "int64", "int64", "5"),
        (Uint64(5), "uint64", "uint64", "5"),
        (1.5, "float64", "float64", "1.5"),
        ("a", "string", "string", "a"),
        (b"a", "slice", "[]uint8", "[97]"),
        ([1, None], "slice", "[]interface {}", "[1 <nil>]"),
        (StringList(["a", "b"]), "slice", "[]string", "[a b]"),
        (Versions(["a"]), "slice", "pkg.Versions", "[a]"),
        ({"b": 1, "a": None}, "map", "map[string]interface {}", "map[a:<nil> b:1]"),
        (StringMap({"a": "b"}), "map", "map[string]string", "map[a:b]"),
        (Month(5), "int", "time.Month", "May"),
    ],
)
def test_kinds_types_and_texts(value: Any, kind: str, name: str, printed: str) -> None:
    assert (kind_name(value), type_name(value), sprint(value)) == (kind, name, printed)


def test_a_foreign_value_has_no_kind() -> None:
    with pytest.raises(TypeError, match="object is not a value of a template"):
        kind_name(object())
    with pytest.raises(TypeError, match="set is not a value of a template"):
        type_name(set())


@given(st.integers(-(2**70), 2**70))
def test_arithmetic_wraps_at_64_bits(value: int) -> None:
    assert (wrap_int(value) - value) % 2**64 == 0
    assert -(2**63) <= wrap_int64(value) < 2**63
    assert type(wrap_int64(value)) is Int64


def test_print_puts_spaces_between_operands_that_are_no_strings() -> None:
    assert sprint_all(1, 2, "a", "b", 3, None) == "1 2a b3 <nil>".replace("a b", "ab")
    assert sprintln("a", 1, None) == "a 1 <nil>\n"


def test_huge_widths_are_not_padded() -> None:
    assert sprintf("%99999999999d", 1) == "%!(NOVERB)%!(EXTRA int=1)"
    assert sprintf("%*d", 10**9, 1) == "%!(BADWIDTH)1"
    with pytest.raises(LimitError):
        sprintf("%1000000d" * 100, *range(100))
