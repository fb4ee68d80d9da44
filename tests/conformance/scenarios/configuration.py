"""ConfigMap, Secret, Event, ServiceAccount and other objects without much behaviour."""

from __future__ import annotations

from peers.recording import MERGE_PATCH, Talk

from scenarios.objects import config_map


def config_maps(talk: Talk) -> None:
    maps = talk.path("configmaps")
    for step, body in (
        ("empty", {"metadata": {"name": "empty"}, "data": {}}),
        ("null data", {"metadata": {"name": "nulls"}, "data": None}),
        ("null entry", {"metadata": {"name": "null-entry"}, "data": {"a": None}}),
        ("bad key", {"metadata": {"name": "a"}, "data": {"a/b": "1"}}),
        ("dots", {"metadata": {"name": "a"}, "data": {"..": "1"}}),
        ("binary", {"metadata": {"name": "binary"}, "binaryData": {"a": "AAE="}}),
        ("both", {"metadata": {"name": "a"}, "data": {"a": ""}, "binaryData": {"a": "AAE="}}),
        ("large", {"metadata": {"name": "a"}, "data": {"a": "x" * (1 << 20), "b": "y"}}),
        ("immutable", config_map("fixed", immutable=True)),
    ):
        talk.ask(
            step,
            "POST",
            maps,
            body,
            view=lambda made: {**made, "data": len(str(made))} if len(str(made)) > 10_000 else made,
        )
    fixed = f"{maps}/fixed"
    for step, patch in (
        ("change data", {"data": {"a": "2"}}),
        ("change binary data", {"binaryData": {"a": "AAE="}}),
        ("make it mutable", {"immutable": False}),
        ("change a label", {"metadata": {"labels": {"a": "b"}}}),
    ):
        talk.ask(step, "PATCH", fixed, patch, content_type=MERGE_PATCH)


def secrets(talk: Talk) -> None:
    path = talk.path("secrets")
    for step, body in (
        ("plain", {"metadata": {"name": "plain"}, "data": {"a": "Yg=="}}),
        ("not base64", {"metadata": {"name": "a"}, "data": {"a": "*"}}),
        ("bad padding", {"metadata": {"name": "a"}, "data": {"a": "Yg"}}),
        ("string data", {"metadata": {"name": "text"}, "stringData": {"a": "b"}}),
        (
            "string over data",
            {"metadata": {"name": "over"}, "data": {"a": "Yg=="}, "stringData": {"a": "c"}},
        ),
        ("null data", {"metadata": {"name": "nulls"}, "data": {"a": None}}),
        ("empty data", {"metadata": {"name": "empty"}, "data": {"a": ""}}),
        ("bad key", {"metadata": {"name": "a"}, "data": {"a b": ""}}),
        ("tls", {"metadata": {"name": "a"}, "type": "kubernetes.io/tls", "data": {}}),
        (
            "tls whole",
            {
                "metadata": {"name": "tls"},
                "type": "kubernetes.io/tls",
                "data": {"tls.crt": "", "tls.key": ""},
            },
        ),
        ("docker", {"metadata": {"name": "a"}, "type": "kubernetes.io/dockerconfigjson"}),
        (
            "docker text",
            {
                "metadata": {"name": "a"},
                "type": "kubernetes.io/dockerconfigjson",
                "stringData": {".dockerconfigjson": "x"},
            },
        ),
        (
            "docker whole",
            {
                "metadata": {"name": "docker"},
                "type": "kubernetes.io/dockerconfigjson",
                "stringData": {".dockerconfigjson": "{}"},
            },
        ),
        ("basic", {"metadata": {"name": "a"}, "type": "kubernetes.io/basic-auth", "data": {}}),
        ("ssh", {"metadata": {"name": "a"}, "type": "kubernetes.io/ssh-auth", "data": {}}),
        ("token", {"metadata": {"name": "a"}, "type": "kubernetes.io/service-account-token"}),
        ("own type", {"metadata": {"name": "own"}, "type": "example.com/x"}),
        ("immutable", {"metadata": {"name": "fixed"}, "immutable": True, "data": {"a": "Yg=="}}),
    ):
        talk.ask(step, "POST", path, body)
    for step, name, patch in (
        ("type", "plain", {"type": "x"}),
        ("no type", "plain", {"type": None}),
        ("more strings", "plain", {"stringData": {"n": "m"}}),
        ("remove an entry", "plain", {"data": {"a": None}}),
        ("fixed data", "fixed", {"data": {"a": "Yw=="}}),
        ("fixed flag", "fixed", {"immutable": None}),
    ):
        talk.ask(step, "PATCH", f"{path}/{name}", patch, content_type=MERGE_PATCH)
    talk.ask("by type", "GET", f"{path}?fieldSelector=type=example.com/x")
    talk.ask("put without type", "PUT", f"{path}/text", {"metadata": {"name": "text"}})


