"""Ref names, version constraints and resolution."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towline.errors import InputError
from towline.git.refs import checked_branch, checked_revision, is_ref_name, is_sha
from towline.git.remote import parse_ls_remote
from towline.git.revisions import full_sha, may_be_short, resolve_ref
from towline.git.semver import best_match, parse_constraint, parse_version, satisfies
from towline.git.smart_http import RemoteRef


@pytest.mark.parametrize(
    "name",
    [
        "", "main", "refs/heads/", "refs/heads/a..b", "refs/heads/.a", "refs/heads/a/.b",
        "refs/heads/a.lock", "refs/heads/a.lock/b", "refs/heads/a b", "refs/heads/a~1",
        "refs/heads/a^", "refs/heads/a:b", "refs/heads/a?", "refs/heads/a*", "refs/heads/a[",
        "refs/heads/a\\b", "refs/heads/a@{1}", "refs/heads/a.", "refs/heads//a", "/refs/heads/a",
        "-refs/heads/a", "refs/heads/a\x7f", "refs/heads/a\n", "refs/heads/" + "x" * 2000,
    ],
)  # fmt: skip
def test_s55_names_that_git_would_not_accept(name: str) -> None:
    assert not is_ref_name(name)


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet="ab/.-@{~^:?*[\\ \x01lock", min_size=1, max_size=12))
def test_our_rules_are_git_s_own(name: str) -> None:
    ref = f"refs/heads/{name}"
    accepted = subprocess.run(["git", "check-ref-format", ref], check=False).returncode == 0
    assert is_ref_name(ref) == accepted


def test_branches_and_revisions_are_checked() -> None:
    assert checked_branch("feature/x") == "feature/x"
    for bad in ("-x", "HEAD", "a..b", ""):
        with pytest.raises(InputError):
            checked_branch(bad)
    assert checked_revision("") == "HEAD"
    assert checked_revision(" >=1 <2 ") == ">=1 <2"
    for bad in ("--x", "a\nb", "a\0b", "x" * 500):
        with pytest.raises(InputError):
            checked_revision(bad)


TAGS = [
    "v1.0.0",
    "1.1.0",
    "v1.2.0-rc.1",
    "v1.2.3",
    "v2.0.0",
    "v2.1",
    "0.3.1",
    "0.3.9",
    "0.0.5",
    "x",
]


@pytest.mark.parametrize(
    ("constraint", "best"),
    [
        ("*", "v2.1"),
        ("1.*", "v1.2.3"),
        ("1.x", "v1.2.3"),
        ("1.1.x", "1.1.0"),
        ("^1.0", "v1.2.3"),
        ("^0.3.1", "0.3.9"),
        ("^0.0.5", "0.0.5"),
        ("~1.1", "1.1.0"),
        ("~1", "v1.2.3"),
        (">=1 <2", "v1.2.3"),
        (">=1, <2", "v1.2.3"),
        (">1.2.3", "v2.1"),
        (">1", "v2.1"),
        ("<=1.1", "1.1.0"),
        ("<1.1.0", "v1.0.0"),
        ("1.0 - 1.1", "1.1.0"),
        ("9.x || 0.3.x", "0.3.9"),
        (">=1.2.0-rc <1.2.1-0", "v1.2.0-rc.1"),
        ("!=2.1.0", "v2.0.0"),
        ("=2.0.0", "v2.0.0"),
        ("9.*", None),
    ],
)
def test_constraints_choose_the_highest_tag(constraint: str, best: str | None) -> None:
    parsed = parse_constraint(constraint)
    assert parsed is not None
    assert best_match(parsed, TAGS) == best


@pytest.mark.parametrize(
    "text",
    [
        "v1.2.3",
        "1.2.3",
        "1",
        "v1.2",
        "1.2.3-rc.1",
        "main",
        "feature/1.*",
        "HEAD",
        "",
        "release-1",
        "<<1",
        ">= ",
        "1.2.3.4",
        "2024-01-01",
    ],
)
def test_what_is_not_a_constraint(text: str) -> None:
    assert parse_constraint(text) is None


@given(st.text(max_size=40))
def test_no_text_breaks_the_parsers(text: str) -> None:
    parse_version(text)
    parse_constraint(text)


VERSIONS = st.tuples(*(st.integers(0, 30),) * 3)


@given(VERSIONS, VERSIONS)
def test_order_and_ranges_agree(a: tuple[int, int, int], b: tuple[int, int, int]) -> None:
    low, other = (".".join(map(str, part)) for part in (a, b))
    version = parse_version(other)
    constraint = parse_constraint(f">={low}")
    assert version is not None
    assert constraint is not None
    assert satisfies(version, constraint) == (b >= a)


def test_pre_releases_sort_before_their_release() -> None:
    order = [
        "1.0.0-1",
        "1.0.0-2",
        "1.0.0-10",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-beta",
        "1.0.0",
    ]
    keys = [version.order for text in order if (version := parse_version(text))]
    assert keys == sorted(keys)
    assert len(keys) == len(order)


A, B, C = "a" * 40, "b" * 40, "c" * 40
REFS = {
    "HEAD": RemoteRef(A, A, "refs/heads/main"),
    "refs/heads/main": RemoteRef(A, A),
    "refs/heads/v1": RemoteRef(B, B),
    "refs/tags/v1": RemoteRef(C, C),
    "refs/tags/v1.5.0": RemoteRef(B, C),
}


@pytest.mark.parametrize(
    ("revision", "commit"),
    [
        ("HEAD", A),
        ("main", A),
        ("v1", B),  # the branch before the tag
        ("refs/tags/v1", C),
        ("v1.5.0", C),  # the commit behind the annotated tag
        ("1.*", C),
        ("2.*", None),
        ("nope", None),
        ("refs/heads/nope", None),
    ],
)
def test_resolution(revision: str, commit: str | None) -> None:
    assert resolve_ref(revision, REFS) == commit


def test_object_ids() -> None:
    assert full_sha("AB" * 20) == "ab" * 20
    assert full_sha("ab" * 19) is None
    assert may_be_short("abcdef1")
    assert not may_be_short("abcdef")
    assert not is_sha("a" * 40 + "\n")


def test_listings_of_the_git_program_are_read() -> None:
    lines = ["ref: refs/heads/main\tHEAD", f"{A}\tHEAD", f"{A}\trefs/heads/main"]
    lines += [f"{B}\trefs/tags/v1.5.0", f"{C}\trefs/tags/v1.5.0^{{}}", "junk"]
    text = "\n".join(lines)
    refs = parse_ls_remote(text)
    assert refs["HEAD"] == RemoteRef(A, A, "refs/heads/main")
    assert refs["refs/tags/v1.5.0"] == RemoteRef(B, C)
    assert len(refs) == 3
