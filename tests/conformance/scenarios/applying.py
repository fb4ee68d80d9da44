"""Server-side apply and who owns which field."""

from __future__ import annotations

from typing import Any

from peers.recording import APPLY, JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, YAML, Talk

from scenarios.objects import config_map, container, service, workload


def apply_config_maps(talk: Talk) -> None:
    path = talk.path("configmaps", "a")

    def apply(step: str, manager: str, data: dict[str, Any], query: str = "") -> None:
        body = config_map("a", data=data)
        talk.ask(step, "PATCH", f"{path}?fieldManager={manager}{query}", body, content_type=APPLY)

    apply("create", "one", {"a": "1", "b": "1"})
    apply("same again", "one", {"a": "1", "b": "1"})
    apply("change mine", "one", {"a": "2", "b": "1"})
    apply("share", "two", {"a": "2"})
    apply("conflict", "two", {"a": "3"})
    apply("two conflicts", "two", {"a": "3", "b": "4"})
    apply("force dry", "two", {"a": "3"}, "&force=true&dryRun=All")
    apply("force", "two", {"a": "3"}, "&force=true")
    apply("give up", "two", {"c": "1"})
    apply("empty", "one", {})
    talk.ask(
        "update one field",
        "PATCH",
        f"{path}?fieldManager=hand",
        {"data": {"c": "9"}},
        content_type=MERGE_PATCH,
    )
    apply("conflict with a hand", "two", {"c": "1"})
    apply("same as the hand", "two", {"c": "9"})
    apply("two managers again", "three", {"c": "10", "d": "1"})
    bare = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    for step, body in (
        ("nothing at all", bare),
        ("other name", {**bare, "metadata": {"name": "b"}}),
        ("no name", {"apiVersion": "v1", "kind": "ConfigMap"}),
        ("no kind", {"metadata": {"name": "a"}}),
        ("no version", {"kind": "ConfigMap", "metadata": {"name": "a"}}),
        ("other kind", {**bare, "kind": "Secret"}),
        ("other namespace", {**bare, "metadata": {"name": "a", "namespace": "default"}}),
        (
            "managed fields",
            {**bare, "metadata": {"name": "a", "managedFields": [{"manager": "x"}]}},
        ),
        ("other uid", {**bare, "metadata": {"name": "a", "uid": "x"}}),
        ("old version", {**bare, "metadata": {"name": "a", "resourceVersion": "1"}}),
        ("wrong type", {**bare, "data": {"a": 1}}),
        ("wrong map", {**bare, "data": []}),
        ("a list", []),
        ("null value", {**bare, "data": {"a": None}}),
        (
            "labels",
            {**bare, "metadata": {"name": "a", "labels": {"l": "1"}, "annotations": {"n": "1"}}},
        ),
        ("finalizers", {**bare, "metadata": {"name": "a", "finalizers": ["example.com/f"]}}),
        ("other finalizers", {**bare, "metadata": {"name": "a", "finalizers": ["example.com/g"]}}),
    ):
        talk.ask(step, "PATCH", f"{path}?fieldManager=four", body, content_type=APPLY)
    talk.ask(
        "yaml",
        "PATCH",
        f"{path}?fieldManager=five",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {y: 'yes'}\n",
        content_type=APPLY,
    )
    talk.ask("bad yaml", "PATCH", f"{path}?fieldManager=five", "a: [", content_type=APPLY)
    talk.ask("at the end", "GET", path)


