"""Repository URLs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.errors import DeniedError, InputError
from towline.git.aliases import resolve_alias
from towline.git.urls import UrlPolicy, parse_url, same_location, same_repository

ALL = UrlPolicy(http_hosts=frozenset({"*"}), allow_file=True)


@pytest.mark.parametrize(
    ("text", "shown", "key"),
    [
        ("https://github.com/A/b.git", "https://github.com/A/b.git", "https://github.com/a/b"),
        (" https://GitHub.com/a/b/ ", "https://github.com/a/b/", "https://github.com/a/b"),
        ("https://github.com:443/a/b", "https://github.com/a/b", "https://github.com/a/b"),
        ("https://h:8443/a", "https://h:8443/a", "https://h:8443/a"),
        ("git@github.com:a/b.git", "git@github.com:a/b.git", "git@github.com/a/b"),
        ("ssh://git@github.com/a/b", "ssh://git@github.com/a/b", "git@github.com/a/b"),
        ("ssh://git@h:22/a/b", "ssh://git@h/a/b", "git@h/a/b"),
        (
            "http://127.0.0.1:3000/o/r.git",
            "http://127.0.0.1:3000/o/r.git",
            "http://127.0.0.1:3000/o/r",
        ),
        ("http://localhost/o/r", "http://localhost/o/r", "http://localhost/o/r"),
        ("http://[::1]:80/o/r", "http://[::1]/o/r", "http://[::1]/o/r"),
        ("https://u:p@h/x", "https://h/x", "https://h/x"),
    ],
)
def test_urls_are_read_and_shown(text: str, shown: str, key: str) -> None:
    url = parse_url(text)
    assert str(url) == shown
    assert url.key == key
    assert str(parse_url(str(url))) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-x",
        "--upload-pack=touch /tmp/x",
        "ext::sh -c id",
        "ext::sh%20-c%20id",
        "fd::17/foo",
        "transport::https://h/x",
        "ftp://h/x",
        "git://h/x",
        "javascript://h/x",
        "file:///etc",
        "/etc/passwd",
        "./x",
        "C:\\x",
        "ssh://-oProxyCommand=x/y",
        "ssh://-oProxyCommand@h/y",
        "-oProxyCommand=x:y",
        "a@-oProxyCommand=x:y",
        "git@h:-x",
        "git@h:../x",
        "https://h/a/../b",
        "https://h/a/%2e%2e/b",
        "https://h/%0aevil",
        "https://h",
        "https://h/",
        "https:///x",
        "https://h/a b",
        "https://h/a\tb",
        "https://h/a\nb",
        "https://h/a\x00b",
        "https://h/a\u2028b",
        "https://h/x?token=abc",
        "https://h/x#frag",
        "https://h:99999/x",
        "https://h:x/y",
        "http://example.org/x",
        "http://127.0.0.1.evil.org/x",
        "https://[::1/x",
        "https://[x]/y",
        "ssh://git:pw@h/x",
        "https://h/" + "x" * 5000,
    ],
)
def test_s55_what_is_no_repository_url_is_refused(text: str) -> None:
    with pytest.raises((InputError, DeniedError)):
        parse_url(text)


def test_s28_neither_text_nor_representation_nor_error_shows_credentials() -> None:
    url = parse_url("https://user:hunter2@host.example/path.git")
    assert url.password == "hunter2"
    for shown in (str(url), repr(url), f"{url!r:>10}", url.key, url.location, f"{[url]}"):
        assert "hunter2" not in shown
        assert "user" not in shown
    for bad in (
        "https://u:hunter2@h/x?token=hunter2",
        "http://u:hunter2@example.org/x",
        "x://u:hunter2@h/",
    ):
        with pytest.raises((InputError, DeniedError)) as caught:
            parse_url(bad)
        assert "hunter2" not in f"{caught.value!r}{caught.value}"


def test_http_needs_loopback_or_a_setting() -> None:
    policy = UrlPolicy(http_hosts=frozenset({"git.internal"}))
    assert str(parse_url("http://git.internal/x", policy)) == "http://git.internal/x"
    with pytest.raises(DeniedError):
        parse_url("http://other.internal/x", policy)
    assert parse_url("file:///srv/x", ALL).path == "/srv/x"


@pytest.mark.parametrize(
    ("a", "b", "same", "place"),
    [
        ("https://github.com/A/B", "https://github.com/a/b.git", True, True),
        ("git@github.com:a/b", "ssh://git@github.com/a/b.git", True, True),
        ("https://github.com/a/b", "git@github.com:a/b.git", False, True),
        ("http://h:3000/a/b.git", "https://h/a/b", False, True),
        ("https://h/a", "https://h/ab", False, False),
        ("https://h/a", "https://h2/a", False, False),
        ("https://h/a/b", "https://h/a", False, False),
        ("", "", False, False),
        ("nonsense", "nonsense", False, False),
        ("https://h/a?x", "https://h/a?x", False, False),
    ],
)
def test_when_two_urls_are_the_same(a: str, b: str, same: bool, place: bool) -> None:
    assert same_repository(a, b) is same_repository(b, a) is same
    assert same_location(a, b) is same_location(b, a) is place


@given(st.text(max_size=60))
def test_any_text_is_refused_or_is_safe_as_an_argument(text: str) -> None:
    try:
        url = parse_url(text, ALL)
    except (InputError, DeniedError):
        return
    shown = str(url)
    assert not shown.startswith("-")
    assert "::" not in shown.split("/", maxsplit=1)[0] or shown.startswith("http")
    assert not any(ord(character) < 0x21 for character in shown)
    assert str(parse_url(shown, ALL)) == shown


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://github.com/o/r.git", "http://127.0.0.1:3000/o/r.git"),
        ("git@github.com:o/r.git", "http://127.0.0.1:3000/o/r.git"),
        ("ssh://git@github.com/o/r", "http://127.0.0.1:3000/o/r"),
        ("https://github.com/special/r.git", "https://mirror.example/x/r.git"),
        ("https://github.com/specialist/r.git", "http://127.0.0.1:3000/specialist/r.git"),
        ("https://github.com/one/repo.git", "https://one.example/repo.git"),
        ("https://gitlab.com/o/r", "https://gitlab.com/o/r"),
    ],
)
def test_aliases(url: str, expected: str) -> None:
    aliases = {
        "github.com": "http://127.0.0.1:3000",
        "https://github.com/special": "https://mirror.example/x/",
        "https://github.com/one/repo": "https://one.example/repo",
    }
    assert resolve_alias(parse_url(url), aliases) == expected
