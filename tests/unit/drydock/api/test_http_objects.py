"""CRUD, lists, patches and subresources over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio

Obj = dict[str, Any]

MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
MERGE = {"content-type": "application/merge-patch+json"}
JSON_PATCH = {"content-type": "application/json-patch+json"}
STRATEGIC = {"content-type": "application/strategic-merge-patch+json"}
APPLY = {"content-type": "application/apply-patch+yaml"}
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}


def config_map(name: str, **labels: str) -> Obj:
    return {"metadata": {"name": name, "labels": labels}, "data": {"k": "v"}}


def pod(name: str = "p") -> Obj:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "x"}]}}


def deployment() -> Obj:
    template = {
        "metadata": {"labels": {"a": "b"}},
        "spec": {"containers": [{"name": "c", "image": "x"}, {"name": "d", "image": "y"}]},
    }
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    return {"metadata": {"name": "web"}, "spec": spec}


async def create(api: Any, url: str, body: Obj) -> Obj:
    reply = await api.request("POST", url, body)
    assert reply.status == 201, reply.body
    return reply.json()


async def test_an_object_lives_from_post_to_delete(api: Any) -> None:
    made = await create(api, MAPS, config_map("a"))
    assert (await api.get(f"{MAPS}/a")).json() == made
    put = await api.request("PUT", f"{MAPS}/a", {**made, "data": {"k": "2"}})
    assert put.json()["data"] == {"k": "2"}
    stale = await api.request("PUT", f"{MAPS}/a", {**made, "data": {"k": "3"}})
    assert (stale.status, stale.json()["reason"]) == (409, "Conflict")
    gone = await api.request("DELETE", f"{MAPS}/a")
    assert gone.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]},
    }
    assert (await api.get(f"{MAPS}/a")).status == 404


async def test_the_field_manager_is_the_parameter_or_the_user_agent(api: Any) -> None:
    reply = await api.request(
        "POST", MAPS, config_map("a"), headers={"user-agent": "tool/1.0 (linux)"}
    )
    assert reply.json()["metadata"]["managedFields"][0]["manager"] == "tool"
    reply = await api.request("POST", f"{MAPS}?fieldManager=me", config_map("b"))
    assert reply.json()["metadata"]["managedFields"][0]["manager"] == "me"


async def test_unknown_and_doubled_fields_follow_the_validation_mode(api: Any) -> None:
    body = {**config_map("a"), "foo": 1}
    strict = await api.request("POST", f"{MAPS}?fieldValidation=Strict", body)
    assert strict.status == 400
    warned = await api.request("POST", f"{MAPS}?fieldValidation=Warn&dryRun=All", body)
    assert warned.headers["warning"] == '299 - "unknown field \\"foo\\""'
    ignored = await api.request("POST", f"{MAPS}?fieldValidation=Ignore", body)
    assert "warning" not in ignored.headers
    doubled = b'{"metadata":{"name":"b","name":"c"}}'
    reply = await api.request("POST", f"{MAPS}?fieldValidation=Strict", body=doubled)
    assert reply.status == 400
    assert 'duplicate field "metadata.name"' in reply.json()["message"].replace('\\"', '"')


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("dryRun=x", 'dryRun: Unsupported value: ["x"]: supported values: "All"'),
        ("fieldValidation=x", "fieldValidation: Unsupported value"),
        ("fieldManager=" + "x" * 200, "fieldManager: Too long"),
    ],
)
async def test_options_without_meaning_are_refused(api: Any, query: str, text: str) -> None:
    reply = await api.request("POST", f"{MAPS}?{query}", config_map("a"))
    assert reply.status == 422
    assert text in reply.json()["message"]


async def test_merge_patch_removes_by_null(api: Any) -> None:
    await create(api, MAPS, config_map("a"))
    patch = {"data": {"k": None, "x": "y"}}
    reply = await api.request("PATCH", f"{MAPS}/a", patch, headers=MERGE)
    assert (reply.status, reply.json()["data"]) == (200, {"x": "y"})


async def test_json_patch_tests_and_refuses(api: Any) -> None:
    await create(api, MAPS, config_map("a"))
    good = [
        {"op": "test", "path": "/data/k", "value": "v"},
        {"op": "replace", "path": "/data/k", "value": "2"},
    ]
    reply = await api.request("PATCH", f"{MAPS}/a", good, headers=JSON_PATCH)
    assert reply.json()["data"] == {"k": "2"}
    reply = await api.request("PATCH", f"{MAPS}/a", good, headers=JSON_PATCH)
    assert reply.status == 422
    many = [good[0]] * 10_001
    reply = await api.request("PATCH", f"{MAPS}/a", many, headers=JSON_PATCH)
    assert reply.status == 413


async def test_strategic_patch_merges_lists_by_key(api: Any) -> None:
    await create(api, DEPLOYMENTS, deployment())
    containers = [{"name": "c", "image": "z"}]
    patch = {"spec": {"template": {"spec": {"containers": containers}}}}
    reply = await api.request("PATCH", f"{DEPLOYMENTS}/web", patch, headers=STRATEGIC)
    found = reply.json()["spec"]["template"]["spec"]["containers"]
    assert [(c["name"], c["image"]) for c in found] == [("c", "z"), ("d", "y")]


@pytest.mark.parametrize(
    ("media", "status"), [("text/plain", 415), ("", 415), ("application/json", 415)]
)
async def test_unknown_patch_types_are_refused(api: Any, media: str, status: int) -> None:
    await create(api, MAPS, config_map("a"))
    reply = await api.request("PATCH", f"{MAPS}/a", {}, headers={"content-type": media})
    assert reply.status == status


async def test_a_patch_may_name_the_version_that_it_expects(api: Any) -> None:
    await create(api, MAPS, config_map("a"))
    patch = {"metadata": {"resourceVersion": "1"}, "data": {"x": "y"}}
    reply = await api.request("PATCH", f"{MAPS}/a", patch, headers=MERGE)
    assert (reply.status, reply.json()["reason"]) == (409, "Conflict")


async def test_apply_needs_a_manager_and_creates_what_is_absent(api: Any) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}}
    reply = await api.request("PATCH", f"{MAPS}/a", body, headers=APPLY)
    assert reply.status == 422
    assert "fieldManager: Required value: is required for apply patch" in reply.json()["message"]
    url = f"{MAPS}/a?fieldManager=me"
    assert (await api.request("PATCH", url, body, headers=APPLY)).status == 201
    assert (await api.request("PATCH", url, body, headers=APPLY)).status == 200
    other = {**body, "data": {"x": "2"}}
    clash = await api.request("PATCH", f"{MAPS}/a?fieldManager=you", other, headers=APPLY)
    assert clash.status == 409
    cause = clash.json()["details"]["causes"][0]
    assert (cause["reason"], cause["field"]) == ("FieldManagerConflict", ".data.x")
    forced = await api.request(
        "PATCH", f"{MAPS}/a?fieldManager=you&force=true", other, headers=APPLY
    )
    assert forced.json()["data"] == {"x": "2"}
    wrong = {**body, "kind": "Secret"}
    reply = await api.request("PATCH", url, wrong, headers=APPLY)
    assert reply.status == 400


async def test_scale_is_an_object_of_its_own(api: Any) -> None:
    await create(api, DEPLOYMENTS, deployment())
    scale = (await api.get(f"{DEPLOYMENTS}/web/scale")).json()
    assert scale["kind"] == "Scale"
    assert scale["spec"] == {"replicas": 1}
    reply = await api.request(
        "PATCH", f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": 4}}, headers=MERGE
    )
    assert reply.json()["spec"] == {"replicas": 4}
    reply = await api.request("PUT", f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": -1}})
    assert reply.status == 422
    reply = await api.request("PUT", f"{DEPLOYMENTS}/web/scale", {"kind": "Deployment"})
    assert reply.status == 400
    assert (await api.get(f"{DEPLOYMENTS}/web")).json()["spec"]["replicas"] == 4


async def test_lists_are_selected_ordered_and_cut_into_pages(api: Any) -> None:
    for number in range(7):
        await create(api, MAPS, config_map(f"m{number}", even=str(number % 2 == 0).lower()))
    first = (await api.get(f"{MAPS}?limit=3")).json()
    assert [item["metadata"]["name"] for item in first["items"]] == ["m0", "m1", "m2"]
    assert first["metadata"]["remainingItemCount"] == 4
    assert "kind" not in first["items"][0]
    await create(api, MAPS, config_map("m2a"))
    token = first["metadata"]["continue"]
    second = (await api.get(f"{MAPS}?limit=9&continue={token}")).json()
    assert [item["metadata"]["name"] for item in second["items"]] == ["m3", "m4", "m5", "m6"]
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    even = (await api.get(f"{MAPS}?labelSelector=even%3Dtrue&limit=2")).json()
    assert [item["metadata"]["name"] for item in even["items"]] == ["m0", "m2"]
    assert "remainingItemCount" not in even["metadata"]
    one = (await api.get("/api/v1/configmaps?fieldSelector=metadata.name%3Dm3")).json()
    assert [item["metadata"]["name"] for item in one["items"]] == ["m3"]


async def test_a_page_whose_snapshot_is_gone_offers_to_go_on(api: Any) -> None:
    for number in range(4):
        await create(api, MAPS, config_map(f"m{number}"))
    token = (await api.get(f"{MAPS}?limit=2")).json()["metadata"]["continue"]
    await create(api, MAPS, config_map("m9"))
    await api.registry.store.compact(keep_seconds=-10, keep_changes=100)
    reply = await api.get(f"{MAPS}?continue={token}")
    assert (reply.status, reply.json()["reason"]) == (410, "Expired")
    fresh = reply.json()["details"]["continue"]
    rest = (await api.get(f"{MAPS}?continue={fresh}")).json()
    assert [item["metadata"]["name"] for item in rest["items"]] == ["m2", "m3", "m9"]


async def test_an_exact_version_is_served_from_history(api: Any) -> None:
    made = await create(api, MAPS, config_map("a"))
    version = made["metadata"]["resourceVersion"]
    await create(api, MAPS, config_map("b"))
    url = f"{MAPS}?resourceVersion={version}&resourceVersionMatch=Exact"
    assert len((await api.get(url)).json()["items"]) == 1
    newer = f"{MAPS}?resourceVersion={version}&resourceVersionMatch=NotOlderThan"
    assert len((await api.get(newer)).json()["items"]) == 2


async def test_tables_have_a_row_for_each_object(api: Any) -> None:
    await create(api, PODS, pod())
    table = (await api.request("GET", PODS, headers=TABLE)).json()
    names = [column["name"] for column in table["columnDefinitions"]]
    assert names[:5] == ["Name", "Ready", "Status", "Restarts", "Age"]
    row = table["rows"][0]
    assert row["cells"][:3] == ["p", "0/1", "Pending"]
    assert row["object"]["kind"] == "PartialObjectMetadata"
    whole = (await api.request("GET", f"{PODS}?includeObject=Object", headers=TABLE)).json()
    assert whole["rows"][0]["object"]["spec"]["containers"]
    one = (await api.request("GET", f"{PODS}/p", headers=TABLE)).json()
    assert (one["kind"], len(one["rows"])) == ("Table", 1)


async def test_deletecollection_honours_the_selector(api: Any) -> None:
    for name in ("a", "b", "c"):
        await create(api, MAPS, config_map(name, keep="yes" if name == "b" else "no"))
    reply = await api.request("DELETE", f"{MAPS}?labelSelector=keep%3Dno")
    assert [item["metadata"]["name"] for item in reply.json()["items"]] == ["a", "c"]
    left = (await api.get(MAPS)).json()["items"]
    assert [item["metadata"]["name"] for item in left] == ["b"]


async def test_delete_options_come_from_body_or_query(api: Any) -> None:
    await create(api, MAPS, config_map("a"))
    options = {"kind": "DeleteOptions", "preconditions": {"uid": "x"}}
    assert (await api.request("DELETE", f"{MAPS}/a", options)).status == 409
    reply = await api.request("DELETE", f"{MAPS}/a?propagationPolicy=Foreground")
    assert reply.json()["metadata"]["finalizers"] == ["foregroundDeletion"]
    reply = await api.request("DELETE", f"{MAPS}/a?propagationPolicy=Sideways")
    assert reply.status == 422


async def test_a_pod_is_bound_once(api: Any) -> None:
    await create(api, PODS, pod())
    binding = {"target": {"kind": "Node", "name": "n1"}}
    assert (await api.request("POST", f"{PODS}/p/binding", binding)).status == 201
    found = (await api.get(f"{PODS}/p")).json()
    assert found["spec"]["nodeName"] == "n1"
    assert found["status"]["conditions"][0]["type"] == "PodScheduled"
    again = await api.request("POST", f"{PODS}/p/binding", binding)
    assert again.status == 409
    assert 'pod p is already assigned to node "n1"' in again.json()["message"]


async def test_eviction_respects_budgets(api: Any) -> None:
    body = pod()
    body["metadata"]["labels"] = {"a": "b"}
    await create(api, PODS, body)
    running = {"status": {"phase": "Running"}}
    await api.request("PATCH", f"{PODS}/p/status", running, headers=MERGE)
    budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
    spec = {"selector": {"matchLabels": {"a": "b"}}, "minAvailable": 1}
    await create(api, budgets, {"metadata": {"name": "x"}, "spec": spec})
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}
    refused = await api.request("POST", f"{PODS}/p/eviction", eviction)
    assert refused.status == 429
    assert refused.json()["details"]["causes"][0]["reason"] == "DisruptionBudget"
    await api.request("DELETE", f"{budgets}/x")
    assert (await api.request("POST", f"{PODS}/p/eviction", eviction)).status == 201
    assert (await api.get(f"{PODS}/p")).status == 404


async def test_parts_that_need_a_node_say_so(api: Any) -> None:
    await create(api, PODS, pod())
    assert (await api.get(f"{PODS}/p/log")).status == 400
    for part in ("exec?command=ls", "attach", "portforward"):
        reply = await api.request("POST", f"{PODS}/p/{part}", None)
        assert reply.status == 400
        assert reply.json()["message"] == "pod p does not have a host assigned"
    assert (await api.request("GET", f"{PODS}/p/proxy", None)).status == 501


async def test_the_newer_events_api_shows_the_same_events(api: Any) -> None:
    base = "/apis/events.k8s.io/v1/namespaces/default/events"
    body = {
        "metadata": {"name": "e"},
        "regarding": {"kind": "Pod", "name": "p", "namespace": "default"},
        "note": "hello",
        "reason": "R",
        "action": "A",
        "type": "Normal",
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "c",
        "reportingInstance": "i",
    }
    await create(api, base, body)
    core = (await api.get("/api/v1/namespaces/default/events/e")).json()
    assert (core["message"], core["involvedObject"]["name"]) == ("hello", "p")
    found = (await api.get(f"{base}?fieldSelector=regarding.name%3Dp")).json()
    assert found["items"][0]["note"] == "hello"


async def test_warnings_of_deletion_reach_the_client(api: Any) -> None:
    jobs = "/apis/batch/v1/namespaces/default/jobs"
    spec = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}
    await create(api, jobs, {"metadata": {"name": "j"}, "spec": {"template": {"spec": spec}}})
    reply = await api.request("DELETE", f"{jobs}/j")
    assert "child pods are preserved by default" in reply.headers["warning"]


async def test_large_answers_are_compressed_when_the_client_can(api: Any) -> None:
    body = {"metadata": {"name": "a"}, "data": {"k": "x" * 200_000}}
    await create(api, MAPS, body)
    packed = await api.get(f"{MAPS}/a", **{"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    plain = await api.get(f"{MAPS}/a")
    assert "content-encoding" not in plain.headers
    assert json.loads(plain.body)["data"]["k"].startswith("xxx")