def apply_deployments(talk: Talk) -> None:
    path = talk.path("apps/v1/deployments", "web")

    def apply(step: str, manager: str, body: Any, query: str = "") -> None:
        talk.ask(step, "PATCH", f"{path}?fieldManager={manager}{query}", body, content_type=APPLY)

    base = workload("Deployment", "web", replicas=3)
    base["spec"]["template"]["spec"]["containers"] = [
        container(ports=[{"containerPort": 80}], env=[{"name": "A", "value": "1"}])
    ]
    apply("create", "engine", base)
    apply("again", "engine", base)
    talk.ask(
        "scaled by hand",
        "PATCH",
        f"{path}/scale?fieldManager=hand",
        {"spec": {"replicas": 1}},
        content_type=MERGE_PATCH,
    )
    apply("conflict", "engine", base)
    apply("forced", "engine", base, "&force=true")
    image = workload("Deployment", "web", replicas=3)
    image["spec"]["template"]["spec"]["containers"] = [
        {
            "name": "c",
            "image": "example.com/app:2",
            "env": [{"name": "B", "value": "1"}, {"name": "A", "value": "2"}],
        }
    ]
    apply("new image", "engine", image)
    side = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "template": {"spec": {"containers": [{"name": "side", "image": "example.com/side:1"}]}}
        },
    }
    apply("second manager", "mesh", side)
    apply("first again", "engine", image)
    talk.ask(
        "status",
        "PATCH",
        f"{path}/status?fieldManager=controller",
        {"status": {"replicas": 3, "conditions": [{"type": "Available", "status": "True"}]}},
        content_type=MERGE_PATCH,
    )
    status = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "status": {
            "readyReplicas": 2,
            "replicas": 3,
            "conditions": [{"type": "Progressing", "status": "True"}],
        },
    }
    talk.ask(
        "status applied", "PATCH", f"{path}/status?fieldManager=applier", status, content_type=APPLY
    )
    apply("spec and status", "engine", {**image, "status": {"replicas": 9}})
    no_replicas = {**image, "spec": {k: v for k, v in image["spec"].items() if k != "replicas"}}
    apply("give up replicas", "engine", no_replicas)
    kubectl = {
        "metadata": {"annotations": {"a": "b"}},
        "spec": {
            "template": {
                "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "1000m"}}}]}
            }
        },
    }
    talk.ask(
        "kubectl edits",
        "PATCH",
        f"{path}?fieldManager=kubectl-edit",
        kubectl,
        content_type=STRATEGIC_PATCH,
    )
    apply(
        "drop all",
        "mesh",
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}},
    )
    wrong = workload("Deployment", "web")
    wrong["spec"]["template"]["spec"]["containers"] = [{"name": "c", "image": True}]
    apply("wrong type", "engine", wrong)
    double = workload("Deployment", "web")
    double["spec"]["template"]["spec"]["containers"] = [container(), container()]
    apply("same key twice", "engine", double)
    nameless = workload("Deployment", "web")
    nameless["spec"]["template"]["spec"]["containers"] = [{"image": "x"}]
    apply("no key", "engine", nameless)
    invalid = workload("Deployment", "web", replicas=-1)
    apply("invalid", "engine", invalid, "&force=true")
    other = workload("Deployment", "web", selector={"matchLabels": {"b": "c"}})
    apply("selector", "engine", other, "&force=true")
    talk.ask("at the end", "GET", path)


def apply_after_others(talk: Talk) -> None:
    maps = talk.path("configmaps")
    talk.quiet("POST", f"{maps}?fieldManager=kubectl-create", config_map("old"))
    talk.ask(
        "cleared",
        "PATCH",
        f"{maps}/old",
        [{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}],
        content_type=JSON_PATCH,
    )
    talk.ask(
        "before first apply",
        "PATCH",
        f"{maps}/old?fieldManager=new",
        config_map("old", data={"a": "2"}),
        content_type=APPLY,
    )
    talk.ask(
        "before first apply forced",
        "PATCH",
        f"{maps}/old?fieldManager=new&force=true",
        config_map("old", data={"a": "2", "n": "1"}),
        content_type=APPLY,
    )
    for number in range(13):
        talk.quiet(
            "PATCH",
            f"{maps}/old?fieldManager=m{number}",
            {"data": {f"k{number}": "1"}},
            content_type=MERGE_PATCH,
        )
    talk.ask(
        "many managers",
        "GET",
        f"{maps}/old",
        view=lambda made: [
            (each["manager"], each["operation"], each["fieldsV1"])
            if each["manager"] in ("new", "ancient-changes")
            else each["operation"]
            for each in made["metadata"]["managedFields"]
        ],
    )
    edited = talk.quiet("GET", f"{maps}/old").body
    mine = [each for each in edited["metadata"]["managedFields"] if each["manager"] == "new"]
    talk.ask(
        "rewritten managers",
        "PATCH",
        f"{maps}/old?fieldManager=kubectl",
        {"metadata": {"managedFields": mine}},
        content_type=MERGE_PATCH,
    )
    bad = [{**mine[0], "operation": "Odd"}] if mine else []
    talk.ask(
        "odd operation",
        "PATCH",
        f"{maps}/old",
        {"metadata": {"managedFields": bad}},
        content_type=MERGE_PATCH,
    )
    created = {"metadata": {"name": "made", "managedFields": [{"manager": "x"}]}}
    talk.ask("managed fields on create", "POST", maps, created)
    talk.ask("by put", "PUT", f"{maps}/made?fieldManager=p", config_map("made", data={"q": "1"}))
    talk.ask(
        "by yaml put",
        "PUT",
        f"{maps}/made?fieldManager=p",
        "metadata: {name: made}\ndata: {q: '1'}\n",
        content_type=YAML,
    )


