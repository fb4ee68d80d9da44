"""Ways of applying an object, against a real API server: who owns its fields afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from towline.kube.refs import GroupVersionKind, ObjectKey

ONE = ObjectKey("", "ConfigMap", "story", "one")
CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")
ROLE = ObjectKey("rbac.authorization.k8s.io", "RoleBinding", "story", "b")
KUBECTL = "kubectl-client-side-apply"


def config(**data: str) -> str:
    lines = "".join(f"  {key}: '{value}'\n" for key, value in data.items())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\ndata:\n{lines}"


def synced(commit: str) -> Any:
    def accept(found: Any) -> bool:
        state = found.get("operationState") or {}
        result = state.get("syncResult") or {}
        return (state.get("phase"), result.get("revision")) == ("Succeeded", commit)

    return accept


def owners(obj: Any) -> set[tuple[str, str]]:
    return {(e["manager"], e["operation"]) for e in obj["metadata"]["managedFields"]}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("options", "notes", "author", "data"),
    [
        ([], {}, KUBECTL, {"a": "1"}),
        (["ClientSideApplyMigration=false"], {}, KUBECTL, {"a": "1", "b": "1"}),
        ([], {}, "somebody", {"a": "1", "b": "1"}),
        (
            [],
            {"argocd.argoproj.io/client-side-apply-migration-manager": "somebody"},
            "somebody",
            {"a": "1"},
        ),
    ],
)
async def test_server_side_apply_takes_over_from_the_client_side_applier(
    engine: Any, options: list[str], notes: dict[str, str], author: str, data: dict[str, str]
) -> None:
    await engine.namespace("story")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}
    there = {**body, "data": {"a": "0", "b": "1"}}
    there["metadata"] = {"name": "one", "namespace": "story"}
    await engine.client.create(there, manager=author)
    commit = engine.push({"a.yaml": config(a="1", b="1")})
    policy = {"automated": {}, "syncOptions": ["ServerSideApply=true", *options]}
    await engine.create_app("story", {"syncPolicy": policy}, annotations=notes)
    await engine.until_app("story", synced(commit))
    second = {"status": "Synced", "revision": engine.push({"a.yaml": config(a="1")})}
    await engine.until_app("story", lambda s: second.items() <= s["sync"].items())
    found = await engine.client.get(CONFIG_MAP, "story", "one")
    assert found["data"] == data
    assert ((author, "Update") in owners(found)) is (data != {"a": "1"})


@pytest.mark.asyncio
async def test_replace_leaves_no_record_of_an_apply(engine: Any) -> None:
    policy = {"automated": {}, "syncOptions": ["Replace=true"]}
    first = engine.push({"a.yaml": config(a="1", b="1")})
    await engine.create_app("story", {"syncPolicy": policy})
    app = await engine.until_app("story", synced(first))
    (result,) = app["status"]["operationState"]["syncResult"]["resources"]
    assert result["message"] == "configmap/one created"
    app = await engine.until_app("story", synced(engine.push({"a.yaml": config(a="2")})))
    (result,) = app["status"]["operationState"]["syncResult"]["resources"]
    assert result["message"] == "configmap/one replaced"
    found = await engine.client.get(CONFIG_MAP, "story", "one")
    assert (found["data"], owners(found)) == ({"a": "2"}, {("argocd", "Update")})
    assert list(found["metadata"]["annotations"]) == ["argocd.argoproj.io/tracking-id"]


@pytest.mark.asyncio
async def test_an_object_that_nobody_applied_is_taken_with_a_warning(engine: Any) -> None:
    await engine.namespace("story")
    meta = {"name": "one", "namespace": "story"}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"mine": "1"}}
    await engine.client.create(body, manager="somebody")
    commit = engine.push({"a.yaml": config(a="1")})
    await engine.create_app("story", {"syncPolicy": {"automated": {}}})
    app = await engine.until_app("story", synced(commit))
    (result,) = app["status"]["operationState"]["syncResult"]["resources"]
    start = "configmap/one configured. Warning: resource configmaps/one is missing the kubectl"
    assert result["message"].startswith(start)
    found = await engine.client.get(CONFIG_MAP, "story", "one")
    assert found["data"] == {"a": "1", "mine": "1"}


def binding(role: str) -> str:
    group = "rbac.authorization.k8s.io"
    return (
        f"apiVersion: {group}/v1\nkind: RoleBinding\nmetadata: {{name: b}}\n"
        f"roleRef: {{apiGroup: {group}, kind: Role, name: {role}}}\n"
        "subjects: [{kind: ServiceAccount, name: sa, namespace: story}]\n"
    )


@pytest.mark.asyncio
async def test_a_binding_to_another_role_is_made_anew(engine: Any) -> None:
    first = engine.push({"a.yaml": binding("one")})
    await engine.create_app("story", {"syncPolicy": {"automated": {}}})
    app = await engine.until_app("story", synced(first))
    (result,) = app["status"]["operationState"]["syncResult"]["resources"]
    assert result["message"].startswith(
        "rolebinding.rbac.authorization.k8s.io/b reconciled. reconciliation required create\n"
        "\tmissing subjects added:\n\t\t{Kind:ServiceAccount APIGroup: Name:sa Namespace:story}"
    )
    uid = engine.cache.get(ROLE).uid
    app = await engine.until_app("story", synced(engine.push({"a.yaml": binding("two")})))
    (result,) = app["status"]["operationState"]["syncResult"]["resources"]
    assert " reconciliation required recreate" in result["message"]
    assert engine.cache.get(ROLE).uid != uid
    assert engine.cache.get(ROLE).body()["roleRef"]["name"] == "two"


DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")


def deployment(tag: str) -> str:
    pod = f"containers: [{{name: c, image: 'i:{tag}'}}, {{name: side, image: 's:{tag}'}}]"
    return (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 1\n"
        "  selector: {matchLabels: {app: web}}\n"
        f"  template: {{metadata: {{labels: {{app: web}}}}, spec: {{{pod}}}}}\n"
    )


@pytest.mark.asyncio
@pytest.mark.parametrize("options", [["RespectIgnoreDifferences=true"], []])
async def test_what_is_ignored_is_left_as_it_is_when_asked_for(engine: Any, options: Any) -> None:
    first = engine.push({"a.yaml": deployment("1")})
    pointers = ["/spec/replicas", "/spec/template/spec/containers/1/image"]
    spec = {
        "syncPolicy": {"automated": {}, "syncOptions": options},
        "ignoreDifferences": [{"group": "apps", "kind": "Deployment", "jsonPointers": pointers}],
    }
    await engine.create_app("story", spec)
    await engine.until_app("story", synced(first))
    side = {"name": "side", "image": "s:mine"}
    changed = {"replicas": 3, "template": {"spec": {"containers": [side]}}}
    where = {"type": "strategic", "manager": "somebody"}
    await engine.client.patch(DEPLOYMENT, "story", "web", {"spec": changed}, **where)
    second = engine.push({"a.yaml": deployment("2")})
    await engine.until_app("story", synced(second))
    found = (await engine.client.get(DEPLOYMENT, "story", "web"))["spec"]
    images = [one["image"] for one in found["template"]["spec"]["containers"]]
    kept = (3, ["i:2", "s:mine"])
    assert (found["replicas"], images) == (kept if options else (1, ["i:2", "s:2"]))
