"""The regular expression machine: the same matches as a known one, and an end to every search."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from towline.errors import LimitError
from towline.text.groovy.limits import Limits, Meter
from towline.text.groovy.regex import find_all, find_from, full_match
from towline.text.groovy.values import Thrown

ATOMS = st.sampled_from(
    ["a", "b", ".", r"\w", r"\d", "[ab]", "[^a]", "1", r"\b", "^", "$", "[a-c1]", r"\s", r"\."]
)
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"(?={text})"),
        inner.map(lambda text: f"(?!{text})"),
        st.tuples(
            inner, st.sampled_from(["*", "+", "?", "*?", "+?", "??", "{1,2}", "{2}", "{0,2}?"])
        ).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(pattern=PATTERNS, text=st.text(alphabet="ab1 .\n", max_size=8))
def test_finds_what_a_known_machine_finds(pattern: str, text: str) -> None:
    try:
        expected = re.search(pattern, text)
    except re.error:
        assume(False)
        return
    found = find_from(pattern, text, 0, Meter(Limits()))
    assert (None if found is None else (found.start, found.end)) == (
        None if expected is None else expected.span()
    )


TABLE = [
    (r"v(\d+)\.(\d+)", "v12.3", ["v12.3", "12", "3"]),
    (r"(?i)ABC", "abc", ["abc"]),
    (r"(?s)a.b", "a\nb", ["a\nb"]),
    (r"(a)|b", "b", ["b", None]),
    (r"(\w)\1", "aa", ["aa", "a"]),
    (r"\Qa.b\E+", "a.bb", ["a.bb"]),
    (r"(?<year>\d{4})", "2024", ["2024", "2024"]),
    (r"\p{Alpha}+", "abc", ["abc"]),
    (r"[\w-]+/[^/]+", "a-b/c", ["a-b/c"]),
    (r"a{2,}", "aaa", ["aaa"]),
]


@pytest.mark.parametrize(("pattern", "text", "groups"), TABLE)
def test_whole_match_with_groups(pattern: str, text: str, groups: list[str | None]) -> None:
    match = full_match(pattern, text, Meter(Limits()))
    assert match is not None
    assert [match.group(number) for number in range(match.group_count + 1)] == groups


@pytest.mark.parametrize(
    "pattern", ["(", ")", "[", "a**", "*a", "(?<=a)b", "a++", "[[:alpha:]]", "\\", "(?P<x>a)",
                "a{3,2}", "a{99999}", r"\1", "(?x)a", "(" * 100, "(((a{500}b){500}){500})"],
)  # fmt: skip
def test_wrong_or_left_out_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(Thrown):
        full_match(pattern, "a", Meter(Limits()))


@pytest.mark.parametrize(
    ("pattern", "text"),
    [(r"(a+)+$", "a" * 50 + "b"), (r"(a|a)*b", "a" * 50), (r"(.*)*x", "a" * 5000),
     (r"(\w+\s?)*z", "word " * 50)],
)  # fmt: skip
def test_s61_catastrophic_patterns_end_with_a_limit(pattern: str, text: str) -> None:
    with pytest.raises(LimitError):
        list(find_all(pattern, text, Meter(Limits())))


def test_long_texts_are_matched_without_a_stack() -> None:
    assert full_match(r".*x", "a" * 100_000 + "x", Meter(Limits())) is not None