def apply_services(talk: Talk) -> None:
    path = talk.path("services", "s")

    def apply(step: str, manager: str, body: Any, query: str = "") -> None:
        talk.ask(step, "PATCH", f"{path}?fieldManager={manager}{query}", body, content_type=APPLY)

    apply("create", "engine", service("s", type="LoadBalancer"))
    apply("again", "engine", service("s", type="LoadBalancer"))
    apply(
        "other target",
        "engine",
        service("s", ports=[{"port": 80, "targetPort": 5000}], type="LoadBalancer"),
    )
    two = [{"port": 80, "name": "a"}, {"port": 81, "name": "b", "protocol": "UDP"}]
    apply("two ports", "engine", service("s", ports=two, type="LoadBalancer"))
    apply("one port less", "engine", service("s", ports=two[1:], type="LoadBalancer"))
    apply("no type", "engine", service("s", ports=two[1:]))
    talk.ask(
        "patched by kubectl",
        "PATCH",
        f"{path}?fieldManager=kubectl-patch",
        {"spec": {"sessionAffinity": "ClientIP"}},
        content_type=STRATEGIC_PATCH,
    )
    apply("conflict", "engine", service("s", ports=two[1:], sessionAffinity="None"))
    apply("new one invalid", "engine", service("s", ports=[]))
    talk.ask("at the end", "GET", path)


def ownership_by_writes(talk: Talk) -> None:
    path = talk.path("apps/v1/deployments")
    body = workload("Deployment", "d", replicas=2)
    body["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": "1"}]
    body["metadata"]["annotations"] = {"a": "1"}
    talk.ask("create", "POST", f"{path}?fieldManager=maker", body)
    for step, kind, patch in (
        ("merge", MERGE_PATCH, {"spec": {"replicas": 4}}),
        (
            "strategic",
            STRATEGIC_PATCH,
            {
                "spec": {
                    "template": {
                        "spec": {
                            "containers": [{"name": "c", "env": [{"name": "B", "value": "1"}]}]
                        }
                    }
                }
            },
        ),
        ("json", JSON_PATCH, [{"op": "remove", "path": "/metadata/annotations/a"}]),
        (
            "replace the list",
            MERGE_PATCH,
            {"spec": {"template": {"spec": {"containers": [{"name": "n", "image": "x:1"}]}}}},
        ),
        ("nothing", MERGE_PATCH, {}),
        ("same value", MERGE_PATCH, {"spec": {"replicas": 4}}),
    ):
        talk.ask(
            step,
            "PATCH",
            f"{path}/d?fieldManager={step.replace(' ', '-')}",
            patch,
            content_type=kind,
        )
    talk.ask(
        "by user agent",
        "PATCH",
        f"{path}/d",
        {"spec": {"paused": True}},
        content_type=MERGE_PATCH,
        headers={"User-Agent": "argocd-controller/v3 (linux)"},
    )
