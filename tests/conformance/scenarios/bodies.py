"""Requests that are wrong as requests: bodies, types, paths, options."""

from __future__ import annotations

from peers.recording import APPLY, JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, YAML, Talk

from scenarios.objects import config_map, workload


def malformed_bodies(talk: Talk) -> None:
    maps = talk.path("configmaps")
    for step, body, content_type in (
        ("not json", "{", "application/json"),
        ("empty", "", "application/json"),
        ("a list", "[]", "application/json"),
        ("a number", "1", "application/json"),
        ("null", "null", "application/json"),
        ("unknown type", "x", "text/plain"),
        ("yaml", "metadata: {name: y}\ndata: {a: b}\n", YAML),
        ("bad yaml", "a: [", YAML),
        ("yaml booleans", "metadata: {name: z}\ndata: {a: y}\n", YAML),
    ):
        talk.ask(step, "POST", maps, body, content_type=content_type)
    for step, body in (
        ("other kind", {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}),
        ("other group", {"apiVersion": "apps/v1", "kind": "ConfigMap", "metadata": {"name": "a"}}),
        ("unregistered", {"apiVersion": "x/v9", "kind": "Foo", "metadata": {"name": "a"}}),
        ("kind of another group", {**workload("Deployment", "a")}),
        ("no kind", {"metadata": {"name": "nokind"}}),
        ("wrong data type", {"metadata": {"name": "a"}, "data": {"a": 1}}),
        ("wrong data map", {"metadata": {"name": "a"}, "data": []}),
        ("wrong metadata type", {"metadata": []}),
        ("wrong name type", {"metadata": {"name": 1}}),
        ("wrong labels type", {"metadata": {"name": "a", "labels": {"a": 1}}}),
        ("wrong finalizers", {"metadata": {"name": "a", "finalizers": "x"}}),
        ("wrong binary data", {"metadata": {"name": "a"}, "binaryData": {"a": "*"}}),
        ("bad time", {"metadata": {"name": "t", "creationTimestamp": "yesterday"}}),
        ("null time", {"metadata": {"name": "nulltime", "creationTimestamp": None}}),
        ("version given", {"metadata": {"name": "a", "resourceVersion": "1"}}),
        ("uid given", {"metadata": {"name": "uidgiven", "uid": "x"}}),
        ("other namespace", {"metadata": {"name": "a", "namespace": "default"}}),
        ("no name", {"metadata": {}}),
        ("no metadata", {}),
        ("bad name", {"metadata": {"name": "A_b"}}),
        ("long name", {"metadata": {"name": "a" * 254}}),
        ("generated name", {"metadata": {"generateName": "gen-"}}),
        ("bad label key", {"metadata": {"name": "a", "labels": {"a b": "1"}}}),
        ("bad label value", {"metadata": {"name": "a", "labels": {"a": "b c"}}}),
        ("bad annotation", {"metadata": {"name": "a", "annotations": {"a b": "1"}}}),
        ("bad finalizer", {"metadata": {"name": "a", "finalizers": ["x"]}}),
        ("finalizer", {"metadata": {"name": "fin", "finalizers": ["example.com/x"]}}),
        ("bad owner", {"metadata": {"name": "a", "ownerReferences": [{"name": "x"}]}}),
        ("system fields", {"metadata": {"name": "sys", "generation": 7, "selfLink": "/x"}}),
    ):
        talk.ask(step, "POST", maps, body)