def events(talk: Talk) -> None:
    path = talk.path("events")
    about = {
        "kind": "Pod",
        "namespace": talk.namespace,
        "name": "p",
        "uid": "1",
        "apiVersion": "v1",
    }
    event = {
        "metadata": {"name": "e"},
        "involvedObject": about,
        "reason": "Started",
        "message": "it started",
        "type": "Normal",
        "source": {"component": "c"},
        "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2026-01-01T00:00:00Z",
        "count": 1,
    }
    talk.ask("create", "POST", path, event)
    talk.ask("patch", "PATCH", f"{path}/e", {"count": 2}, content_type=MERGE_PATCH)
    talk.ask("as the newer kind", "GET", talk.path("events.k8s.io/v1/events", "e"))
    for step, change in (
        ("other namespace", {"involvedObject": {**about, "namespace": "default"}}),
        ("no object", {"involvedObject": {}}),
        ("no reason", {"reason": ""}),
        ("odd type", {"type": "Odd"}),
        (
            "micro time",
            {
                "eventTime": "2026-01-01T00:00:00.123456Z",
                "action": "Binding",
                "reportingComponent": "example.com/c",
                "reportingInstance": "i",
            },
        ),
        ("second time", {"eventTime": "2026-01-01T00:00:00Z"}),
    ):
        body = {**event, **change, "metadata": {"name": "e2"}}
        talk.ask(step, "POST", f"{path}?dryRun=All", body)
    newer = {
        "metadata": {"name": "n"},
        "regarding": about,
        "reason": "R",
        "action": "A",
        "type": "Normal",
        "note": "note",
        "eventTime": "2026-01-01T00:00:00.123456Z",
        "reportingController": "example.com/c",
        "reportingInstance": "i",
    }
    talk.ask("newer", "POST", talk.path("events.k8s.io/v1/events"), newer)
    talk.ask("newer as core", "GET", f"{path}/n")
    for selector in (
        "reason=Started",
        "involvedObject.name=p",
        "involvedObject.kind=Node",
        "type!=Normal",
        "source=c",
        "reportingComponent=example.com/c",
        "message=x",
    ):
        talk.ask(f"by {selector}", "GET", f"{path}?fieldSelector={selector}")


def accounts_and_roles(talk: Talk) -> None:
    talk.ask("account", "POST", talk.path("serviceaccounts"), {"metadata": {"name": "s"}})
    roles, bindings = (
        talk.path(f"rbac.authorization.k8s.io/v1/{each}") for each in ("roles", "rolebindings")
    )
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    talk.ask("role", "POST", roles, {"metadata": {"name": "a:b"}, "rules": rules})
    talk.ask(
        "role without verbs",
        "POST",
        roles,
        {"metadata": {"name": "r"}, "rules": [{"apiGroups": [""], "resources": ["pods"]}]},
    )
    talk.ask("bad role name", "POST", roles, {"metadata": {"name": "a/b"}, "rules": rules})
    binding = {
        "metadata": {"name": "b"},
        "roleRef": {"kind": "Role", "name": "a:b"},
        "subjects": [{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s"}],
    }
    talk.ask("account without namespace", "POST", bindings, binding)
    binding["subjects"][1]["namespace"] = talk.namespace  # type: ignore[index]
    talk.ask("binding", "POST", bindings, binding)
    talk.ask(
        "other role", "PATCH", f"{bindings}/b", {"roleRef": {"name": "x"}}, content_type=MERGE_PATCH
    )
    talk.ask("no role", "POST", bindings, {"metadata": {"name": "n"}})
