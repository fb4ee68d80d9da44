"""Custom resources: their definitions, validation, defaults, subresources, columns, apply."""

from __future__ import annotations

import time
from typing import Any

from peers.recording import (
    APPLY,
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC_PATCH,
    TABLE,
    Talk,
)

from scenarios.objects import definition, serve
from towline.argo.crds import crds as argo_crds
from towline.pipeline.crds import crds as pipeline_crds

_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_OBJECT: dict[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 1, "maximum": 10},
                "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
                "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
                "port": {"x-kubernetes-int-or-string": True},
                "ratio": {"type": "number"},
                "on": {"type": "boolean", "default": True},
                "maybe": {"type": "string", "nullable": True},
                "when": {"type": "string", "format": "date-time"},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "tags": {
                    "type": "array",
                    "items": {"type": "string"},
                    "maxItems": 3,
                    "x-kubernetes-list-type": "set",
                },
                "items": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["key"],
                    "items": {
                        "type": "object",
                        "required": ["key"],
                        "properties": {
                            "key": {"type": "string"},
                            "value": {"type": "string"},
                            "level": {"type": "integer", "default": 3},
                        },
                    },
                },
                "atomic": {"type": "array", "items": {"type": "integer"}},
                "nested": {
                    "type": "object",
                    "properties": {
                        "a": {"type": "string", "default": "x"},
                        "b": {"type": "string"},
                    },
                },
            },
        },
        "status": {
            "type": "object",
            "properties": {
                "phase": {"type": "string"},
                "replicas": {"type": "integer"},
                "selector": {"type": "string"},
            },
        },
    },
}
_COLUMNS = [
    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
    {"name": "Color", "type": "string", "jsonPath": ".spec.color", "priority": 1},
    {"name": "Phase", "type": "string", "jsonPath": ".status.phase", "description": "Where it is"},
    {"name": "Since", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    {"name": "Tags", "type": "string", "jsonPath": ".spec.tags"},
]


def definitions(talk: Talk) -> None:
    body = definition(
        "defs.example.com",
        "widgets",
        "Widget",
        _SCHEMA,
        additionalPrinterColumns=_COLUMNS,
        subresources={"status": {}},
    )
    body["spec"]["names"]["shortNames"] = ["wd"]
    body["spec"]["names"]["categories"] = ["all"]
    talk.ask(
        "dry run", "POST", f"{_CRDS}?dryRun=All", body, view=lambda made: {**made, "status": None}
    )
    serve(talk, body)
    talk.ask("get", "GET", f"{_CRDS}/widgets.defs.example.com")
    talk.ask("group", "GET", "/apis/defs.example.com")
    talk.ask("resources", "GET", "/apis/defs.example.com/v1")
    talk.ask(
        "table",
        "GET",
        f"{_CRDS}/widgets.defs.example.com",
        accept=TABLE,
        view=lambda made: [row["cells"][:1] for row in made["rows"]],
    )
    talk.ask("again", "POST", _CRDS, body)
    talk.ask(
        "label",
        "PATCH",
        f"{_CRDS}/widgets.defs.example.com",
        {"metadata": {"labels": {"a": "b"}}},
        content_type=MERGE_PATCH,
    )
    talk.ask(
        "other scope",
        "PATCH",
        f"{_CRDS}/widgets.defs.example.com",
        {"spec": {"scope": "Cluster"}},
        content_type=MERGE_PATCH,
    )
    talk.ask(
        "other group",
        "PATCH",
        f"{_CRDS}/widgets.defs.example.com",
        {"spec": {"group": "x.example.com"}},
        content_type=MERGE_PATCH,
    )
    talk.ask("put without version", "PUT", f"{_CRDS}/widgets.defs.example.com", body)
    talk.keep("schema", _documented(talk, "defs.example.com", "com.example.defs.v1.Widget"))


def _documented(talk: Talk, group: str, name: str) -> Any:
    """The published schema of a kind, which appears a moment after the kind is served."""
    for _ in range(100):
        document = talk.quiet("GET", f"/openapi/v3/apis/{group}/v1").body
        schemas = document["components"]["schemas"] if isinstance(document, dict) else {}
        if name in schemas:
            return {**schemas[name], "properties": schemas[name]["properties"]["spec"]}
        time.sleep(0.1)
    return None


def definition_refusals(talk: Talk) -> None:
    def plain(**change: Any) -> dict[str, Any]:
        body = definition("bad.example.com", "things", "Thing", {"type": "object"})
        body["spec"].update(change)
        return body

    def schemed(schema: Any) -> dict[str, Any]:
        return definition("bad.example.com", "things", "Thing", schema)

    wrong_name = plain()
    wrong_name["metadata"]["name"] = "x.bad.example.com"
    no_storage = plain()
    no_storage["spec"]["versions"][0]["storage"] = False
    two = plain()
    two["spec"]["versions"] *= 2
    no_schema = plain()
    del no_schema["spec"]["versions"][0]["schema"]
    bodies = {
        "wrong name": wrong_name,
        "no storage version": no_storage,
        "two versions of one name": two,
        "no schema": no_schema,
        "no versions": plain(versions=[]),
        "odd scope": plain(scope="Odd"),
        "no names": plain(names={}),
        "no group": plain(group=""),
        "group without a dot": plain(group="bad"),
        "no spec": {"metadata": {"name": "a.b.c"}},
        "root not an object": schemed({"type": "string"}),
        "no type": schemed({"type": "object", "properties": {"a": {}}}),
        "odd type": schemed({"type": "object", "properties": {"a": {"type": "odd"}}}),
        "array without items": schemed({"type": "object", "properties": {"a": {"type": "array"}}}),
        "both maps": schemed(
            {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "additionalProperties": {"type": "string"},
            }
        ),
        "bad default": schemed(
            {"type": "object", "properties": {"a": {"type": "string", "default": 1}}}
        ),
        "bad pattern": schemed(
            {"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}}
        ),
        "keys without type": schemed(
            {
                "type": "object",
                "properties": {
                    "a": {
                        "type": "array",
                        "x-kubernetes-list-map-keys": ["k"],
                        "items": {"type": "string"},
                    }
                },
            }
        ),
        "map of scalars": schemed(
            {
                "type": "object",
                "properties": {
                    "a": {
                        "type": "array",
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["k"],
                        "items": {"type": "string"},
                    }
                },
            }
        ),
        "reference": schemed({"type": "object", "properties": {"a": {"$ref": "#/x"}}}),
        "metadata restricted": schemed(
            {
                "type": "object",
                "properties": {
                    "metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}
                },
            }
        ),
    }
    for step, body in bodies.items():
        talk.ask(step, "POST", f"{_CRDS}?dryRun=All", body)


def objects(talk: Talk) -> None:
    body = definition(
        "objs.example.com",
        "widgets",
        "Widget",
        _SCHEMA,
        subresources={
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.size",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        additionalPrinterColumns=_COLUMNS,
    )
    serve(talk, body)
    path = talk.path("objs.example.com/v1/widgets")

    def widget(called: str, **spec: Any) -> dict[str, Any]:
        return {
            "apiVersion": "objs.example.com/v1",
            "kind": "Widget",
            "metadata": {"name": called},
            "spec": {"size": 1, **spec},
        }

    made = talk.ask("create", "POST", path, {**widget("a"), "status": {"phase": "x"}})
    talk.ask("again", "POST", path, widget("a"))
    bad: dict[str, Any] = {
        "too small": widget("b", size=0),
        "too large": widget("b", size=11),
        "text": widget("b", size="1"),
        "float": widget("b", size=1.5),
        "whole float": widget("b", size=2.0),
        "no size": {**widget("b"), "spec": {}},
        "no spec": {
            "apiVersion": "objs.example.com/v1",
            "kind": "Widget",
            "metadata": {"name": "b"},
        },
        "spec text": {**widget("b"), "spec": "x"},
        "enum": widget("b", color="green"),
        "null with default": widget("b", color=None),
        "pattern": widget("b", name="A"),
        "too long": widget("b", name="abcdef"),
        "port": widget("b", port=1.5),
        "port text": widget("b", port="http"),
        "boolean text": widget("b", on="yes"),
        "nullable": widget("b", maybe=None),
        "not nullable": widget("b", name=None),
        "date": widget("b", when="yesterday"),
        "labels": widget("b", labels={"a": 1}),
        "set twice": widget("b", tags=["a", "a"]),
        "too many": widget("b", tags=["a", "b", "c", "d"]),
        "same key": widget("b", items=[{"key": "a"}, {"key": "a"}]),
        "no key": widget("b", items=[{"value": "a"}]),
        "map for a list": widget("b", tags={}),
        "many wrong": widget("b", size=0, color="x", name="AAAAAAA", on=1, ratio="x"),
        "unknown": widget("b", odd=1, free={"any": {"thing": [1]}}),
        "no kind": {"metadata": {"name": "b"}, "spec": {"size": 1}},
        "other kind": {**widget("b"), "kind": "Gadget"},
        "other version": {**widget("b"), "apiVersion": "objs.example.com/v2"},
        "bad name": widget("A_"),
        "bad label": {**widget("b"), "metadata": {"name": "b", "labels": {"a b": "c"}}},
        "label number": {**widget("b"), "metadata": {"name": "b", "labels": {"a": 1}}},
        "nested defaults": widget("b", nested={}, items=[{"key": "k"}]),
        "a list": [],
    }
    for step, each in bad.items():
        talk.ask(step, "POST", f"{path}?dryRun=All", each)
    for mode in ("Strict", "Warn", "Ignore"):
        talk.ask(
            f"unknown field {mode}",
            "POST",
            f"{path}?dryRun=All&fieldValidation={mode}",
            {**widget("u", odd=1, nested={"c": 1}), "more": 1},
        )
    mine = f"{path}/a"
    talk.ask("put without version", "PUT", mine, widget("a"))
    talk.ask("put", "PUT", mine, {**made, "spec": {"size": 2}})
    talk.ask("put old version", "PUT", mine, made)
    for step, kind, patch in (
        ("merge", MERGE_PATCH, {"spec": {"size": 3}}),
        ("merge label", MERGE_PATCH, {"metadata": {"labels": {"a": "b"}}}),
        ("merge status", MERGE_PATCH, {"status": {"phase": "y"}}),
        ("merge invalid", MERGE_PATCH, {"spec": {"size": 0}}),
        ("merge remove required", MERGE_PATCH, {"spec": {"size": None}}),
        ("merge remove default", MERGE_PATCH, {"spec": {"color": None}}),
        ("merge list", MERGE_PATCH, {"spec": {"items": [{"key": "a"}], "tags": ["t"]}}),
        ("json", JSON_PATCH, [{"op": "replace", "path": "/spec/size", "value": 4}]),
        ("strategic", STRATEGIC_PATCH, {"spec": {"size": 5}}),
        ("unknown field", MERGE_PATCH, {"spec": {"odd": 1}}),
        ("rename", MERGE_PATCH, {"metadata": {"name": "z"}}),
        ("other kind patched", MERGE_PATCH, {"kind": "Gadget"}),
    ):
        talk.ask(step, "PATCH", mine, patch, content_type=kind)
    talk.ask(
        "status",
        "PATCH",
        f"{mine}/status",
        {"status": {"phase": "Ready", "replicas": 2}, "spec": {"size": 9}},
        content_type=MERGE_PATCH,
    )
    talk.ask(
        "status invalid",
        "PATCH",
        f"{mine}/status",
        {"status": {"phase": 1}},
        content_type=MERGE_PATCH,
    )
    talk.ask("scale", "GET", f"{mine}/scale")
    talk.ask(
        "scaled", "PATCH", f"{mine}/scale", {"spec": {"replicas": 7}}, content_type=MERGE_PATCH
    )
    talk.ask("after", "GET", mine)
    talk.ask("list", "GET", path)
    talk.ask("table", "GET", path, accept=TABLE)
    talk.ask("by field", "GET", f"{path}?fieldSelector=spec.size=1")
    talk.ask("no field", "GET", f"{path}?fieldSelector=metadata.name=none")
    talk.ask("missing", "GET", f"{path}/none")
    talk.ask(
        "all namespaces",
        "GET",
        "/apis/objs.example.com/v1/widgets",
        view=lambda found: (found["kind"], len(found["items"])),
    )
    talk.watch("watch", path, 1)
    talk.ask("delete", "DELETE", mine)
    talk.ask("delete missing", "DELETE", mine)


def applied_objects(talk: Talk) -> None:
    body = definition("ssa.example.com", "widgets", "Widget", _SCHEMA, subresources={"status": {}})
    serve(talk, body)
    path = talk.path("ssa.example.com/v1/widgets", "a")

    def apply(step: str, manager: str, spec: Any, query: str = "", **more: Any) -> None:
        config = {
            "apiVersion": "ssa.example.com/v1",
            "kind": "Widget",
            "metadata": {"name": "a"},
            "spec": spec,
            **more,
        }
        talk.ask(step, "PATCH", f"{path}?fieldManager={manager}{query}", config, content_type=APPLY)

    apply(
        "create",
        "one",
        {
            "size": 1,
            "tags": ["a"],
            "items": [{"key": "x", "value": "1"}],
            "atomic": [1, 2],
            "labels": {"k": "v"},
            "free": {"a": {"b": [1]}},
        },
    )
    apply(
        "again",
        "one",
        {
            "size": 1,
            "tags": ["a"],
            "items": [{"key": "x", "value": "1"}],
            "atomic": [1, 2],
            "labels": {"k": "v"},
            "free": {"a": {"b": [1]}},
        },
    )
    apply(
        "second manager",
        "two",
        {"tags": ["b"], "items": [{"key": "y"}], "labels": {"l": "w"}, "free": {"c": 1}},
    )
    apply("atomic conflict", "two", {"atomic": [3]})
    apply("value conflict", "two", {"items": [{"key": "x", "value": "2"}], "size": 2})
    apply("less", "one", {"size": 1, "items": [{"key": "x"}]})
    apply("invalid", "one", {"size": 0})
    apply("wrong type", "one", {"size": "x"})
    apply("set twice", "one", {"size": 1, "tags": ["a", "a"]})
    apply("key twice", "one", {"size": 1, "items": [{"key": "a"}, {"key": "a"}]})
    apply("no key", "one", {"size": 1, "items": [{"value": "a"}]})
    apply("unknown field", "one", {"size": 1, "odd": 1})
    apply("unknown field strictly", "one", {"size": 1, "odd": 1}, "&fieldValidation=Strict")
    apply("status through the object", "one", {"size": 1}, status={"phase": "x"})
    talk.ask(
        "status",
        "PATCH",
        f"{path}/status?fieldManager=controller",
        {
            "apiVersion": "ssa.example.com/v1",
            "kind": "Widget",
            "metadata": {"name": "a"},
            "status": {"phase": "Ready"},
        },
        content_type=APPLY,
    )
    talk.ask(
        "merge patched",
        "PATCH",
        f"{path}?fieldManager=hand",
        {"spec": {"size": 4}},
        content_type=MERGE_PATCH,
    )
    apply("conflict with a hand", "one", {"size": 1})
    apply("dry run", "one", {"size": 1}, "&force=true&dryRun=All")
    apply("forced", "one", {"size": 1}, "&force=true")
    talk.ask("at the end", "GET", path)


def own_kinds(talk: Talk) -> None:
    """The product's own definitions are accepted by the real server, and served alike."""
    for body in (*argo_crds(), *pipeline_crds()):
        name = body["metadata"]["name"]
        serve(talk, body)
        spec = body["spec"]
        talk.ask(f"definition {name}", "GET", f"{_CRDS}/{name}")
        version = spec["versions"][0]["name"]
        talk.ask(
            f"resources {name}",
            "GET",
            f"/apis/{spec['group']}/{version}",
            view=lambda found: {each["name"]: each for each in found["resources"]},
        )
    app = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "demo", "finalizers": ["resources-finalizer.argocd.argoproj.io"]},
        "spec": {
            "project": "default",
            "source": {
                "repoURL": "https://example.com/r.git",
                "path": ".",
                "targetRevision": "HEAD",
            },
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "demo"},
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True},
                "syncOptions": ["CreateNamespace=true"],
            },
        },
    }
    apps = talk.path("argoproj.io/v1alpha1/applications")
    talk.ask("application", "POST", f"{apps}?fieldManager=kubectl-client-side-apply", app)
    talk.ask(
        "application table",
        "GET",
        apps,
        accept=TABLE,
        view=lambda found: [row["cells"] for row in found["rows"]],
    )
    talk.ask(
        "application status",
        "PATCH",
        f"{apps}/demo",
        {"status": {"sync": {"status": "Synced"}, "health": {"status": "Healthy"}}},
        content_type=MERGE_PATCH,
    )
    for step, spec in (
        ("no source", {"project": "default", "destination": {}}),
        ("empty", {}),
        ("odd automated", {**app["spec"], "syncPolicy": {"automated": "yes"}}),  # type: ignore[dict-item]
        ("odd options", {**app["spec"], "syncPolicy": {"syncOptions": "x"}}),  # type: ignore[dict-item]
    ):
        talk.ask(
            f"application with {step}",
            "POST",
            f"{apps}?dryRun=All",
            {**app, "metadata": {"name": "x"}, "spec": spec},
        )
    project = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "default"},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        },
    }
    talk.ask("project", "POST", talk.path("argoproj.io/v1alpha1/appprojects"), project)


def removed_definitions(talk: Talk) -> None:
    body = definition("gone.example.com", "widgets", "Widget", _OBJECT)
    serve(talk, body)
    path = talk.path("gone.example.com/v1/widgets")
    talk.quiet(
        "POST",
        path,
        {"apiVersion": "gone.example.com/v1", "kind": "Widget", "metadata": {"name": "a"}},
    )
    talk.ask(
        "delete",
        "DELETE",
        f"{_CRDS}/widgets.gone.example.com",
        view=lambda made: (
            made["metadata"]["name"],
            made["metadata"].get("finalizers"),
            "deletionTimestamp" in made["metadata"],
        ),
    )
    for _ in range(200):
        if talk.quiet("GET", f"{_CRDS}/widgets.gone.example.com").status == 404:
            break
        time.sleep(0.1)
    talk.ask("gone", "GET", f"{_CRDS}/widgets.gone.example.com")
    for _ in range(100):
        if talk.quiet("GET", path).status == 404:
            break
        time.sleep(0.1)
    talk.ask("no longer served", "GET", path)
