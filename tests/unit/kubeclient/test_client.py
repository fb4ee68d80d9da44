from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from towline.errors import TransientError
from towline.kube.refs import GroupKind, GroupVersionKind
from towline.kube.status import ApiError
from towline.kubeclient import ClusterAccess, KubeClient, UnknownKindError

CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")
WIDGET = GroupVersionKind("ex.com", "v1", "Widget")


@pytest.mark.asyncio
async def test_get_returns_the_object_or_none(api: Any, client: KubeClient) -> None:
    api.put("configmaps", "default", "a", data={"k": "v"})
    found = await client.get(CONFIG_MAP, "default", "a")
    assert found is not None
    assert found["data"] == {"k": "v"}
    assert await client.get(CONFIG_MAP, "default", "none") is None


@pytest.mark.asyncio
async def test_sends_token_and_user_agent(api: Any, client: KubeClient) -> None:
    await client.get(CONFIG_MAP, "default", "a")
    headers = api.requests[-1][3]
    assert headers["Authorization"] == "Bearer t0ken"
    assert headers["User-Agent"] == "towline"


@pytest.mark.asyncio
async def test_list_reads_every_page_and_names_the_kind(
    api: Any, client: KubeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1203):
        api.put("configmaps", "default", f"n{number:04}")
    items, version = await client.list(CONFIG_MAP, label_selector="a=b")
    assert [item["metadata"]["name"] for item in items] == [f"n{n:04}" for n in range(1203)]
    assert version == str(api.revision)
    assert items[0]["kind"] == "ConfigMap"
    assert items[0]["apiVersion"] == "v1"
    assert api.requests[-1][2] == {"limit": "500", "continue": "1000", "labelSelector": "a=b"}


@pytest.mark.asyncio
async def test_unknown_kind_is_asked_for_again_and_then_an_error(
    api: Any, client: KubeClient
) -> None:
    with pytest.raises(UnknownKindError, match=r'no matches for kind "Widget" in version "ex\.com'):
        await client.get(WIDGET, "default", "w")
    api.kinds["ex.com/v1"] = {"widgets": ("Widget", True)}
    assert await client.get(WIDGET, "default", "w") is None


@pytest.mark.asyncio
async def test_a_kind_that_vanished_is_not_an_absent_object(api: Any, client: KubeClient) -> None:
    api.kinds["ex.com/v1"] = {"widgets": ("Widget", True)}
    assert await client.get(WIDGET, "default", "w") is None
    del api.kinds["ex.com/v1"]
    with pytest.raises(UnknownKindError):
        await client.get(WIDGET, "default", "w")


@pytest.mark.asyncio
@pytest.mark.parametrize("legacy", [False, True])
async def test_discovery_knows_scope_verbs_and_paths(
    api: Any, client: KubeClient, legacy: bool
) -> None:
    api.legacy = legacy
    found = await client.discovery.resource(GroupKind("", "ConfigMap"))
    assert found is not None
    assert found.gvk == CONFIG_MAP
    assert found.watchable
    assert found.subresources == ("status",)
    assert found.path("ns", "a", "status") == "/api/v1/namespaces/ns/configmaps/a/status"
    assert await client.path_of(GroupKind("", "Namespace"), "", "x") == "/api/v1/namespaces/x"
    assert await client.path_of(CONFIG_MAP, "", "x") == "/api/v1/namespaces/default/configmaps/x"


@pytest.mark.asyncio
@pytest.mark.parametrize("legacy", [False, True])
async def test_a_group_that_cannot_be_discovered_keeps_its_kinds(
    api: Any, client: KubeClient, legacy: bool
) -> None:
    api.legacy = legacy
    api.kinds["ex.com/v1"] = {"widgets": ("Widget", True)}
    assert await client.discovery.resource(WIDGET) is not None
    api.broken_groups.add("ex.com/v1")
    await client.discovery.refresh()
    assert client.discovery.known(WIDGET) is not None


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["..", "a/b", "a%2fb"])
async def test_a_name_cannot_leave_its_path(client: KubeClient, name: str) -> None:
    with pytest.raises(ApiError, match="cannot be a name"):
        await client.get(CONFIG_MAP, "default", name)


@pytest.mark.asyncio
async def test_s30_credentials_do_not_follow_a_redirect(api: Any, client: KubeClient) -> None:
    await client.discovery.refresh()
    elsewhere = {"Location": f"{api.url}/elsewhere"}
    api.answers = [lambda _: web.Response(status=307, headers=elsewhere)]
    with pytest.raises(ApiError, match="redirect"):
        await client.get(CONFIG_MAP, "default", "a")
    assert not [request for request in api.requests if request[1] == "/elsewhere"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("code", "headers", "details", "wait"),
    [
        (429, {"Retry-After": "3"}, {}, 3.0),
        (504, {}, {"retryAfterSeconds": 1}, 1.0),
        (500, {}, {}, None),
        (503, {"Retry-After": "soon"}, {}, None),
    ],
)
async def test_overload_is_transient_with_the_wait_asked_for(
    api: Any,
    client: KubeClient,
    make_status: Callable[..., web.Response],
    code: int,
    headers: dict[str, str],
    details: dict[str, Any],
    wait: float | None,
) -> None:
    await client.discovery.refresh()
    answer = make_status(code, "Timeout", "later", details)
    answer.headers.update(headers)
    api.answers = [lambda _: answer]
    with pytest.raises(TransientError, match="later") as caught:
        await client.get(CONFIG_MAP, "default", "a")
    assert caught.value.retry_after == wait


@pytest.mark.asyncio
async def test_refusal_carries_reason_and_details(
    api: Any, client: KubeClient, make_status: Callable[..., web.Response]
) -> None:
    await client.discovery.refresh()
    api.answers = [lambda _: make_status(409, "Conflict", "modified", {"name": "a"})]
    with pytest.raises(ApiError) as caught:
        await client.create({"apiVersion": "v1", "kind": "ConfigMap"}, manager="me")
    assert (caught.value.reason, caught.value.code) == ("Conflict", 409)


@pytest.mark.asyncio
async def test_no_server_is_transient() -> None:
    async with KubeClient(ClusterAccess(server="http://127.0.0.1:9")) as client:
        with pytest.raises(TransientError, match=r"no answer from the Kubernetes API at 127\.0"):
            await client.discovery.refresh()


@pytest.mark.asyncio
async def test_patch_types_and_write_options_are_on_the_wire(api: Any, client: KubeClient) -> None:
    await client.discovery.refresh()
    api.answers = [lambda _: web.json_response({})] * 3
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "n"}}
    await client.apply(body, manager="m", dry_run=True)
    await client.patch(CONFIG_MAP, "n", "a", [{"op": "test"}], type="json", manager="m")
    await client.delete(CONFIG_MAP, "n", "a", propagation="Foreground", uid="u", grace=0)
    apply, patch, delete = api.requests[-3:]
    assert apply[2] == {"fieldManager": "m", "dryRun": "All", "force": "true"}
    assert apply[3]["Content-Type"] == "application/apply-patch+yaml"
    assert patch[3]["Content-Type"] == "application/json-patch+json"
    assert json.loads(delete[4]) == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Foreground",
        "preconditions": {"uid": "u"},
        "gracePeriodSeconds": 0,
    }
