"""Answers that other clients than kubectl look at closely."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio

MAPS = "/api/v1/namespaces/default/configmaps"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
THINGS = "/apis/example.com/v1/namespaces/default/things"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
ONE = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
MANY = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


def definition(schema: dict[str, Any]) -> dict[str, Any]:
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": schema}},
    }
    names = {"plural": "things", "kind": "Thing", "singular": "thing", "listKind": "ThingList"}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": spec,
    }


async def test_openapi_v2_is_json_unless_protobuf_is_asked_for(api: Any) -> None:
    await api.request("POST", CRDS, definition({"a": {"type": "string"}}))
    plain = await api.get("/openapi/v2", Accept="*/*")
    assert plain.status == 200
    assert plain.headers["content-type"] == "application/json"
    document = json.loads(plain.body)
    assert document["swagger"] == "2.0"
    assert document["definitions"]["com.example.v1.Thing"]["properties"]["a"] == {"type": "string"}
    assert "post" in document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments"]
    wanted = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    packed = await api.get("/openapi/v2", Accept=wanted)
    assert "protobuf" in packed.headers["content-type"]
    assert (await api.get("/openapi/v2", Accept="text/html")).status == 406


async def test_the_hash_of_a_storage_version_is_that_of_its_kind(api: Any) -> None:
    found = json.loads((await api.get("/apis/apps/v1")).body)
    by_name = {each["name"]: each for each in found["resources"]}
    digest = hashlib.sha256(b"apps/v1/Deployment").digest()
    assert by_name["deployments"]["storageVersionHash"] == b64encode(digest[:8]).decode()


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        (MAPS, ONE, 406),
        (f"{MAPS}/a", MANY, 406),
        (MAPS, MANY, 200),
        (f"{MAPS}/a", ONE, 200),
        (f"{MAPS}?includeObject=Odd", TABLE, 400),
        (f"{MAPS}/a?resourceVersion=odd", "", 500),
        (f"{MAPS}?fieldSelector=%3D", "", 200),
        (f"{MAPS}?timeout=odd", "", 400),
        (f"{MAPS}?timeout=1m30s", "", 200),
    ],
)
async def test_odd_requests(api: Any, path: str, accept: str, status: int) -> None:
    await api.request("POST", MAPS, {"metadata": {"name": "a"}})
    assert (await api.get(path, Accept=accept)).status == status


async def test_refusals_are_told_in_the_accepted_language(api: Any) -> None:
    reply = await api.get(f"{MAPS}/none", Accept="application/yaml")
    assert reply.headers["content-type"] == "application/yaml"
    assert b"reason: NotFound" in reply.body


async def test_a_review_is_no_table(api: Any) -> None:
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    body = {"spec": {"nonResourceAttributes": {"path": "/", "verb": "get"}}}
    reply = await api.request("POST", path, body, headers={"Accept": TABLE})
    assert reply.status == 406


@pytest.mark.parametrize(
    ("body", "content_type", "told"),
    [
        (
            '{"metadata":{"name":"d"},"foo":1,"data":{"a":"1","a":"2"}}',
            "application/json",
            'unknown field "foo", duplicate field "data.a"',
        ),
        (
            "metadata: {name: d}\ndata:\n  a: b\n  a: c\n",
            "application/yaml",
            'line 4: key "a" already set in map',
        ),
    ],
)
async def test_doubled_keys_are_told(api: Any, body: str, content_type: str, told: str) -> None:
    async def post(mode: str) -> Any:
        return await api.request(
            "POST",
            f"{MAPS}?dryRun=All&fieldValidation={mode}",
            body=body.encode(),
            headers={"Content-Type": content_type},
        )

    strict = await post("Strict")
    assert strict.status == 400
    assert told in json.loads(strict.body)["message"]
    warned = await post("Warn")
    assert warned.status == 201
    assert told.rpartition(", ")[2].replace('"', '\\"') in warned.headers["warning"]
    assert (await post("Ignore")).status == 201


async def test_list_options_are_checked_together(api: Any) -> None:
    reply = await api.get(f"{MAPS}?resourceVersionMatch=Odd&sendInitialEvents=true")
    causes = [each["field"] for each in json.loads(reply.body)["details"]["causes"]]
    assert causes == ["resourceVersionMatch", "resourceVersionMatch", "sendInitialEvents"]


async def test_later_defaults_show_in_what_was_stored_before(api: Any) -> None:
    await api.request("POST", CRDS, definition({"a": {"type": "string"}}))
    thing = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"}}
    await api.request("POST", THINGS, thing)
    step = [
        {
            "op": "add",
            "path": "/spec/versions/0/schema/openAPIV3Schema/properties/a/default",
            "value": "A",
        }
    ]
    await api.request(
        "PATCH",
        f"{CRDS}/things.example.com",
        step,
        headers={"Content-Type": "application/json-patch+json"},
    )
    assert json.loads((await api.get(f"{THINGS}/t")).body)["a"] == "A"
    assert json.loads((await api.get(THINGS)).body)["items"][0]["a"] == "A"


async def test_a_status_write_may_annotate(api: Any) -> None:
    path = "/api/v1/namespaces/default/status"
    patch = {"metadata": {"annotations": {"a": "b"}}}
    headers = {"Content-Type": "application/merge-patch+json"}
    reply = await api.request("PATCH", path, patch, headers=headers)
    assert json.loads(reply.body)["metadata"]["annotations"] == {"a": "b"}
    # What defaults give outside of the specification stays.
    assert "kubernetes.io/metadata.name" in json.loads(reply.body)["metadata"]["labels"]


async def test_what_has_no_effect_is_stored_with_a_warning(api: Any) -> None:
    path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    reply = await api.request("POST", path, {"metadata": {"name": "w"}})
    assert reply.status == 201
    assert "has no effect" in reply.headers["warning"]


async def test_refusals_carry_the_warning_of_their_kind_too(api: Any) -> None:
    reply = await api.get("/api/v1/namespaces/default/endpoints/none")
    assert reply.status == 404
    assert "deprecated" in reply.headers["warning"]
