"""Regular expressions as Go has them."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.text.re2 import RegexError, compile_pattern, quote_meta


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"a+", "baab a", ["aa", "a"]),
        (r"a*", "baac", ["", "aa", ""]),
        (r"", "aé", ["", "", ""]),
        (r"x*", "ééx", ["", "", "x"]),
        (r"(?i)É", "éÉ", ["é", "É"]),
        (r"\pL+", "aé1日", ["aé", "日"]),
        (r"\p{Greek}", "aλ", ["λ"]),
        (r"[[:alpha:]]+", "ab1é", ["ab"]),
        (r"\Qa.b\E+", "a.bb", ["a.bb"]),
        (r"\w+", "é_a1", ["_a1"]),
        (r"(?m)^.$", "a\nb", ["a", "b"]),
        (r"a\z", "aa", ["a"]),
        (r"(?s).+", "a\nb", ["a\nb"]),
        (r"(?U)a+", "aaa", ["a", "a", "a"]),
        (r"(?P<n>a)|(?<m>b)", "ab", ["a", "b"]),
        (r"\bfoo\b", "foo food foo", ["foo", "foo"]),
    ],
)
def test_all_matches_are_those_of_go(pattern: str, text: str, found: list[str]) -> None:
    compiled = compile_pattern(pattern)
    assert compiled.find_all(text) == found
    assert compiled.find_all(text, 1) == found[:1]
    assert compiled.find_all(text, 0) == []
    assert compiled.find(text) == found[0]
    assert compiled.matches(text)


@pytest.mark.parametrize(
    ("pattern", "text", "limit", "pieces"),
    [
        ("a", "banana", -1, ["b", "n", "n", ""]),
        ("a", "banana", 2, ["b", "nana"]),
        ("a", "banana", 0, []),
        ("a", "banana", 1, ["banana"]),
        ("z+", "pizza", -1, ["pi", "a"]),
        ("", "abc", -1, ["a", "b", "c"]),
        ("a*", "baac", -1, ["b", "c"]),
        ("z", "", -1, [""]),
        ("", "", -1, []),
    ],
)
def test_splitting_gives_the_pieces_that_go_gives(
    pattern: str, text: str, limit: int, pieces: list[str]
) -> None:
    assert compile_pattern(pattern).split(text, limit) == pieces


@pytest.mark.parametrize(
    ("pattern", "text", "template", "result"),
    [
        ("a(x*)b", "-ab-axxb-", "T", "-T-T-"),
        ("a(x*)b", "-ab-axxb-", "$1", "--xx-"),
        ("a(x*)b", "-ab-axxb-", "$1W", "---"),
        ("a(x*)b", "-ab-axxb-", "${1}W", "-W-xxW-"),
        ("(?P<n>a)", "a", "[$n|${n}|$0|$2|$none]", "[a|a|a||]"),
        ("a", "a", "$$1 $ ${ ${x", "$1 $ ${ ${x"),
        ("a", "a", "$01", ""),
        ("", "aé", "-", "-a-é-"),
        ("a*", "baac", "x", "xbxcx"),
        ("é", "aéb", "$0$0", "aééb"),
        ("(a)|(b)", "ab", "<$1$2>", "<a><b>"),
    ],
)
def test_templates_are_expanded(pattern: str, text: str, template: str, result: str) -> None:
    assert compile_pattern(pattern).replace(text, template) == result


def test_literal_replacements_know_no_templates() -> None:
    assert compile_pattern("a").replace_literal("banana", "$0") == "b$0n$0n$0"


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("a(", "missing closing ): `a(`"),
        ("a)", "unexpected ): `a)`"),
        ("[a", "missing closing ]: `[a`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("*a", "missing argument to repetition operator: `*`"),
        ("(a)\\1", "invalid escape sequence: `\\1`"),
        ("a\\Z", "invalid escape sequence: `\\Z`"),
        ("\\C", "invalid escape sequence: `\\C`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("x(?<=a)", "invalid named capture: `(?<=a)`"),
        ("(?P<n", "invalid named capture: `(?P<n`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        ("\\pX", "invalid character class range: `\\pX`"),
        ("a\\", "trailing backslash at end of expression: ``"),
    ],
)
def test_what_go_refuses_is_refused_in_its_words(pattern: str, problem: str) -> None:
    with pytest.raises(RegexError) as raised:
        compile_pattern(pattern)
    assert raised.value.message == f"error parsing regexp: {problem}"


def test_escaped_and_quoted_letters_are_no_byte_escapes() -> None:
    assert compile_pattern(r"\\C").matches("\\C")
    assert compile_pattern(r"\Q\C\E").matches("\\C")


def test_bytes_that_are_not_text_pass_through() -> None:
    broken = b"a\xffb".decode("utf-8", "surrogateescape")
    assert compile_pattern("b").replace(broken, "c") == broken.replace("b", "c")


def test_s64_patterns_that_blow_up_elsewhere_take_linear_time() -> None:
    text = "a" * 50_000
    started = time.process_time()
    for pattern in (r"(a+)+$b", r"(a|aa)+\z!", r"(?:a?){30}a{30}x", r"(.*)*x"):
        assert not compile_pattern(pattern).matches(text)
    assert time.process_time() - started < 5
    with pytest.raises(RegexError):
        compile_pattern("(((a{500}){500}){500})")
    with pytest.raises(RegexError, match="too large"):
        compile_pattern("a" * 200_000)


@given(st.text(max_size=20))
def test_quoted_text_matches_itself_alone(text: str) -> None:
    assert compile_pattern(rf"\A{quote_meta(text)}\z").matches(text)


@given(st.text("ab(|)*+?[]c-^$.\\dE", max_size=12), st.text("abc d", max_size=12))
def test_patterns_of_both_languages_find_the_same(pattern: str, text: str) -> None:
    try:
        ours = compile_pattern(pattern).find(text)
        theirs = re.search(pattern, text)
    except (RegexError, re.error):
        return
    if "\\" in pattern or "$" in pattern or "[" in pattern or "++" in pattern or "?+" in pattern:
        return
    assert ours == (theirs.group() if theirs else "")
