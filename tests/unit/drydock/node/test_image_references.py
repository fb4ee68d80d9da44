import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.drydock.node.images import (
    Credentials,
    ImageInfo,
    credentials_for,
    full_reference,
    pull_policy,
)

_DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("flask", "docker.io/library/flask:latest"),
        ("flask:1", "docker.io/library/flask:1"),
        ("me/app:1", "docker.io/me/app:1"),
        ("index.docker.io/me/app", "docker.io/me/app:latest"),
        ("localhost/x:1", "localhost/x:1"),
        ("127.0.0.1:5000/a/b:1", "127.0.0.1:5000/a/b:1"),
        ("ghcr.io/a/b", "ghcr.io/a/b:latest"),
        (f"ghcr.io/a/b:1@{_DIGEST}", f"ghcr.io/a/b@{_DIGEST}"),
        ("", ""),
        ("a b", ""),
        ("-x", ""),
        ("x:", ""),
        ("ghcr.io/UP/x", ""),
    ],
)
def test_references_are_completed(image: str, expected: str) -> None:
    assert full_reference(image) == expected


@given(st.text(max_size=60))
def test_any_text_is_a_reference_or_none(text: str) -> None:
    found = full_reference(text)
    assert not found.startswith("-")
    assert full_reference(found) == found


@pytest.mark.parametrize(
    ("container", "policy"),
    [
        ({"image": "a"}, "Always"),
        ({"image": "a:latest"}, "Always"),
        ({"image": "a:1"}, "IfNotPresent"),
        ({"image": f"a@{_DIGEST}"}, "IfNotPresent"),
        ({"image": "a", "imagePullPolicy": "Never"}, "Never"),
    ],
)
def test_the_pull_policy_has_a_default(container: dict[str, str], policy: str) -> None:
    assert pull_policy(container) == policy


@pytest.mark.parametrize(
    ("digests", "reference", "expected"),
    [
        (("x.io/a@sha256:1", "y.io/b@sha256:2"), "y.io/b:7", "y.io/b@sha256:2"),
        (("x.io/a@sha256:1", "y.io/b@sha256:2"), "y.io/b@sha256:9", "y.io/b@sha256:2"),
        (("x.io:5000/a@sha256:1",), "x.io:5000/a:7", "x.io:5000/a@sha256:1"),
        (("x.io/a@sha256:1",), "y.io/b:7", "x.io/a@sha256:1"),
        ((), "y.io/b:7", "id"),
    ],
)
def test_an_image_is_named_by_the_digest_of_its_repository(
    digests: tuple[str, ...], reference: str, expected: str
) -> None:
    assert ImageInfo(id="id", digests=digests).identity(reference) == expected


def _secret(auths: Any, key: str = ".dockerconfigjson") -> dict[str, Any]:
    body = {"auths": auths} if key == ".dockerconfigjson" else auths
    return {"data": {key: base64.b64encode(msgspec.json.encode(body)).decode()}}


def _auth(user: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:p:w".encode()).decode()}


@pytest.mark.parametrize(
    ("server", "reference", "fits"),
    [
        ("https://index.docker.io/v1/", "docker.io/me/app:1", True),
        ("ghcr.io", "ghcr.io/a/b:1", True),
        ("ghcr.io/a", "ghcr.io/a/b:1", True),
        ("ghcr.io/a/b", "ghcr.io/a/b:1", True),
        ("ghcr.io/a", "ghcr.io/ab/c:1", False),
        ("ghcr.io", "ghcr.io.evil.example/a:1", False),
        ("127.0.0.1:5000", "127.0.0.1:5000/x:1", True),
        ("127.0.0.1", "127.0.0.1:5000/x:1", True),
        ("", "docker.io/me/app:1", False),
    ],
)
def test_credentials_are_given_to_their_registry_only(
    server: str, reference: str, *, fits: bool
) -> None:
    found = credentials_for(reference, [_secret({server: _auth("u")})])
    assert found == (Credentials("u", "p:w") if fits else None)


def test_the_longest_path_wins() -> None:
    secrets = [_secret({"ghcr.io": _auth("wide"), "ghcr.io/a": _auth("near")})]
    assert credentials_for("ghcr.io/a/b:1", secrets) == Credentials("near", "p:w")


def test_the_old_form_and_plain_fields_are_read() -> None:
    secret = _secret({"ghcr.io": {"username": "u", "password": "s"}}, ".dockercfg")
    assert credentials_for("ghcr.io/x:1", [secret]) == Credentials("u", "s")


@pytest.mark.parametrize(
    "data", [{}, {".dockerconfigjson": "%%"}, {".dockerconfigjson": "W10="}, {".dockercfg": "MQ=="}]
)
def test_a_secret_that_cannot_be_read_gives_nothing(data: dict[str, str]) -> None:
    assert credentials_for("ghcr.io/x:1", [{"data": data}]) is None
