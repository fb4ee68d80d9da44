"""JSON patch, merge patch and strategic merge patch."""

from __future__ import annotations

from typing import Any

from peers.recording import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, YAML, Talk

from scenarios.objects import config_map, container, service, workload


def json_patches(talk: Talk) -> None:
    maps = talk.path("configmaps")
    talk.quiet("POST", maps, config_map("a", data={"a": "1", "b/c": "2"}))
    path = f"{maps}/a"
    patches: dict[str, Any] = {
        "add": [{"op": "add", "path": "/data/x", "value": "1"}],
        "replace": [{"op": "replace", "path": "/data/x", "value": "2"}],
        "escaped": [{"op": "replace", "path": "/data/b~1c", "value": "3"}],
        "test passes": [{"op": "test", "path": "/data/x", "value": "2"}],
        "test fails": [{"op": "test", "path": "/data/x", "value": "9"}],
        "move": [{"op": "move", "from": "/data/x", "path": "/data/y"}],
        "copy": [{"op": "copy", "from": "/data/y", "path": "/data/z"}],
        "remove": [{"op": "remove", "path": "/data/z"}],
        "remove nothing": [{"op": "remove", "path": "/data/none"}],
        "replace nothing": [{"op": "replace", "path": "/data/none", "value": "1"}],
        "deep nothing": [{"op": "add", "path": "/x/y/z", "value": "1"}],
        "odd operation": [{"op": "odd", "path": "/data/x"}],
        "no path": [{"op": "add", "value": "1"}],
        "no value": [{"op": "add", "path": "/data/q"}],
        "not a list": {"op": "add"},
        "no objects": ["x"],
        "text": "x",
        "empty": [],
        "wrong type": [{"op": "add", "path": "/data/x", "value": 1}],
        "rename": [{"op": "replace", "path": "/metadata/name", "value": "b"}],
        "other kind": [{"op": "replace", "path": "/kind", "value": "Secret"}],
        "whole": [{"op": "replace", "path": "", "value": {"metadata": {"name": "a"}}}],
        "many": [{"op": "add", "path": "/data/x", "value": "1"}] * 10001,
        "old version": [{"op": "add", "path": "/metadata/resourceVersion", "value": "1"}],
        "list end": [
            {"op": "add", "path": "/metadata/finalizers", "value": ["a.io/a"]},
            {"op": "add", "path": "/metadata/finalizers/-", "value": "a.io/b"},
            {"op": "add", "path": "/metadata/finalizers/0", "value": "a.io/c"},
        ],
        "beyond the list": [{"op": "add", "path": "/metadata/finalizers/9", "value": "a.io/d"}],
        "negative index": [{"op": "remove", "path": "/metadata/finalizers/-1"}],
    }
    for step, patch in patches.items():
        talk.ask(step, "PATCH", path, patch, content_type=JSON_PATCH)


def merge_patches(talk: Talk) -> None:
    maps = talk.path("configmaps")
    talk.quiet("POST", maps, config_map("a", data={"a": "1", "b": "2"}))
    path = f"{maps}/a"
    patches: dict[str, Any] = {
        "add": {"data": {"x": "1"}},
        "remove": {"data": {"x": None}},
        "remove nothing": {"data": {"none": None}},
        "remove all": {"data": None},
        "nested nulls": {"data": {"k": None, "l": "1"}},
        "not an object": [],
        "bad json": "{",
        "wrong type": {"data": {"x": 1}},
        "text for an object": {"data": "x"},
        "rename": {"metadata": {"name": "b"}},
        "other namespace": {"metadata": {"namespace": "default"}},
        "other kind": {"kind": "Secret"},
        "other version": {"apiVersion": "v2"},
        "other uid": {"metadata": {"uid": "x"}},
        "old version": {"metadata": {"resourceVersion": "1"}},
        "no version": {"metadata": {"resourceVersion": ""}},
        "generation": {"metadata": {"generation": 9}},
        "creation": {"metadata": {"creationTimestamp": None}},
        "labels": {"metadata": {"labels": {"a": "b"}}},
        "no labels": {"metadata": {"labels": None}},
        "bad label": {"metadata": {"labels": {"a b": "b"}}},
        "no metadata": {"metadata": None},
    }
    for step, patch in patches.items():
        talk.ask(step, "PATCH", path, patch, content_type=MERGE_PATCH)
    talk.ask("unknown type", "PATCH", path, {}, content_type="application/json")
    talk.ask("no type", "PATCH", path, {}, headers={"Content-Type": ""})
    talk.ask("yaml", "PATCH", path, "data: {a: b}", content_type=YAML)
    talk.ask("yaml as merge patch", "PATCH", path, "data: {a: b}", content_type=MERGE_PATCH)
    talk.ask(
        "with a charset",
        "PATCH",
        path,
        {"data": {"ch": "1"}},
        content_type=f"{MERGE_PATCH}; charset=utf-8",
    )


