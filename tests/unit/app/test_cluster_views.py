"""What the application layer reads from the cluster: one broken object must not hide the others."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from towline.app.applications import ApplicationViews
from towline.app.credentials import RepositoryCredentials
from towline.app.hooks import HookSecretSources
from towline.argo.application import parse_application
from towline.kube.refs import gvk_of
from towline.kubeclient.objects import CachedObject, cached_object

LABEL = {"argocd.argoproj.io/secret-type": "repository"}


class Cache:
    def __init__(self, *objects: dict[str, Any]) -> None:
        found = [cached_object(orjson.dumps(one), gvk_of(one)) for one in objects]
        self.found = {one.key: one for one in found}

    def get(self, key: Any) -> CachedObject | None:
        return self.found.get(key)

    def objects(self, kind: Any, namespace: str | None = None) -> list[CachedObject]:
        return [one for one in self.found.values() if one.gvk.group_kind == kind]


def secret(name: str, labels: dict[str, str] | None = None, **values: str | None) -> dict[str, Any]:
    data = {
        key: value and base64.b64encode(value.encode()).decode() for key, value in values.items()
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "argocd", "labels": labels or {}},
        "data": data,
    }


@pytest.mark.asyncio
@pytest.mark.parametrize("broken", [None, "%%%", 5, {"a": 1}])
async def test_s65_a_broken_secret_does_not_hide_the_credentials_of_the_others(broken: Any) -> None:
    poison = secret("a-poison", LABEL)
    poison["data"] = {"url": broken, "password": "é"}
    good = secret("good", LABEL, url="https://git.test/a/b", username="u", password="p")
    cache: Any = Cache(poison, {**secret("bare", LABEL), "data": None}, good)
    found = await RepositoryCredentials(cache, "argocd")("https://git.test/a/b.git")
    assert found is not None
    assert (found.username, found.password) == ("u", "p")


def pipeline(name: str, url: str) -> Any:
    reference = SimpleNamespace(name="hook", key="secret")
    return SimpleNamespace(
        name=name,
        namespace="argocd",
        source=SimpleNamespace(repo_url=url),
        webhook=SimpleNamespace(secret_ref=reference),
    )


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("provider", "url", "names"),
    [
        ("github", "https://git.test/o/r.git", ["o/r"]),
        ("github", "git@git.test:o/r.git", ["o/r"]),
        ("gitea", "https://git.test/gitea/o/r", ["o/r"]),
        ("gitlab", "https://git.test/group/sub/r.git", ["group/sub/r"]),
        ("github", "https://[bad/o/r.git", []),
        ("github", "", []),
        ("github", "https://git.test/", []),
    ],
)
async def test_s65_hooks_are_for_one_repository_and_a_bad_url_is_no_hook(
    provider: str, url: str, names: list[str]
) -> None:
    async def none(_: str) -> list[Any]:
        return []

    store: Any = SimpleNamespace(hooks=SimpleNamespace(secrets=none))
    pipelines: Any = SimpleNamespace(
        all=lambda: [pipeline("x", url), pipeline("y", "https://git.test/other/one")]
    )
    cache: Any = Cache(secret("hook", secret="s3cret"))
    hooks = await HookSecretSources(store, cache, pipelines, "argocd").secrets(provider)
    assert [hook.full_name for hook in hooks] == [*names, "other/one"]
    assert {hook.secret for hook in hooks} == {b"s3cret"}


def test_an_application_that_cannot_be_read_still_has_a_page() -> None:
    app = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "web", "namespace": "argocd"},
        "spec": {"source": 5},
    }
    cache: Any = Cache(app)
    client: Any = None
    views = ApplicationViews(
        client, cache, "argocd", lambda raw: [{"name": parse_application(raw).name}]
    )
    assert views.tree("web") == []
