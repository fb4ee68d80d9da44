"""Versions and constraints by the rules of both generations of the library."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.text.semver import (
    Generation,
    SemverError,
    Version,
    parse_constraints,
    parse_strict_version,
    parse_version,
)

_OLD, _NEW = Generation.V3_3, Generation.V3_5
_TOO_BIG = 'strconv.ParseUint: parsing "18446744073709551616": value out of range'
_PART = st.from_regex(r"\A(?:0|[1-9][0-9]{0,3}|[a-z][a-z0-9-]{0,4})\Z")
_VERSIONS = st.builds(
    lambda numbers, pre: ".".join(map(str, numbers)) + (f"-{'.'.join(pre)}" if pre else ""),
    st.lists(st.integers(0, 20), min_size=3, max_size=3),
    st.lists(_PART, max_size=3),
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1.2.3", "1.2.3"),
        ("v1.2.3", "1.2.3"),
        ("1.2", "1.2.0"),
        ("1", "1.0.0"),
        ("01.02.03", "1.2.3"),
        ("1.2.3-alpha.1+build.5", "1.2.3-alpha.1+build.5"),
        ("1.2-rc", "1.2.0-rc"),
        ("18446744073709551615.0.0", "18446744073709551615.0.0"),
    ],
)
def test_versions_are_read_leniently(text: str, shown: str) -> None:
    version = parse_version(text)
    assert str(version) == shown
    assert version.original == text


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        ("", "Invalid Semantic Version", "invalid semantic version"),
        ("x", "Invalid Semantic Version", "invalid semantic version"),
        ("1.2.3.4", "Invalid Semantic Version", "invalid semantic version"),
        ("1.2.3\n", "Invalid Semantic Version", "invalid semantic version"),
        ("1.2.3-01", "Version segment starts with 0", "version segment starts with 0"),
        (
            "18446744073709551616",
            f"Error parsing version segment: {_TOO_BIG}",
            f"error parsing version segment: {_TOO_BIG}",
        ),
    ],
)
def test_what_is_no_version_is_refused_in_the_words_of_each_generation(
    text: str, old: str, new: str
) -> None:
    for generation, words in ((_OLD, old), (_NEW, new)):
        with pytest.raises(SemverError) as raised:
            parse_version(text, generation=generation)
        assert raised.value.message == words


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "version string empty"),
        ("1.2", "invalid semantic version"),
        ("v1.2.3", "invalid characters in version"),
        ("1.02.3", "version segment starts with 0"),
        ("1.2.3-", "invalid prerelease string"),
        ("1.2.3-a..b", "invalid prerelease string"),
        ("1.2.3-é", "invalid prerelease string"),
        ("1.2.3+", "invalid metadata string"),
        ("1..3", 'strconv.ParseUint: parsing "": invalid syntax'),
        ("1.2." + "3" * 300, "version string is too long (max 256 bytes)"),
    ],
)
def test_strict_versions_have_three_plain_numbers(text: str, problem: str) -> None:
    with pytest.raises(SemverError) as raised:
        parse_strict_version(text)
    assert raised.value.message == problem
    assert parse_strict_version("1.2.3-a+b") == Version(1, 2, 3, "a", "b", "1.2.3-a+b")


def test_versions_are_ordered_as_semver_org_says() -> None:
    ascending = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.1",
        "1.1.0",
        "2.0.0",
    ]
    versions = [parse_version(text) for text in ascending]
    for index, lower in enumerate(versions):
        assert lower.compare(lower) == 0
        assert all(lower.compare(higher) == -1 for higher in versions[index + 1 :])
        assert all(higher.compare(lower) == 1 for higher in versions[index + 1 :])
    assert parse_version("1.0.0+a").compare(parse_version("1.0.0+b")) == 0


def test_successors_keep_a_leading_v_and_drop_the_rest() -> None:
    version = parse_version("v1.2.3-rc+b")
    assert [item.original for item in (version.next_patch(), version.next_minor())] == [
        "v1.2.3",
        "v1.3.0",
    ]
    assert str(version.next_major()) == "2.0.0"
    assert str(parse_version("1.2.3").next_patch()) == "1.2.4"


@pytest.mark.parametrize(
    ("constraint", "fitting", "failing"),
    [
        ("1.2.3", ["1.2.3", "v1.2.3+x"], ["1.2.4", "1.2.3-a"]),
        ("1.2", ["1.2.0", "1.2.9"], ["1.3.0"]),
        ("=1.x", ["1.0.0", "1.9.0"], ["2.0.0"]),
        ("*", ["0.0.1", "9.9.9"], ["1.0.0-a"]),
        ("", ["1.0.0"], []),
        (">1.2", ["1.3.0"], ["1.2.9", "1.2.0"]),
        (">1", ["2.0.0"], ["1.9.9"]),
        (">=1.2.0, <2", ["1.2.0", "1.9"], ["2.0.0", "1.1"]),
        ("<=1.2", ["1.2.9"], ["1.3.0"]),
        ("!=1.2.x", ["1.3.0"], ["1.2.5"]),
        ("!=1.2.3", ["1.2.4"], ["1.2.3"]),
        ("~1.2.3", ["1.2.9"], ["1.3.0", "1.2.2"]),
        ("~>1", ["1.9.0"], ["2.0.0"]),
        ("^1.2.3", ["1.9.0"], ["2.0.0", "1.2.2"]),
        ("^0.2.3", ["0.2.9"], ["0.3.0"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4"]),
        ("^0.0", ["0.0.9"], ["0.1.0"]),
        ("^0", ["0.9.0"], ["1.0.0"]),
        ("1.2 - 1.4.5", ["1.4.5", "1.2.0"], ["1.4.6", "1.1.0"]),
        ("<1 || >=2 , !=2.1.0", ["0.9.0", "2.0.0"], ["1.0.0", "2.1.0"]),
        (">=1.2.3-0", ["1.2.3-rc", "1.5.0-a"], ["1.2.2"]),
        ("=>1.0 =<2.0", ["2.0.1"], ["2.1.0"]),
    ],
)
@pytest.mark.parametrize("generation", [_OLD, _NEW])
def test_constraints_admit_what_they_say(
    constraint: str, fitting: list[str], failing: list[str], generation: Generation
) -> None:
    if constraint == "":
        with pytest.raises(SemverError):
            parse_constraints(constraint, generation=generation)
        return
    parsed = parse_constraints(constraint, generation=generation)
    assert [text for text in fitting if not parsed.check(parse_version(text))] == []
    assert [text for text in failing if parsed.check(parse_version(text))] == []


def test_a_prerelease_is_admitted_by_each_constraint_or_by_the_group() -> None:
    version = parse_version("1.25.3-gke.1")
    assert not parse_constraints(">=1.20-0 <1.30", generation=_OLD).check(version)
    assert parse_constraints(">=1.20-0 <1.30", generation=_NEW).check(version)
    assert parse_constraints("!=1.0.0", generation=_OLD).check(version)
    assert not parse_constraints("!=1.0.0", generation=_NEW).check(version)


@pytest.mark.parametrize(
    ("constraint", "old", "new"),
    [
        ("==1", "improper constraint: ==1", 'improper constraint: "==1"'),
        ("1 ||", "improper constraint: ", 'improper constraint: ""'),
        ("1,,2", "improper constraint: 1,,2", 'improper constraint: "1,,2"'),
        ("1;2", "improper constraint: 1;2", 'improper constraint: "1;2"'),
        ("1|2", "constraint Parser Error", "constraint parser error"),
        ("1.2.3-01", "constraint Parser Error", "constraint parser error"),
    ],
)
def test_wrong_constraints_are_refused_in_the_words_of_each_generation(
    constraint: str, old: str, new: str
) -> None:
    for generation, words in ((_OLD, old), (_NEW, new)):
        with pytest.raises(SemverError) as raised:
            parse_constraints(constraint, generation=generation)
        assert raised.value.message == words


def test_reasons_name_version_and_constraint() -> None:
    parsed = parse_constraints(">=2.0, <3 || ~1.1", generation=_OLD)
    assert parsed.validate(parse_version("1.0.0")) == [
        "1.0.0 is less than 2.0",
        "1.0.0 is less than 1.1",
    ]
    assert parsed.validate(parse_version("2.5.0")) == []
    assert parse_constraints("^2").validate(parse_version("3.1.0-a")) == [
        '"3.1.0-a" is a prerelease version and the constraint is only looking for release versions'
    ]


@given(_VERSIONS, _VERSIONS)
def test_comparison_is_antisymmetric_and_operators_agree(left: str, right: str) -> None:
    mine, theirs = parse_version(left), parse_version(right)
    order = mine.compare(theirs)
    assert theirs.compare(mine) == -order
    assert parse_constraints(f">={right}-0" if "-" not in right else f">={right}").check(mine) == (
        mine.compare(parse_version(right if "-" in right else f"{right}-0")) >= 0
    )


@given(st.text("0123456789.xX*|<>=!~^-+v, ", max_size=40))
def test_any_text_is_a_constraint_or_refused(text: str) -> None:
    for generation in (_OLD, _NEW):
        with contextlib.suppress(SemverError):
            parse_constraints(text, generation=generation).check(parse_version("1.2.3"))


def test_s64_a_hostile_constraint_takes_no_time() -> None:
    text = "1  " * 150 + "!"
    started = time.process_time()
    with pytest.raises(SemverError):
        parse_constraints(text, generation=_OLD)
    assert time.process_time() - started < 0.5
    with pytest.raises(SemverError, match="too long"):
        parse_constraints("1 " * 5000, generation=_OLD)
    with pytest.raises(SemverError, match="too many constraint groups"):
        parse_constraints("1||" * 40 + "1")
