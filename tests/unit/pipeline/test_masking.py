"""Secrets never leave in any of their forms, however the text is cut."""

from __future__ import annotations

import base64
import itertools
import json
import shlex
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towline.pipeline.masking import MASK, MAX_HELD, Masker

SECRET = "p@ss/w0rd with 'quote' & \"more\" $x"


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        shlex.quote(SECRET),
        json.dumps(SECRET),
        SECRET.replace("$", "$$"),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(b"u:" + SECRET.encode()).decode(),
        base64.b64encode(b"user:" + SECRET.encode() + b"\n").decode(),
        base64.urlsafe_b64encode(b"x" + SECRET.encode()).decode(),
    ],
)
def test_forms_of_a_secret_are_replaced(form: str) -> None:
    masked = Masker([SECRET]).mask(f"before {form} after")
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert MASK in masked
    assert form not in masked
    assert form[8:-8] not in masked


@pytest.mark.parametrize("offset", [0, 1, 2])
def test_base64_alignments(offset: int) -> None:
    secret = "correct-horse-battery"
    text = base64.b64encode(b"a" * offset + secret.encode() + b"tail").decode()
    masked = Masker([secret]).mask(text)
    assert MASK in masked
    assert len(masked) < 20


def test_longest_form_first_and_short_secrets_left_out() -> None:
    assert Masker(["abc", "abcdef"]).mask("abcdef abc") == f"{MASK} {MASK}"
    assert Masker(["ab", ""]).mask("ab") == "ab"


def test_chunks_are_joined_by_line() -> None:
    masker = Masker(["hunter2-pass"])
    out = [masker.feed(chunk) for chunk in ("one hun", "ter2-", "pass two\nthree ", "hunter2-pass")]
    assert out == ["", "", f"one {MASK} two\n", ""]
    assert masker.flush() == f"three {MASK}"
    assert masker.held == 0


def test_secret_of_several_lines_is_found_across_chunks() -> None:
    key = "-----BEGIN KEY-----\nabcdefgh\nijklmnop\n-----END KEY-----"
    masker = Masker([key])
    text = f"x\n{key}\ny\n"
    out = "".join(masker.feed(char) for char in text) + masker.flush()
    assert out == f"x\n{MASK}\ny\n"
    assert Masker([key]).mask("log: ijklmnop") == f"log: {MASK}"


def test_long_lines_are_not_held_for_ever() -> None:
    masker = Masker(["secret-value"])
    out = masker.feed("x" * (MAX_HELD - 5) + "secret-value" + "y" * 20)
    assert out.startswith("xxx")
    assert masker.held < 200
    assert "secret" not in out + masker.flush()


def test_secrets_can_be_added_later() -> None:
    masker = Masker()
    assert masker.feed("plain") == "plain"
    masker.add(["later-secret"])
    assert masker.feed("later-secret\n") == f"{MASK}\n"


@settings(max_examples=150, deadline=None)
@given(
    secret=st.text(alphabet="abcdef\n", min_size=3, max_size=12).filter(lambda s: s.strip()),
    before=st.text(alphabet="xyz\n", max_size=20),
    after=st.text(alphabet="xyz\n", max_size=20),
    cuts=st.lists(st.integers(0, 60), max_size=6),
)
def test_no_cut_lets_a_secret_through(
    secret: str, before: str, after: str, cuts: list[int]
) -> None:
    text = f"{before}{secret}{after}{secret}\n{before}"
    masker = Masker([secret])
    places = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    pieces = [text[a:b] for a, b in itertools.pairwise(places)]
    out = "".join(masker.feed(piece) for piece in pieces) + masker.flush()
    assert out == Masker([secret]).mask(text)
    assert secret not in out
