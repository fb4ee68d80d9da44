"""What the local forge sends is what GitHub's dialect reads."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.errors import InputError
from towline.forge.forms import payload_of
from towline.forge.github import GITHUB
from towline.forge.hooks import HookSecret, checked_ref, hmac_match
from towline.forge.payload import ZERO, RefChange, delivery_id, push_body, push_headers, signature

A, B = "a" * 40, "b" * 40


class Commit(msgspec.Struct, frozen=True):
    id: str = B
    tree: str = A
    message: str = "subject\n\nbody"
    author: str = "Ann"
    email: str = "ann@example.org"
    committer: str = "Cid"
    committed_at: int = 1_700_000_000
    added: tuple[str, ...] = ("new",)
    modified: tuple[str, ...] = ("old",)
    removed: tuple[str, ...] = ()


def change(**fields: object) -> RefChange:
    base = {
        "full_name": "Team/App",
        "ref": "refs/heads/main",
        "before": A,
        "after": B,
        "default_branch": "main",
        "pusher": "ann",
        "pushed_at": 1_700_000_000.125,
    }
    return RefChange(**{**base, **fields})  # type: ignore[arg-type]


def test_round_trip_through_the_dialect() -> None:
    body = push_body(change(), [Commit()], "http://127.0.0.1:3000")
    headers = {k.lower(): v for k, v in push_headers(change(), b"secret", body).items()}
    hook = HookSecret("h", "team/app", "", b"secret")
    assert GITHUB.verify([hook], headers, body) is hook
    assert GITHUB.delivery_id(headers) == delivery_id(change())
    event = GITHUB.parse_push(headers, body)
    assert event is not None
    assert event.repository == (
        "http://127.0.0.1:3000/Team/App.git",
        "http://127.0.0.1:3000/Team/App",
    )
    assert event.changed_files == ("new", "old")
    assert event.pushed_at == "2023-11-14T22:13:20.125Z"
    assert (event.branch, event.pusher, event.message) == ("main", "ann", "subject")


@pytest.mark.parametrize(
    ("fields", "commits", "complete"),
    [
        ({"before": ZERO}, [Commit()], True),
        ({"after": ZERO}, [], True),
        ({"forced": True}, [Commit()], True),
        ({}, [], True),
        ({}, [Commit()], False),
        ({}, [Commit(id=A)], True),  # the head is not among them
        ({}, [Commit(added=tuple(f"f{n}" for n in range(60_000)))], True),
    ],
)
def test_changed_files_are_unknown_when_they_may_not_be_all(
    fields: dict[str, object], commits: list[Commit], complete: bool
) -> None:
    body = push_body(change(**fields), commits, "http://h", complete=complete)
    event = GITHUB.parse_push({"x-github-event": "push"}, body)
    assert event is not None
    assert event.changed_files is None


def test_the_same_change_has_the_same_delivery_id() -> None:
    assert delivery_id(change()) == delivery_id(change(pusher="bob", full_name="team/app"))
    others = [change(ref="refs/heads/x"), change(before=B), change(after=A), change(serial=2)]
    assert len({delivery_id(c) for c in [change(), *others]}) == 5


def test_bodies_stay_below_the_intake_s_limit() -> None:
    for filler in ("d", "\x01", "\U0001f600"):
        for count in (1, 60, 3000):
            files = tuple(f"{filler * 40}/{n}" for n in range(count))
            who = filler * 5000
            commit = Commit(message=filler * 100_000, added=files, author=who, email=who)
            assert len(push_body(change(), [commit] * 50, "http://h")) < 2 << 20


def test_only_hooks_that_the_body_names_are_tried() -> None:
    body = json.dumps({"repository": {"full_name": "Team/App"}}).encode()
    digest = signature(b"k", body).removeprefix("sha256=")
    named = HookSecret("1", "team/app", "", b"k")
    other = HookSecret("2", "team/other", "", b"k")
    anywhere = HookSecret("3", "", "", b"k")
    empty = HookSecret("4", "team/app", "", b"")
    assert hmac_match([other, empty, named], digest, body) is named
    assert hmac_match([other], digest, body) is None
    assert hmac_match([anywhere], digest, body) is anywhere
    escaped = body.replace(b"/", b"\\/")
    digest = signature(b"k", escaped).removeprefix("sha256=")
    assert hmac_match([named], digest, escaped) is named


def test_secrets_are_not_shown() -> None:
    assert "k" * 8 not in repr(HookSecret("h", "o/r", "", b"k" * 8))


@given(st.text(max_size=30))
def test_refs_are_safe_or_refused(text: str) -> None:
    try:
        ref = checked_ref(f"refs/heads/{text}")
    except InputError:
        return
    assert ".." not in ref
    assert not any(ord(c) <= 0x20 for c in ref)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_dialect(body: bytes) -> None:
    for event in ("push", "ping"):
        try:
            GITHUB.parse_push({"x-github-event": event}, body)
        except InputError:
            continue


@given(st.binary(max_size=200))
def test_forms_hold_any_payload_and_nothing_breaks_their_reader(payload: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert payload_of(headers, urlencode({"payload": payload}).encode()) == payload
    assert payload_of({}, payload) == payload
    for body in (payload, b"payload=" + payload):
        try:
            assert len(payload_of(headers, body)) <= len(body)
        except InputError:
            continue