def strategic_patches(talk: Talk) -> None:
    path = talk.path("apps/v1/deployments")
    body = workload("Deployment", "d", strategy={"type": "RollingUpdate"})
    body["spec"]["template"]["spec"] = {
        "containers": [
            container(
                env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                ports=[{"containerPort": 80}, {"containerPort": 81}],
                args=["x", "y"],
            ),
            container("d"),
        ],
        "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "configMap": {"name": "m"}}],
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "imagePullSecrets": [{"name": "s"}],
    }
    body["metadata"]["finalizers"] = ["example.com/a"]
    talk.quiet("POST", path, body)
    patches: dict[str, Any] = {
        "merge by key": {"containers": [{"name": "c", "image": "x:2"}]},
        "append": {"containers": [{"name": "e", "image": "x:3"}]},
        "delete element": {"containers": [{"name": "e", "$patch": "delete"}]},
        "delete missing": {"containers": [{"name": "none", "$patch": "delete"}]},
        "no merge key": {"containers": [{"image": "x"}]},
        "variables": {
            "containers": [
                {"name": "c", "env": [{"name": "A", "value": "9"}, {"name": "C", "value": "3"}]}
            ]
        },
        "delete a variable": {
            "containers": [{"name": "c", "env": [{"name": "B", "$patch": "delete"}]}]
        },
        "replace variables": {
            "containers": [
                {"name": "c", "env": [{"name": "Z", "value": "1"}, {"$patch": "replace"}]}
            ]
        },
        "atomic list": {"containers": [{"name": "c", "args": ["z"]}]},
        "ports": {"containers": [{"name": "c", "ports": [{"containerPort": 80, "name": "n"}]}]},
        "order": {
            "$setElementOrder/containers": [{"name": "d"}, {"name": "c"}],
            "containers": [{"name": "d", "image": "x:9"}],
        },
        "order with a new one": {
            "$setElementOrder/containers": [{"name": "f"}, {"name": "d"}, {"name": "c"}],
            "containers": [{"name": "f", "image": "f:1"}],
        },
        "other source": {
            "volumes": [
                {"name": "v", "$retainKeys": ["name", "secret"], "secret": {"secretName": "s"}}
            ]
        },
        "tolerations": {"tolerations": [{"key": "b", "operator": "Exists"}]},
        "pull secrets": {"imagePullSecrets": [{"name": "t"}]},
        "null list": {"volumes": None},
        "odd directive": {"containers": [{"name": "c", "$patch": "odd"}]},
        "text for a list": {"containers": "x"},
        "replace the map": {"nodeSelector": {"$patch": "replace", "a": "b"}},
    }
    for step, spec in patches.items():
        talk.ask(
            step,
            "PATCH",
            f"{path}/d",
            {"spec": {"template": {"spec": spec}}},
            content_type=STRATEGIC_PATCH,
        )
    whole: dict[str, Any] = {
        "recreate": {"spec": {"strategy": {"type": "Recreate"}}},
        "recreate with retained keys": {
            "spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}
        },
        "finalizers union": {"metadata": {"finalizers": ["example.com/b"]}},
        "remove a finalizer": {
            "metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/a"]}
        },
        "delete a map": {"spec": {"strategy": {"$patch": "delete"}}},
        "owners": {
            "metadata": {
                "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u1"}]
            }
        },
        "more owners": {
            "metadata": {
                "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "q", "uid": "u2"}]
            }
        },
        "fewer owners": {"metadata": {"ownerReferences": [{"uid": "u1", "$patch": "delete"}]}},
        "bad json": "{",
    }
    for step, patch in whole.items():
        talk.ask(step, "PATCH", f"{path}/d", patch, content_type=STRATEGIC_PATCH)
    services = talk.path("services")
    talk.quiet(
        "POST", services, service("s", ports=[{"name": "a", "port": 80}, {"name": "b", "port": 81}])
    )
    talk.ask(
        "service port",
        "PATCH",
        f"{services}/s",
        {"spec": {"ports": [{"port": 81, "targetPort": 5000}]}},
        content_type=STRATEGIC_PATCH,
    )
    talk.ask(
        "service port away",
        "PATCH",
        f"{services}/s",
        {"spec": {"ports": [{"port": 81, "$patch": "delete"}]}},
        content_type=STRATEGIC_PATCH,
    )


def kubectl_apply(talk: Talk) -> None:
    """What client-side apply sends: an annotation, then strategic patches with element orders."""
    path = talk.path("apps/v1/deployments")
    body = workload("Deployment", "web", replicas=3)
    body["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "{}\n"}
    query = "?fieldManager=kubectl-client-side-apply&fieldValidation=Strict"
    talk.ask("create", "POST", path + query, body)
    talk.ask(
        "patch",
        "PATCH",
        f"{path}/web{query}",
        {
            "metadata": {
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{1}\n"}
            },
            "spec": {
                "replicas": 2,
                "template": {
                    "spec": {
                        "$setElementOrder/containers": [{"name": "c"}],
                        "containers": [{"name": "c", "image": "example.com/app:2"}],
                    }
                },
            },
        },
        content_type=STRATEGIC_PATCH,
    )
