"""What is served, as clients find it out."""

from __future__ import annotations

from typing import Any

from peers.recording import Talk

_GROUPS = (
    "apps/v1",
    "batch/v1",
    "autoscaling/v1",
    "autoscaling/v2",
    "networking.k8s.io/v1",
    "policy/v1",
    "rbac.authorization.k8s.io/v1",
    "storage.k8s.io/v1",
    "apiextensions.k8s.io/v1",
    "scheduling.k8s.io/v1",
    "coordination.k8s.io/v1",
    "discovery.k8s.io/v1",
    "events.k8s.io/v1",
    "authentication.k8s.io/v1",
    "authorization.k8s.io/v1",
)
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def _by_name(found: Any) -> Any:
    return {**found, "resources": {each["name"]: each for each in found["resources"]}}


def _served(found: Any) -> Any:
    ours = {group.partition("/")[0] for group in _GROUPS}
    return {each["name"]: each for each in found["groups"] if each["name"] in ours}


def _aggregated(found: Any) -> Any:
    ours = {group.partition("/")[0] for group in _GROUPS} | {""}
    made: dict[str, Any] = {
        "kind": found["kind"],
        "apiVersion": found["apiVersion"],
        "metadata": found["metadata"],
    }
    for group in found["items"]:
        name = group["metadata"].get("name", "")
        if name not in ours:
            continue
        made[name or "core"] = {
            "metadata": group["metadata"],
            "versions": {
                each["version"]: {
                    "freshness": each["freshness"],
                    "resources": {
                        one["resource"]: {
                            **one,
                            "subresources": {
                                sub["subresource"]: sub for sub in one.get("subresources", ())
                            },
                        }
                        for one in each["resources"]
                    },
                }
                for each in group["versions"]
                if f"{name}/{each['version']}" in _GROUPS or not name
            },
        }
    return made


def groups_and_resources(talk: Talk) -> None:
    talk.ask(
        "versions",
        "GET",
        "/api",
        view=lambda found: {
            **found,
            "serverAddressByClientCIDRs": len(found["serverAddressByClientCIDRs"]),
        },
    )
    talk.ask("groups", "GET", "/apis", view=_served)
    talk.ask("core", "GET", "/api/v1", view=_by_name)
    for group in _GROUPS:
        talk.ask(group, "GET", f"/apis/{group}", view=_by_name)
    talk.ask("group", "GET", "/apis/apps")
    talk.ask("no group", "GET", "/apis/none.example.com")
    talk.ask("no group version", "GET", "/apis/none.example.com/v1")
    talk.ask("no version of a group", "GET", "/apis/apps/v9")
    talk.ask("post to a group", "POST", "/apis/apps", {})
    talk.ask("aggregated groups", "GET", "/apis", accept=_AGGREGATED, view=_aggregated)
    talk.ask("aggregated core", "GET", "/api", accept=_AGGREGATED, view=_aggregated)
    talk.ask(
        "version",
        "GET",
        "/version",
        view=lambda found: (found["major"], found["minor"], found["gitVersion"].partition("+")[0]),
    )
    for path in ("/livez", "/readyz", "/healthz"):
        talk.ask(path, "GET", path)
    talk.ask("no such check", "GET", "/readyz/none")


def schemas(talk: Talk) -> None:
    """The schemas by which clients judge: names of types, fields, extensions."""

    def operations(found: Any) -> Any:
        patched = found["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
        return {
            "content": sorted(patched["requestBody"]["content"]),
            "kind": patched["x-kubernetes-group-version-kind"],
            "action": patched.get("x-kubernetes-action"),
            "parameters": sorted(each["name"] for each in patched["parameters"] if "name" in each),
            "schemas": sorted(
                each for each in found["components"]["schemas"] if ".apps.v1." in each
            ),
        }

    def schema(found: Any) -> Any:
        name = "io.k8s.api.apps.v1.DeploymentSpec"
        return _undescribed(found["components"]["schemas"][name])

    index = talk.quiet("GET", "/openapi/v3").body["paths"]
    talk.keep("documents", sorted(each for each in index if each.partition("apis/")[2] in _GROUPS))
    path = index["apis/apps/v1"]["serverRelativeURL"]
    found = talk.quiet("GET", path).body
    talk.keep("operations", operations(found))
    talk.keep("schema", schema(found))


def _undescribed(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: _undescribed(each) for name, each in schema.items() if name != "description"}
    if isinstance(schema, list):
        return [_undescribed(each) for each in schema]
    return schema


def reviews(talk: Talk) -> None:
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {
            "resourceAttributes": {"verb": "get", "resource": "pods", "namespace": talk.namespace}
        },
    }
    talk.ask(
        "may I",
        "POST",
        path,
        body,
        view=lambda made: (made["kind"], made["spec"], made["status"]["allowed"]),
    )
    talk.ask(
        "who am I",
        "POST",
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
        view=lambda made: (
            made["kind"],
            made["status"]["userInfo"]["username"],
            sorted(made["status"]["userInfo"]["groups"]),
        ),
    )
    talk.ask("an empty question", "POST", path, {"spec": {}})
    talk.ask("list of questions", "GET", path)