def unknown_fields(talk: Talk) -> None:
    maps, sets = talk.path("configmaps"), talk.path("apps/v1/deployments")
    odd = {**config_map("odd"), "foo": 1, "metadata": {"name": "odd", "bar": 2}}
    for mode in ("", "Strict", "Warn", "Ignore", "strict"):
        query = f"?dryRun=All&fieldValidation={mode}"
        talk.ask(f"config map {mode}", "POST", maps + query, odd)
    deep = workload("Deployment", "deep", foo=1)
    deep["spec"]["template"]["spec"]["containers"][0]["imagee"] = "x"
    deep["spec"]["template"]["spec"]["containers"][0]["ports"] = [{"containerPort": 1, "nam": 2}]
    for mode in ("Strict", "Warn", "Ignore"):
        talk.ask(f"deployment {mode}", "POST", f"{sets}?dryRun=All&fieldValidation={mode}", deep)
    double = '{"metadata":{"name":"two","name":"two"},"data":{"a":"1","a":"2"}}'
    for mode in ("Strict", "Warn", "Ignore"):
        talk.ask(f"double {mode}", "POST", f"{maps}?dryRun=All&fieldValidation={mode}", double)
    talk.ask(
        "double yaml",
        "POST",
        f"{maps}?dryRun=All&fieldValidation=Strict",
        "metadata: {name: a}\ndata: {a: b, a: c}\n",
        content_type=YAML,
    )
    talk.ask("case", "POST", f"{maps}?dryRun=All&fieldValidation=Strict", {"Metadata": {}})
    talk.quiet("POST", maps, config_map("here"))
    here = talk.path("configmaps", "here")
    for step, kind, patch in (
        ("merge", MERGE_PATCH, {"foo": 1}),
        ("strategic", STRATEGIC_PATCH, {"foo": 1}),
        ("json", JSON_PATCH, [{"op": "add", "path": "/foo", "value": 1}]),
    ):
        for mode in ("Strict", "Warn"):
            path = f"{here}?fieldValidation={mode}"
            talk.ask(f"{step} {mode}", "PATCH", path, patch, content_type=kind)
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "here"}, "foo": 1}
    for mode in ("Strict", "Warn", "Ignore"):
        path = f"{here}?fieldManager=m&fieldValidation={mode}"
        talk.ask(f"apply {mode}", "PATCH", path, body, content_type=APPLY)


def options(talk: Talk) -> None:
    maps = talk.path("configmaps")
    talk.ask("dry run of a create", "POST", f"{maps}?dryRun=All", config_map("dry"))
    talk.ask("nothing was stored", "GET", f"{maps}/dry")
    talk.ask("dry run x", "POST", f"{maps}?dryRun=x", config_map("dry"))
    talk.ask("dry run twice", "POST", f"{maps}?dryRun=All&dryRun=x", config_map("dry"))
    talk.ask("dry run empty", "POST", f"{maps}?dryRun=", config_map("dry"))
    talk.ask("long manager", "POST", f"{maps}?fieldManager={'m' * 129}", config_map("m"))
    talk.ask("odd manager", "POST", f"{maps}?fieldManager=a%07b", config_map("m"))
    talk.ask("manager", "POST", f"{maps}?fieldManager=me", config_map("m"))
    mine = f"{maps}/m"
    talk.ask("dry run of a put", "PUT", f"{mine}?dryRun=All", config_map("m", data={"b": "2"}))
    talk.ask(
        "dry run of a patch",
        "PATCH",
        f"{mine}?dryRun=All",
        {"data": {"c": "3"}},
        content_type=MERGE_PATCH,
    )
    talk.ask("force without apply", "PATCH", f"{mine}?force=true", {}, content_type=MERGE_PATCH)
    talk.ask("apply without manager", "PATCH", mine, config_map("m"), content_type=APPLY)
    talk.ask("dry run of a delete", "DELETE", f"{mine}?dryRun=All")
    talk.ask("dry run x of a delete", "DELETE", f"{mine}?dryRun=x")
    talk.ask("unchanged", "GET", mine)


