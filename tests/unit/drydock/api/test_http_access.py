"""Requests of users who may not do everything."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
import pytest_asyncio

from towline.drydock.api.messages import CERTIFIED, Request
from towline.drydock.auth.attributes import Attributes
from towline.drydock.auth.bootstrap import defaults, ensure_roles
from towline.drydock.auth.peers import certified_user
from towline.drydock.auth.user import User
from towline.drydock.storage import StoreKey
from towline.kube.refs import GroupResource

pytestmark = pytest.mark.asyncio

RBAC = "/apis/rbac.authorization.k8s.io/v1"
SPACE = "/api/v1/namespaces/default"
ROLES = f"{RBAC}/namespaces/default/roles"
BINDINGS = f"{RBAC}/namespaces/default/rolebindings"
AS = {"impersonate-user": "u"}


@pytest_asyncio.fixture
async def ruled(api: Any) -> Any:
    """The server with the roles of every cluster."""
    for name in ("kube-system", "kube-public"):
        body = {"metadata": {"name": name}}
        await api.registry.create(GroupResource("", "namespaces"), body, manager="test")
    await ensure_roles(api.registry)
    return api


async def give(api: Any, name: str, user: str, *rules: dict[str, Any]) -> None:
    role = {"metadata": {"name": name}, "rules": list(rules)}
    assert (await api.request("POST", ROLES, role)).status == 201
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    subjects = [{"kind": "User", "name": user}]
    binding = {"metadata": {"name": name}, "subjects": subjects, "roleRef": reference}
    assert (await api.request("POST", BINDINGS, binding)).status == 201


def rule(resources: str, verbs: str) -> dict[str, Any]:
    return {"apiGroups": [""], "resources": resources.split(), "verbs": verbs.split()}


async def account_token(api: Any, name: str) -> str:
    body = {"metadata": {"name": name}}
    await api.request("POST", f"{SPACE}/serviceaccounts", body)
    reply = await api.request("POST", f"{SPACE}/serviceaccounts/{name}/token", {"spec": {}})
    assert reply.status == 201
    token: str = reply.json()["status"]["token"]
    return token


async def test_rights_come_and_go_with_roles_and_bindings(ruled: Any) -> None:
    maps = f"{SPACE}/configmaps"
    assert (await ruled.get(maps, **AS)).status == 403
    await give(ruled, "reader", "u", rule("configmaps", "list"))
    assert (await ruled.get(maps, **AS)).status == 200
    assert (await ruled.get("/api/v1/configmaps", **AS)).status == 403
    role = {"metadata": {"name": "reader"}, "rules": [rule("secrets", "list")]}
    await ruled.request("PUT", f"{ROLES}/reader", role)
    assert (await ruled.get(maps, **AS)).status == 403
    assert (await ruled.get(f"{SPACE}/secrets", **AS)).status == 200
    await ruled.request("DELETE", f"{BINDINGS}/reader")
    assert (await ruled.get(f"{SPACE}/secrets", **AS)).status == 403


async def test_a_refusal_comes_before_any_other_answer(ruled: Any) -> None:
    reply = await ruled.get(f"{SPACE}/configmaps/none", **AS)
    assert reply.status == 403
    assert reply.json()["message"] == (
        'configmaps "none" is forbidden: User "u" cannot get resource "configmaps" in API group ""'
        ' in the namespace "default"'
    )
    assert reply.json()["details"] == {"name": "none", "kind": "configmaps"}
    assert (await ruled.get("/apis/none/v1/x", **AS)).status == 403


async def test_an_account_may_do_what_its_bindings_say(ruled: Any) -> None:
    ruled.token, admin = await account_token(ruled, "robot"), ruled.token
    assert (await ruled.get(f"{SPACE}/pods")).status == 403
    ruled.token, robot = admin, ruled.token
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    role = {"metadata": {"name": "reader"}, "rules": [rule("pods", "list")]}
    subjects = [{"kind": "ServiceAccount", "name": "robot", "namespace": "default"}]
    await ruled.request("POST", ROLES, role)
    binding = {"metadata": {"name": "b"}, "subjects": subjects, "roleRef": reference}
    assert (await ruled.request("POST", BINDINGS, binding)).status == 201
    ruled.token = robot
    assert (await ruled.get(f"{SPACE}/pods")).status == 200
    assert (await ruled.request("POST", f"{SPACE}/pods", {})).status == 403
    ruled.token = admin
    await ruled.request("DELETE", f"{SPACE}/serviceaccounts/robot")
    ruled.token = robot
    assert (await ruled.get(f"{SPACE}/pods")).status == 401


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/version"])
async def test_only_health_and_version_are_for_nobody(ruled: Any, path: str) -> None:
    ruled.token = ""
    assert (await ruled.get(path, authorization="")).status == 200
    assert (await ruled.get("/api", authorization="")).status == 401


async def test_the_issuer_is_described_to_accounts(ruled: Any) -> None:
    ruled.token = await account_token(ruled, "robot")
    reply = await ruled.get("/.well-known/openid-configuration")
    assert reply.status == 200
    assert reply.json()["jwks_uri"] == "https://127.0.0.1:1/openid/v1/jwks"
    keys = await ruled.get("/openid/v1/jwks")
    assert keys.headers["content-type"] == "application/jwk-set+json"
    assert [key["alg"] for key in keys.json()["keys"]] == ["ES256"]
    assert "d" not in keys.json()["keys"][0]
    assert (await ruled.get("/openid/v1/other")).status == 403


async def test_who_may_not_impersonate_does_not(ruled: Any) -> None:
    ruled.token = await account_token(ruled, "robot")
    reply = await ruled.get(f"{SPACE}/pods", **{"impersonate-user": "admin"})
    assert reply.status == 403
    assert 'cannot impersonate resource "users"' in reply.json()["message"]
    masters = {"impersonate-user": "robot", "impersonate-group": "system:masters"}
    assert (await ruled.get(f"{SPACE}/pods", **masters)).status == 403
    account = "system:serviceaccount:kube-system:boss"
    reply = await ruled.get(f"{SPACE}/pods", **{"impersonate-user": account})
    assert reply.json()["message"] == (
        'serviceaccounts "boss" is forbidden: User "system:serviceaccount:default:robot" cannot'
        ' impersonate resource "serviceaccounts" in API group "" in the namespace "kube-system"'
    )


async def test_a_patch_cannot_smuggle_rights_in(ruled: Any) -> None:
    rbac = {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["*"], "verbs": ["*"]}
    await give(ruled, "roler", "u", {**rbac, "verbs": ["create", "update", "patch", "get"]})
    wanted = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]
    bodies = {
        "application/merge-patch+json": {"rules": wanted},
        "application/json-patch+json": [{"op": "add", "path": "/rules/0", "value": wanted[0]}],
        "application/apply-patch+yaml": {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "roler"},
            "rules": wanted,
        },
    }
    for kind, body in bodies.items():
        headers = {**AS, "content-type": kind}
        url = f"{ROLES}/roler?fieldManager=m" + ("&force=true" if "apply" in kind else "")
        reply = await ruled.request("PATCH", url, body, headers=headers)
        assert reply.status == 403, kind
        assert "not currently held" in reply.json()["message"]
        dry = await ruled.request("PATCH", f"{url}&dryRun=All", body, headers=headers)
        assert dry.status == 403, kind


async def test_every_cluster_starts_with_the_known_roles(ruled: Any) -> None:
    listed = (await ruled.get(f"{RBAC}/clusterroles")).json()["items"]
    names = {role["metadata"]["name"] for role in listed}
    assert {"cluster-admin", "admin", "edit", "view", "system:discovery"} <= names
    assert len(listed) == sum(1 for each in defaults() if each["kind"] == "ClusterRole")
    before = ruled.registry.store.revision
    await ensure_roles(ruled.registry)
    assert ruled.registry.store.revision == before


async def test_what_was_taken_from_the_known_roles_comes_back(ruled: Any) -> None:
    url = f"{RBAC}/clusterroles/system:discovery"
    role = (await ruled.get(url)).json()
    kept = role["rules"]
    role["rules"] = [{"nonResourceURLs": ["/mine"], "verbs": ["get"]}]
    await ruled.request("PUT", url, role)
    left = f"{RBAC}/clusterroles/system:basic-user"
    other = (await ruled.get(left)).json()
    other["rules"] = []
    other["metadata"]["annotations"] = {"rbac.authorization.kubernetes.io/autoupdate": "false"}
    await ruled.request("PUT", left, other)
    await ensure_roles(ruled.registry)
    rules = (await ruled.get(url)).json()["rules"]
    urls = {url for each in rules for url in each["nonResourceURLs"]}
    assert urls == {"/mine", *kept[0]["nonResourceURLs"]}
    assert not (await ruled.get(left)).json().get("rules")


async def test_a_certificate_names_user_and_groups(ruled: Any) -> None:
    subject = (
        (("organizationName", "readers"),),
        (("organizationName", "others"),),
        (("commonName", "carol"),),
    )
    user = certified_user(subject, b"der")
    assert user is not None
    assert (user.name, user.groups) == ("carol", ("readers", "others", "system:authenticated"))
    assert certified_user(((("organizationName", "system:masters"),),), b"der") is None
    scope = {
        "method": "GET",
        "path": "/api",
        "raw_path": b"/api",
        "query_string": b"",
        "headers": [],
        "state": {CERTIFIED: user},
    }

    async def receive() -> dict[str, Any]:
        return {}

    assert Request(scope, receive).certified is user


async def test_a_decision_is_quick(ruled: Any) -> None:
    """Loose bounds: the point is that no decision walks through all bindings."""
    for number in range(20):
        await give(ruled, f"r{number}", "u", rule("configmaps pods", "get list"))
    authorizer = ruled.app._access.authorizer
    user = User("u", ("g", "system:authenticated"))
    asked = Attributes("get", "", "v1", "secrets", "", "x", "default")
    rounds = 2000
    for who in (user, User("admin", ("system:masters",))):
        start = time.perf_counter()
        for _ in range(rounds):
            authorizer.decide(who, asked)
        assert (time.perf_counter() - start) / rounds < 100e-6


async def test_s65_a_malformed_binding_takes_nobody_elses_rights(ruled: Any) -> None:
    await give(ruled, "reader", "u", rule("configmaps", "list"))
    odd: list[Any] = [None, "x", {"kind": "Group"}]
    for number, subjects in enumerate(([None], "abc", 7, odd)):
        name = f"odd-{number}"
        body = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name, "namespace": "default", "uid": name},
            "subjects": subjects,
        }
        resource = GroupResource("rbac.authorization.k8s.io", "rolebindings")
        await ruled.registry.store.put(StoreKey(resource, "default", name), body)
    assert (await ruled.get(f"{SPACE}/configmaps", **AS)).status == 200
    refused = await ruled.get(f"{SPACE}/secrets", **AS)
    assert refused.status == 403
    assert "odd-0 cannot be read" in refused.json()["message"]


async def test_s67_rights_hold_while_a_thousand_changes_and_reads_go_on(ruled: Any) -> None:
    await give(ruled, "reader", "u", rule("configmaps", "list"))

    async def change(number: int) -> int:
        body = {"metadata": {"name": f"r{number}"}, "rules": [rule("pods", "get")]}
        reply = await ruled.request("POST", ROLES, body)
        status: int = reply.status
        return status

    async def read(number: int) -> int:
        allowed = number % 2 == 0
        plural = "configmaps" if allowed else "secrets"
        status: int = (await ruled.get(f"{SPACE}/{plural}", **AS)).status
        return status if allowed else status - 203

    work = [change(n) for n in range(500)] + [read(n) for n in range(500)]
    answers = await asyncio.gather(*work)
    assert answers[:500] == [201] * 500
    assert set(answers[500:]) == {200}
