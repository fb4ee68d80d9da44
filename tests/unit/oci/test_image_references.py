from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.errors import InputError, SettingsError
from towline.oci.mirrors import Location, Mirrors, is_loopback
from towline.oci.references import parse_reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("python", "docker.io/library/python:latest"),
        ("python:3.11-slim", "docker.io/library/python:3.11-slim"),
        ("user/app", "docker.io/user/app:latest"),
        ("user/app:1", "docker.io/user/app:1"),
        ("index.docker.io/user/app:1", "docker.io/user/app:1"),
        ("registry.hub.docker.com/user/app:1", "docker.io/user/app:1"),
        ("registry-1.docker.io/user/app", "docker.io/user/app:latest"),
        ("docker.io/python", "docker.io/library/python:latest"),
        ("localhost/x", "localhost/x:latest"),
        ("localhost:5000/x", "localhost:5000/x:latest"),
        ("127.0.0.1:5000/a/b:2", "127.0.0.1:5000/a/b:2"),
        ("ghcr.io/a/b/c:v1.2.3", "ghcr.io/a/b/c:v1.2.3"),
        (f"app@{DIGEST}", f"docker.io/library/app@{DIGEST}"),
        (f"app:1@{DIGEST}", f"docker.io/library/app:1@{DIGEST}"),
        ("a__b/c--d.e", "docker.io/a__b/c--d.e:latest"),
    ],
)
def test_references_are_completed_as_docker_does(text: str, full: str) -> None:
    assert str(parse_reference(text)) == full


@pytest.mark.parametrize(
    "text",
    [
        "",
        " python",
        "Python",
        "user/App",
        "user/app:${env.BUILD_TAG}",
        "app:",
        "app:-x",
        "app@sha256:xyz",
        "app@",
        "a//b",
        "/a",
        "a/",
        "host:port/x",
        "-x/y",
        "a b",
        "https://host/a",
        "x" * 600,
        "app:" + "t" * 129,
    ],
)
def test_malformed_references_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_reference(text)


@given(st.text(alphabet=string.ascii_letters + string.digits + "./:@-_ $", max_size=60))
def test_a_reference_is_read_again_as_itself_or_refused(text: str) -> None:
    try:
        parsed = parse_reference(text)
    except InputError:
        return
    assert parse_reference(str(parsed)) == parsed


def test_pushes_follow_the_mirror() -> None:
    mirrors = Mirrors({"docker.io": "embedded", "ghcr.io": "mirror.example/gh"}, "127.0.0.1:5000")
    assert mirrors.resolve_push("index.docker.io/user/app:1") == Location(
        location="127.0.0.1:5000/user/app:1", insecure=True
    )
    assert mirrors.resolve_push("user/app:1").location == "127.0.0.1:5000/user/app:1"
    assert mirrors.resolve_push("ghcr.io/a/b:2") == Location(location="mirror.example/gh/a/b:2")
    assert mirrors.resolve_push("quay.io/a/b") == Location(location="quay.io/a/b:latest")


def test_pulls_ask_the_mirror_first() -> None:
    mirrors = Mirrors({"index.docker.io": "embedded"}, "127.0.0.1:5000")
    assert [place.location for place in mirrors.resolve_pull("python:3")] == [
        "127.0.0.1:5000/library/python:3",
        "docker.io/library/python:3",
    ]


def test_embedded_registry_is_known_by_any_of_its_names() -> None:
    mirrors = Mirrors({"docker.io": "embedded"}, "127.0.0.1:5000")
    assert mirrors.is_embedded("127.0.0.1:5000")
    assert mirrors.is_embedded("registry.hub.docker.com")
    assert not mirrors.is_embedded("ghcr.io")
    assert not mirrors.is_embedded("127.0.0.1")


def test_embedded_needs_an_embedded_registry() -> None:
    with pytest.raises(SettingsError, match="embedded"):
        Mirrors({"docker.io": "embedded"})


@pytest.mark.parametrize("place", ["", "a b", 'x"\ny', "user@host", "host\\x"])
def test_mirror_places_that_would_break_the_settings_file_are_refused(place: str) -> None:
    with pytest.raises(SettingsError):
        Mirrors({"docker.io": place})


def test_registries_conf_names_mirrors_and_the_embedded_registry() -> None:
    text = Mirrors({"docker.io": "embedded"}, "127.0.0.1:5000").registries_conf()
    assert 'prefix = "docker.io"' in text
    assert 'location = "127.0.0.1:5000"\ninsecure = true' in text


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:5000", True),
        ("127.9.9.9", True),
        ("localhost:80", True),
        ("[::1]:80", True),
        ("example.com", False),
        ("10.0.0.1:5000", False),
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