def unknown_paths(talk: Talk) -> None:
    maps = talk.path("configmaps")
    for step, method, path in (
        ("no group", "GET", "/apis/none.example.com/v1/foos"),
        ("no version", "GET", "/apis/apps/v9/deployments"),
        ("no resource", "GET", talk.path("foos")),
        ("no resource of a group", "GET", talk.path("apps/v1/foos")),
        ("no root", "GET", "/foo"),
        ("no object", "GET", f"{maps}/none"),
        ("no deployment", "GET", talk.path("apps/v1/deployments", "none")),
        ("no subresource", "GET", f"{maps}/none/status"),
        ("no status of a missing one", "GET", talk.path("apps/v1/deployments", "none/status")),
        ("no namespace", "GET", "/api/v1/namespaces/none"),
        ("list in no namespace", "GET", "/api/v1/namespaces/none/configmaps"),
        ("put on a collection", "PUT", maps),
        ("patch on a collection", "PATCH", maps),
        ("post on an object", "POST", f"{maps}/a"),
        ("post across namespaces", "POST", "/api/v1/configmaps"),
        ("delete across namespaces", "DELETE", "/api/v1/configmaps"),
        ("delete of all namespaces", "DELETE", "/api/v1/namespaces"),
        ("delete of nothing", "DELETE", f"{maps}/none"),
        ("namespaced node", "GET", talk.path("nodes")),
    ):
        body = config_map("a") if method in ("POST", "PUT", "PATCH") else None
        talk.ask(step, method, path, body)
    talk.ask("put of nothing", "PUT", f"{maps}/none", config_map("none"))
    talk.ask("put of another name", "PUT", f"{maps}/none", config_map("other"))
    for kind in (MERGE_PATCH, STRATEGIC_PATCH, JSON_PATCH):
        patch = [] if kind == JSON_PATCH else {}
        talk.ask(f"patch of nothing {kind}", "PATCH", f"{maps}/none", patch, content_type=kind)
    talk.ask("post in no namespace", "POST", "/api/v1/namespaces/none/configmaps", config_map("a"))
    talk.ask("accept nothing known", "GET", maps, accept="text/html")
    talk.ask("accept anything", "GET", maps, accept="text/html, */*")
    talk.ask("accept protobuf or json", "GET", maps, accept="application/vnd.foo, application/json")
    talk.ask("unauthorized", "GET", maps, headers={"Authorization": "Bearer wrong"})
    talk.ask("pretty", "GET", f"{maps}?pretty=true")


def updates(talk: Talk) -> None:
    maps = talk.path("configmaps")
    made = talk.ask("create", "POST", maps, config_map("a"))
    path = f"{maps}/a"
    talk.ask("create again", "POST", maps, config_map("a"))
    talk.ask("same again", "PUT", path, made)
    talk.ask("changed", "PUT", path, {**made, "data": {"a": "2"}})
    talk.ask("with the old version", "PUT", path, {**made, "data": {"a": "3"}})
    talk.ask("without version", "PUT", path, config_map("a", data={"b": "1"}))
    wrong = config_map("a", metadata={"uid": "wrong"})
    talk.ask("other uid", "PUT", path, wrong)
    far = config_map("a", metadata={"resourceVersion": "abc"})
    talk.ask("no version number", "PUT", path, far)
    talk.ask("other namespace", "PUT", path, config_map("a", metadata={"namespace": "default"}))
    talk.ask("no name", "PUT", path, {"data": {}})
    talk.ask("no data", "PUT", path, {"metadata": {"name": "a"}})
    old = {
        **config_map("a"),
        "metadata": {"name": "a", "creationTimestamp": "2001-01-01T00:00:00Z"},
    }
    talk.ask("other creation", "PUT", path, old)
    gone = {
        **config_map("a"),
        "metadata": {"name": "a", "deletionTimestamp": "2001-01-01T00:00:00Z"},
    }
    talk.ask("deletion time", "PUT", path, gone)
    talk.ask(
        "as another manager", "PUT", f"{path}?fieldManager=x", config_map("a", data={"z": "1"})
    )
    clear = {**config_map("a"), "metadata": {"name": "a", "managedFields": []}}
    talk.ask("without managed fields", "PUT", path, clear)
    clear["metadata"]["managedFields"] = [{}]
    talk.ask("with cleared managed fields", "PUT", path, clear)
    labels = config_map("a", metadata={"labels": {"a": ""}, "annotations": {"b": ""}})
    talk.ask("with labels", "PUT", path, labels)
    talk.ask("with null labels", "PUT", path, config_map("a", metadata={"labels": None}))
    talk.ask("at the end", "GET", path)
