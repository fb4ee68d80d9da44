"""Credentials go to the repository they are for, and to no look-alike."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest

from towline.app.credentials import RepositoryCredentials
from towline.kube.refs import GroupKind, GroupVersionKind, ObjectKey
from towline.kubeclient.objects import CachedObject

pytestmark = pytest.mark.asyncio


class Cache:
    """Holds Secrets."""

    def __init__(self, *secrets: dict[str, Any]) -> None:
        self._secrets = [cached(secret) for secret in secrets]

    def objects(self, kind: GroupKind, namespace: str) -> list[CachedObject]:
        assert (kind, namespace) == (GroupKind("", "Secret"), "argocd")
        return self._secrets


def cached(obj: dict[str, Any]) -> CachedObject:
    return CachedObject(
        key=ObjectKey("", "Secret", "argocd", "x"),
        gvk=GroupVersionKind("", "v1", "Secret"),
        uid="u",
        resource_version="1",
        labels=obj["metadata"]["labels"],
        annotations={},
        owner_references=(),
        deletion_timestamp="",
        creation_timestamp="",
        generation=0,
        raw=orjson.dumps(obj),
    )


def secret(kind: str, **data: str) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"argocd.argoproj.io/secret-type": kind}},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


def credentials(*secrets: dict[str, Any]) -> RepositoryCredentials:
    return RepositoryCredentials(
        Cache(*secrets),  # type: ignore[arg-type]
        "argocd",
        forge="http://127.0.0.1:3000",
        forge_token=lambda: "forge-token",
    )


async def test_the_local_forge_is_opened_with_its_own_token() -> None:
    found = await credentials()("http://127.0.0.1:3000/a/b.git")
    assert found is not None
    assert found.password == "forge-token"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:30001/a/b.git", "http://127.0.0.1:3000.evil.test/a.git", "https://h/a.git"],
)
async def test_s31_the_forge_token_goes_nowhere_else(url: str) -> None:
    assert await credentials()(url) is None


async def test_own_entry_first_then_the_longest_prefix() -> None:
    lookup = credentials(
        secret("repo-creds", url="https://h/team", username="t", password="team"),
        secret("repo-creds", url="https://h/team/special", username="s", password="special"),
        secret("repository", url="https://h/team/own.git", username="o", password="own"),
        secret("repository", url="https://h/team/bare.git"),
    )

    async def password(url: str) -> str | None:
        found = await lookup(url)
        return found.password if found else None

    assert await password("https://h/team/own") == "own"
    assert await password("https://h/team/bare.git") == "team"
    assert await password("https://h/team/special/x.git") == "special"
    assert await password("https://h/team-evil/x.git") is None
    assert await password("https://h/other.git") is None
