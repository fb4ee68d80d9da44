"""Paths, credentials, negotiation, discovery, health."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.mark.parametrize("credentials", ["", "Bearer wrong", "Basic YWRtaW46eA==", "Bearer "])
@pytest.mark.parametrize("url", ["/api", "/apis", "/api/v1/secrets", "/openapi/v3", "/x", "/"])
async def test_nothing_is_told_without_a_valid_token(api: Any, url: str, credentials: str) -> None:
    reply = await api.request("GET", url, headers={"authorization": credentials})
    assert reply.status == 401
    assert reply.json()["reason"] == "Unauthorized"


@pytest.mark.parametrize("url", ["/healthz", "/livez", "/readyz", "/version", "/version/"])
async def test_health_and_version_need_no_token(api: Any, url: str) -> None:
    reply = await api.request("GET", url, headers={"authorization": ""})
    assert reply.status == 200


async def test_s06_an_unauthenticated_body_is_not_read(api: Any) -> None:
    call = api.start(
        "POST",
        MAPS,
        body=b"x" * 1_000_000,
        parts=10,
        headers={"authorization": "Bearer no"},
    )
    while await call.chunks.get() is not None:
        pass
    call.leave()
    assert call.status == 401
    assert call.received == 0


@pytest.mark.parametrize("declared", [True, False])
async def test_s01_a_body_over_the_limit_is_refused_while_it_streams(
    api: Any, declared: bool
) -> None:
    body = b"x" * (8 << 20)
    headers = {"content-length": str(len(body))} if declared else {}
    call = api.start("POST", MAPS, body=body, parts=64, headers=headers)
    whole = b""
    while (chunk := await call.chunks.get()) is not None:
        whole += chunk
    call.leave()
    assert call.status == 413
    assert json.loads(whole)["reason"] == "RequestEntityTooLarge"
    assert call.received <= (3 << 20) + (8 << 20) // 64


@pytest.mark.parametrize(
    ("url", "status", "text"),
    [
        ("/apis/nope.example/v1/things", 404, "404 page not found"),
        ("/api/v2", 404, "404 page not found"),
        ("/nowhere", 404, "404 page not found"),
        ("/api/v1/things", 404, "the server could not find the requested resource"),
        ("/apis/apps/v1/deployments/x", 404, "the server could not find the requested resource"),
        (f"{MAPS}/no", 404, 'configmaps \\"no\\" not found'),
        (f"{MAPS}/no/status", 404, "the server could not find the requested resource"),
        (f"{MAPS}?labelSelector=a%3D%3D%3Db", 400, "unable to parse requirement"),
        (
            f"{MAPS}?fieldSelector=data.x%3D1",
            400,
            "is not a known field selector: only",
        ),
        ("/api/v1/pods?fieldSelector=spec.x%3D1", 400, "field label not supported: spec.x"),
        (f"{MAPS}?resourceVersion=abc&watch=1", 500, "invalid syntax"),
        (f"{MAPS}?resourceVersionMatch=Exact", 422, "is forbidden unless resourceVersion"),
        (f"{MAPS}?limit=x", 400, "is not a number"),
        (f"{MAPS}?watch=maybe", 400, "is not a boolean"),
        (f"{MAPS}?continue=zzz", 400, "continue key is not valid"),
    ],
)
async def test_errors_are_told_in_kubernetes_words(
    api: Any, url: str, status: int, text: str
) -> None:
    reply = await api.get(url)
    assert reply.status == status
    assert text in reply.body.decode()


async def test_methods_that_a_path_does_not_know_are_405(api: Any) -> None:
    reply = await api.request("PUT", MAPS, {})
    assert (reply.status, reply.json()["reason"]) == (405, "MethodNotAllowed")
    reply = await api.request("POST", "/api/v1/configmaps", {})
    assert reply.status == 405


@pytest.mark.parametrize(
    ("accept", "status", "kind"),
    [
        ("", 200, "ConfigMapList"),
        ("*/*", 200, "ConfigMapList"),
        (TABLE, 200, "Table"),
        ("application/json;as=Table;v=v9;g=meta.k8s.io,application/json", 200, "ConfigMapList"),
        ("application/vnd.kubernetes.protobuf,application/json", 200, "ConfigMapList"),
        ("application/vnd.kubernetes.protobuf", 406, "Status"),
        (
            (
                "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,"
                "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
            ),
            200,
            "PartialObjectMetadataList",
        ),
        ("text/html", 406, "Status"),
    ],
)
async def test_the_form_of_the_answer_is_negotiated(
    api: Any, accept: str, status: int, kind: str
) -> None:
    reply = await api.get(MAPS, accept=accept)
    assert (reply.status, reply.json()["kind"]) == (status, kind)


async def test_yaml_goes_in_and_out(api: Any) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {day: '2020-01-01'}\n"
    made = await api.request(
        "POST", MAPS, body=text.encode(), headers={"content-type": "application/yaml"}
    )
    assert made.status == 201
    reply = await api.get(f"{MAPS}/a", accept="application/yaml")
    assert reply.headers["content-type"] == "application/yaml"
    assert "day: '2020-01-01'" in reply.body.decode()


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{not json", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"null", "application/json", 422),
        (b"{}", "text/html", 415),
        (b"a: [", "application/yaml", 400),
        (b"k8s\x00\xff\xff\xff", "application/vnd.kubernetes.protobuf", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"a":' * 300 + b"1" + b"}" * 300, "application/json", 400),
        (b"a: &a [x]\n" + b"b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n", "application/yaml", 400),
    ],
)
async def test_bodies_that_are_no_objects_are_refused(
    api: Any, body: bytes, content_type: str, status: int
) -> None:
    reply = await api.request(
        "POST", f"{MAPS}?fieldValidation=Strict", body=body, headers={"content-type": content_type}
    )
    assert reply.status == status
    assert reply.json()["kind"] == "Status"


async def test_yaml_aliases_cannot_multiply_without_end(api: Any) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    body = "\n".join(lines).encode()
    reply = await api.request("POST", MAPS, body=body, headers={"content-type": "application/yaml"})
    assert reply.status == 400
    assert "more than" in reply.json()["message"]


async def test_legacy_discovery_lists_kinds_and_their_parts(api: Any) -> None:
    groups = {g["name"] for g in (await api.get("/apis")).json()["groups"]}
    assert {"apps", "batch", "apiextensions.k8s.io"} <= groups
    resources = (await api.get("/apis/apps/v1")).json()["resources"]
    by_name = {resource["name"]: resource for resource in resources}
    assert by_name["deployments"]["shortNames"] == ["deploy"]
    assert by_name["deployments/scale"]["group"] == "autoscaling"
    core = {r["name"]: r for r in (await api.get("/api/v1")).json()["resources"]}
    assert core["pods/log"]["kind"] == "Pod"
    assert core["namespaces"]["namespaced"] is False


async def test_aggregated_discovery_is_validated_by_its_tag(api: Any) -> None:
    first = await api.get("/apis", accept=f"{AGGREGATED},application/json")
    assert first.headers["content-type"] == AGGREGATED
    assert first.json()["kind"] == "APIGroupDiscoveryList"
    again = await api.request(
        "GET", "/apis", headers={"accept": AGGREGATED, "if-none-match": first.headers["etag"]}
    )
    assert (again.status, again.body) == (304, b"")
    assert again.headers["content-type"] == AGGREGATED


async def test_openapi_documents_are_hashed_and_name_patch_parameters(api: Any) -> None:
    index = (await api.get("/openapi/v3")).json()["paths"]
    url = index["apis/apps/v1"]["serverRelativeURL"]
    reply = await api.get(url, **{"accept-encoding": "gzip"})
    assert reply.headers["content-encoding"] == "gzip"
    assert reply.headers["cache-control"] == "public, immutable"
    document = json.loads(gzip.decompress(reply.body))
    patch = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert {"fieldValidation", "dryRun", "force"} <= {p["name"] for p in patch["parameters"]}
    wrong = await api.get("/openapi/v3/apis/apps/v1?hash=0")
    assert (wrong.status, wrong.headers["location"]) == (301, url)


async def test_readiness_tells_which_check_failed(api: Any) -> None:
    verbose = await api.get("/readyz?verbose")
    assert b"[+]etcd ok" in verbose.body
    one = await api.get("/readyz/etcd")
    assert one.body == b"ok"
    await api.registry.store.close()
    reply = await api.get("/readyz")
    assert reply.status == 500
    assert b"[-]etcd failed: reason withheld" in reply.body
    assert (await api.get("/readyz?exclude=etcd")).status == 200


async def test_reviews_say_who_asks_and_that_it_may(api: Any) -> None:
    base = "/apis/authentication.k8s.io/v1"
    who = await api.request("POST", f"{base}/selfsubjectreviews", {})
    assert who.status == 201
    assert who.json()["status"]["userInfo"]["username"] == "admin"
    question = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
    reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    may = await api.request("POST", reviews, question)
    assert may.json()["status"]["allowed"] is True
    for token, valid in ((api.token, True), ("x", False)):
        review = await api.request("POST", f"{base}/tokenreviews", {"spec": {"token": token}})
        assert review.json()["status"].get("authenticated", False) is valid
