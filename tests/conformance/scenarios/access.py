"""Access: who may do what, acting as others, reviews, tokens, giving rights away."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

from peers.recording import APPLY, MERGE_PATCH, Talk

from scenarios.objects import config_map

_RBAC = "rbac.authorization.k8s.io/v1"
_REVIEWS = "/apis/authorization.k8s.io/v1"
_WHO = "/apis/authentication.k8s.io/v1"


def _as(user: str, **more: str) -> dict[str, str]:
    named = {f"Impersonate-{key.replace('_', '-')}": value for key, value in more.items()}
    return {"Impersonate-User": user, **named}


def _role(name: str, *rules: dict[str, Any], kind: str = "Role") -> dict[str, Any]:
    return {"apiVersion": _RBAC, "kind": kind, "metadata": {"name": name}, "rules": list(rules)}


def _rule(verbs: str, resources: str, groups: str = "", names: str = "") -> dict[str, Any]:
    made: dict[str, Any] = {
        "apiGroups": groups.split(","),
        "resources": resources.split(","),
        "verbs": verbs.split(","),
    }
    if names:
        made["resourceNames"] = names.split(",")
    return made


def _binding(
    name: str, role: str, user: str, *, kind: str = "Role", subject: str = "User"
) -> dict[str, Any]:
    who = {"kind": subject, "name": user}
    return {
        "metadata": {"name": name},
        "subjects": [who],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
    }


def _give(talk: Talk, name: str, user: str, *rules: dict[str, Any]) -> None:
    roles, bindings = talk.path(f"{_RBAC}/roles"), talk.path(f"{_RBAC}/rolebindings")
    assert talk.quiet("POST", roles, _role(name, *rules)).status == 201
    assert talk.quiet("POST", bindings, _binding(name, name, user)).status == 201
    for rule in rules:
        part = rule["resources"][0].replace("*/", "any/").partition("/")
        asked = {
            "verb": rule["verbs"][0],
            "group": rule["apiGroups"][0],
            "resource": part[0],
            "subresource": part[2],
            "name": rule.get("resourceNames", [""])[0],
        }
        _wait(talk, user, asked, lambda status: status["allowed"])


def _wait(
    talk: Talk, user: str, asked: dict[str, str], check: Callable[[dict[str, Any]], bool]
) -> None:
    """Until the server knows: the real one hears of new rules a moment after they are stored."""
    body = {"spec": {"user": user, "resourceAttributes": {"namespace": talk.namespace, **asked}}}
    end = time.monotonic() + 10
    while time.monotonic() < end:
        found = talk.quiet("POST", f"{_REVIEWS}/subjectaccessreviews", body).body
        if check(found["status"]):
            return
        time.sleep(0.02)
    raise AssertionError(f"{user} {asked}: {found}")


def access_refused(talk: Talk) -> None:
    u = _as("u")
    maps = talk.path("configmaps")
    talk.quiet("POST", maps, config_map("a"))
    talk.ask("list", "GET", maps, headers=u)
    talk.ask("list all", "GET", "/api/v1/configmaps", headers=u)
    talk.ask("watch", "GET", f"{maps}?watch=1", headers=u)
    talk.ask("watch by name", "GET", f"{maps}?watch=1&fieldSelector=metadata.name%3Da", headers=u)
    talk.ask("list by name", "GET", f"{maps}?fieldSelector=metadata.name=a", headers=u)
    talk.ask("get", "GET", talk.path("configmaps", "a"), headers=u)
    talk.ask("get absent", "GET", talk.path("configmaps", "none"), headers=u)
    talk.ask("create", "POST", maps, config_map("b"), headers=u)
    talk.ask("update", "PUT", talk.path("configmaps", "a"), config_map("a"), headers=u)
    talk.ask(
        "patch", "PATCH", talk.path("configmaps", "a"), {}, headers=u, content_type=MERGE_PATCH
    )
    talk.ask("delete", "DELETE", talk.path("configmaps", "a"), headers=u)
    talk.ask("delete all", "DELETE", maps, headers=u)
    talk.ask("log", "GET", talk.path("pods", "p/log"), headers=u)
    talk.ask("scale", "PUT", talk.path("apps/v1/deployments", "d/scale"), {}, headers=u)
    talk.ask("nodes", "GET", "/api/v1/nodes", headers=u)
    talk.ask("node", "GET", "/api/v1/nodes/n/status", headers=u)
    talk.ask("namespace", "GET", "/api/v1/namespaces/default", headers=u)
    talk.ask("namespace status", "PUT", "/api/v1/namespaces/default/status", {}, headers=u)
    talk.ask("finalize", "PUT", "/api/v1/namespaces/default/finalize", {}, headers=u)
    talk.ask("namespaces", "GET", "/api/v1/namespaces", headers=u)
    talk.ask("unknown", "GET", "/apis/none.example/v1/things", headers=u)
    talk.ask("unknown one", "GET", "/apis/none.example/v1/namespaces/x/things/y", headers=u)
    talk.ask("path", "GET", "/metrics", headers=u)
    talk.ask("path written", "POST", "/some/where", {}, headers=u)
    talk.ask("root", "GET", "/", headers=u)
    talk.ask("html", "GET", "/x%3Cb%3E&y", headers=_as("<u>&"))
    talk.ask("quotes", "GET", maps, headers=_as('u"\\x'))
    talk.ask("discovery", "GET", "/apis", headers=u, view=lambda found: found["kind"])
    talk.ask("version", "GET", "/version", headers=u, view=lambda found: found["major"])


def access_granted(talk: Talk) -> None:
    u = _as("granted")
    maps = talk.path("configmaps")
    for name in ("a", "b"):
        talk.quiet("POST", maps, config_map(name))
    _give(talk, "named", "granted", _rule("get,update,patch,list,watch", "configmaps", names="a"))
    talk.ask("get", "GET", talk.path("configmaps", "a"), headers=u)
    talk.ask("get other", "GET", talk.path("configmaps", "b"), headers=u)
    talk.ask("list", "GET", maps, headers=u)
    talk.ask(
        "list by name",
        "GET",
        f"{maps}?fieldSelector=metadata.name=a",
        headers=u,
        view=lambda found: [each["metadata"]["name"] for each in found["items"]],
    )
    talk.ask(
        "patch",
        "PATCH",
        talk.path("configmaps", "a"),
        {"data": {"x": "1"}},
        headers=u,
        content_type=MERGE_PATCH,
    )
    apply = f"{talk.path('configmaps', 'new')}?fieldManager=m"
    _give(talk, "apply", "granted", _rule("patch", "configmaps"))
    talk.ask("create by apply", "PATCH", apply, config_map("new"), headers=u, content_type=APPLY)
    _give(talk, "create", "granted", _rule("create", "configmaps"))
    talk.ask("apply again", "PATCH", apply, config_map("new"), headers=u, content_type=APPLY)
    talk.quiet("POST", talk.path(f"{_RBAC}/rolebindings"), _binding("broken", "none", "granted"))
    secrets = {"verb": "list", "resource": "secrets"}
    _wait(talk, "granted", secrets, lambda status: "not found" in status.get("reason", ""))
    talk.ask("broken binding", "GET", talk.path("secrets"), headers=u)
    cluster = _binding("broken2", "none2", "granted", kind="ClusterRole")
    talk.quiet("POST", talk.path(f"{_RBAC}/rolebindings"), cluster)
    _wait(talk, "granted", secrets, lambda status: status["reason"].count("not found") == 2)
    talk.ask("broken bindings", "GET", talk.path("secrets"), headers=u)
    _give(talk, "parts", "granted", _rule("get", "*/log"), _rule("*", "deployments/*", "apps"))
    talk.ask("any log", "GET", talk.path("pods", "none/log"), headers=u)
    talk.ask(
        "no wildcard for parts", "GET", talk.path("apps/v1/deployments", "none/scale"), headers=u
    )


def access_as_others(talk: Talk) -> None:
    me = f"{_WHO}/selfsubjectreviews"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    talk.ask("user", "POST", me, body, headers=_as("u"))
    talk.ask("group", "POST", me, body, headers=_as("u", Group="g"))
    talk.ask("unauthenticated", "POST", me, body, headers=_as("u", Group="system:unauthenticated"))
    talk.ask("anonymous", "POST", me, body, headers=_as("system:anonymous"))
    account = "system:serviceaccount:default:robot"
    talk.ask("account", "POST", me, body, headers=_as(account))
    talk.ask("account, group", "POST", me, body, headers=_as(account, Group="g"))
    talk.ask("odd account", "POST", me, body, headers=_as("system:serviceaccount:robot"))
    talk.ask("uid", "POST", me, body, headers=_as("u", Uid="1"))
    talk.ask("extra", "POST", me, body, headers=_as("u", Extra_example_com__2fthing="x"))
    talk.ask(
        "extra escaped",
        "POST",
        me,
        body,
        headers={"Impersonate-User": "u", "Impersonate-Extra-Example.com%2fThing": "x y"},
    )
    talk.ask("group only", "POST", me, body, headers={"Impersonate-Group": "g"})
    talk.ask("uid only", "POST", me, body, headers={"Impersonate-Uid": "1"})
    talk.ask("extra only", "POST", me, body, headers={"Impersonate-Extra-A": "1"})
    talk.ask(
        "masters",
        "GET",
        "/api/v1/nodes",
        headers=_as("u", Group="system:masters"),
        view=lambda found: found["kind"],
    )


def access_reviews(talk: Talk) -> None:
    space = talk.namespace
    _give(talk, "reader", "reader", _rule("get,list", "pods,pods/log"))
    own, other = f"{_REVIEWS}/selfsubjectaccessreviews", f"{_REVIEWS}/subjectaccessreviews"
    local = talk.path("authorization.k8s.io/v1/localsubjectaccessreviews")
    u = _as("reader")

    def bare(found: dict[str, Any]) -> dict[str, Any]:
        # Nothing is stored, and nobody asks who wrote the fields of a question.
        found["metadata"].pop("managedFields", None)
        return found

    def asked(**attributes: str) -> dict[str, Any]:
        return {"spec": {"resourceAttributes": attributes}}

    pods = {"verb": "list", "resource": "pods", "namespace": space}
    talk.ask("may", "POST", own, asked(**pods), headers=u, view=bare)
    talk.ask("may not", "POST", own, asked(**{**pods, "verb": "create"}), headers=u, view=bare)
    talk.ask(
        "elsewhere", "POST", own, asked(**{**pods, "namespace": "default"}), headers=u, view=bare
    )
    talk.ask("everywhere", "POST", own, asked(verb="list", resource="pods"), headers=u, view=bare)
    talk.ask(
        "part",
        "POST",
        own,
        asked(**{**pods, "verb": "get", "subresource": "log"}),
        headers=u,
        view=bare,
    )
    talk.ask("all", "POST", own, asked(verb="*", resource="*", group="*"), headers=u, view=bare)
    talk.ask("admin", "POST", own, asked(verb="*", resource="*", group="*"), view=bare)
    path = {"spec": {"nonResourceAttributes": {"verb": "get", "path": "/apis"}}}
    talk.ask("path", "POST", own, path, headers=u, view=bare)
    talk.ask("neither", "POST", own, {"spec": {}})
    talk.ask("both", "POST", own, {"spec": {**path["spec"], **asked(**pods)["spec"]}})
    for_reader = {"spec": {"user": "reader", **asked(**pods)["spec"]}}
    talk.ask("subject", "POST", other, for_reader, view=bare)
    talk.ask(
        "subject by group",
        "POST",
        other,
        {"spec": {"groups": ["system:masters"], **asked(**pods)["spec"]}},
        view=bare,
    )
    talk.ask("nobody", "POST", other, asked(**pods))
    talk.ask("not for everybody", "POST", other, for_reader, headers=u)
    talk.ask("local", "POST", local, {"metadata": {"namespace": space}, **for_reader}, view=bare)
    talk.ask(
        "local, other space",
        "POST",
        local,
        {
            "metadata": {"namespace": space},
            "spec": {"user": "reader", **asked(**{**pods, "namespace": "x"})["spec"]},
        },
    )
    talk.ask(
        "local path",
        "POST",
        local,
        {"metadata": {"namespace": space}, "spec": {"user": "reader", **path["spec"]}},
    )
    rules = f"{_REVIEWS}/selfsubjectrulesreviews"

    def sets(found: dict[str, Any]) -> Any:
        status = found["status"]
        shown = [json.dumps(each, sort_keys=True) for each in status["resourceRules"]]
        return {"spec": found["spec"], "incomplete": status["incomplete"], "rules": sorted(shown)}

    talk.ask("rules", "POST", rules, {"spec": {"namespace": space}}, headers=u, view=sets)
    talk.ask("rules of admin", "POST", rules, {"spec": {"namespace": space}}, view=sets)
    talk.ask("rules of nowhere", "POST", rules, {"spec": {}}, headers=u)
    talk.ask("get a review", "GET", own)


def access_tokens(talk: Talk) -> None:
    path = talk.path("serviceaccounts", "default/token")
    talk.ask("absent", "POST", talk.path("serviceaccounts", "none/token"), {"spec": {}})

    def without_token(made: dict[str, Any]) -> Any:
        made["metadata"].pop("managedFields", None)
        parts = made["status"].pop("token").split(".")
        said = json.loads(base64.urlsafe_b64decode(parts[1] + "=="))
        said["life"] = said["exp"] - said["iat"]
        return {
            "answer": made,
            "claims": {
                key: value for key, value in said.items() if key not in ("exp", "iat", "nbf")
            },
        }

    made = talk.quiet("POST", path, {"spec": {}}).body
    talk.ask("plain", "POST", path, {"spec": {}}, view=without_token)
    talk.ask(
        "audience",
        "POST",
        path,
        {"spec": {"audiences": ["a", "b"], "expirationSeconds": 7200}},
        view=without_token,
    )
    talk.ask("short", "POST", path, {"spec": {"expirationSeconds": 60}})
    talk.ask("long", "POST", path, {"spec": {"expirationSeconds": 1 << 33}})
    talk.ask("other name", "POST", path, {"metadata": {"name": "x"}, "spec": {}})
    talk.ask("other space", "POST", path, {"metadata": {"namespace": "x"}, "spec": {}})
    talk.ask(
        "bound to nothing",
        "POST",
        path,
        {"spec": {"boundObjectRef": {"apiVersion": "v1", "kind": "Secret", "name": "none"}}},
    )
    talk.ask(
        "bound to a map",
        "POST",
        path,
        {"spec": {"boundObjectRef": {"apiVersion": "v1", "kind": "ConfigMap", "name": "x"}}},
    )
    talk.quiet("POST", talk.path("secrets"), {"metadata": {"name": "s"}})
    bound = {"spec": {"boundObjectRef": {"apiVersion": "v1", "kind": "Secret", "name": "s"}}}
    short_lived = talk.quiet("POST", path, bound).body["status"]["token"]
    talk.ask("bound", "POST", path, bound, view=without_token)
    talk.ask(
        "other uid",
        "POST",
        path,
        {"spec": {"boundObjectRef": {**bound["spec"]["boundObjectRef"], "uid": "1"}}},
    )
    token = made["status"]["token"]
    review = f"{_WHO}/tokenreviews"

    def valid(found: dict[str, Any]) -> Any:
        status = found["status"]
        user = status.get("user", {})
        return {
            "authenticated": status.get("authenticated"),
            "audiences": status.get("audiences"),
            "user": {key: value for key, value in user.items() if key != "extra"},
            "extra": sorted(user.get("extra", {})),
        }

    talk.ask("review", "POST", review, {"spec": {"token": token}}, view=valid)
    talk.ask(
        "review for others",
        "POST",
        review,
        {"spec": {"token": token, "audiences": ["x"]}},
        view=valid,
    )
    talk.ask("review of a bad one", "POST", review, {"spec": {"token": f"{token}x"}}, view=valid)
    talk.ask("review of nothing", "POST", review, {"spec": {}})
    talk.ask("review bound", "POST", review, {"spec": {"token": short_lived}}, view=valid)
    talk.ask("use", "GET", talk.path("pods"), headers={"Authorization": f"Bearer {token}"})
    talk.ask("use a bad one", "GET", talk.path("pods"), headers={"Authorization": "Bearer x"})


def access_giving_away(talk: Talk) -> None:
    roles, bindings = talk.path(f"{_RBAC}/roles"), talk.path(f"{_RBAC}/rolebindings")
    u = _as("giver", Group="g")
    _give(
        talk,
        "giver",
        "giver",
        _rule("create,get,update,patch", "roles,rolebindings", "rbac.authorization.k8s.io"),
    )
    _give(talk, "owned", "giver", _rule("get,list", "pods"), _rule("get", "secrets", names="a"))
    talk.ask("owned", "POST", roles, _role("r1", _rule("get", "pods")), headers=u)
    talk.ask(
        "more verbs", "POST", roles, _role("r2", _rule("get,create,delete", "pods")), headers=u
    )
    talk.ask("all", "POST", roles, _role("r3", _rule("*", "*", "*")), headers=u)
    talk.ask("all names", "POST", roles, _role("r4", _rule("get", "secrets")), headers=u)
    talk.ask("one name", "POST", roles, _role("r5", _rule("get", "secrets", names="a")), headers=u)
    talk.ask(
        "two names", "POST", roles, _role("r6", _rule("get", "secrets", names="a,b")), headers=u
    )
    talk.ask(
        "grow",
        "PATCH",
        f"{roles}/r1",
        {"rules": [_rule("get,watch", "pods")]},
        headers=u,
        content_type=MERGE_PATCH,
    )
    talk.ask(
        "label",
        "PATCH",
        f"{roles}/owned",
        {"metadata": {"labels": {"a": "b"}}},
        headers=u,
        content_type=MERGE_PATCH,
    )
    talk.quiet("POST", roles, _role("big", _rule("create,delete", "pods,configmaps")))
    talk.ask(
        "label a bigger one",
        "PATCH",
        f"{roles}/big",
        {"metadata": {"labels": {"a": "b"}}},
        headers=u,
        content_type=MERGE_PATCH,
    )
    talk.ask(
        "collect a bigger one",
        "PATCH",
        f"{roles}/big",
        {"metadata": {"finalizers": ["example.com/x"]}},
        headers=u,
        content_type=MERGE_PATCH,
    )
    talk.quiet(
        "PATCH", f"{roles}/big", {"metadata": {"finalizers": None}}, content_type=MERGE_PATCH
    )
    talk.ask("put a new one", "PUT", f"{roles}/r7", _role("r7", _rule("get", "pods")), headers=u)
    talk.ask("bind owned", "POST", bindings, _binding("b1", "owned", "x"), headers=u)
    talk.ask("bind more", "POST", bindings, _binding("b2", "big", "x"), headers=u)
    talk.ask("bind absent", "POST", bindings, _binding("b3", "none", "x"), headers=u)
    talk.ask(
        "bind all",
        "POST",
        bindings,
        _binding("b4", "cluster-admin", "x", kind="ClusterRole"),
        headers=u,
    )
    _give(talk, "binder", "giver", _rule("bind", "roles", "rbac.authorization.k8s.io", "big"))
    talk.ask("may bind", "POST", bindings, _binding("b5", "big", "x"), headers=u)
    _give(talk, "escalator", "giver", _rule("escalate", "roles", "rbac.authorization.k8s.io"))
    talk.ask("may escalate", "POST", roles, _role("r8", _rule("*", "*", "*")), headers=u)
    talk.ask(
        "other role",
        "PATCH",
        f"{bindings}/b1",
        {"roleRef": {"name": "big"}},
        content_type=MERGE_PATCH,
    )


def access_cluster_roles(talk: Talk) -> None:
    roles = f"/apis/{_RBAC}/clusterroles"
    name = "access-cluster-roles"
    rule = _rule("create,get,update,patch", "clusterroles", "rbac.authorization.k8s.io")
    talk.quiet("POST", roles, _role(name, rule, kind="ClusterRole"))
    talk.quiet(
        "POST",
        f"/apis/{_RBAC}/clusterrolebindings",
        _binding(name, name, "roler", kind="ClusterRole"),
    )
    u = _as("roler")
    asked = {
        "verb": "create",
        "group": "rbac.authorization.k8s.io",
        "resource": "clusterroles",
        "namespace": "",
    }
    _wait(talk, "roler", asked, lambda status: status["allowed"])
    aggregated = {
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]},
        "metadata": {"name": f"{name}-2"},
    }
    talk.ask("aggregate", "POST", roles, aggregated, headers=u)
    talk.ask("aggregate as admin", "POST", roles, aggregated)
    talk.ask(
        "path",
        "POST",
        roles,
        {
            "metadata": {"name": f"{name}-3"},
            "rules": [{"nonResourceURLs": ["/metrics", "/logs/*"], "verbs": ["get"]}],
        },
        headers=u,
    )
    talk.ask(
        "owned path",
        "POST",
        roles,
        {
            "metadata": {"name": f"{name}-4"},
            "rules": [{"nonResourceURLs": ["/api/v1"], "verbs": ["get"]}],
        },
        headers=u,
    )
    for given in (
        "cluster-admin",
        "view",
        "system:aggregate-to-edit",
        "system:discovery",
        "system:basic-user",
        "system:auth-delegator",
        "system:public-info-viewer",
    ):
        talk.ask(
            given,
            "GET",
            f"{roles}/{given}",
            view=lambda found: (
                {key: value for key, value in found.items() if key != "metadata"}
                | {"labels": found["metadata"].get("labels")}
            ),
        )
    for given in ("cluster-admin", "system:discovery", "system:public-info-viewer"):
        talk.ask(
            f"binding {given}",
            "GET",
            f"/apis/{_RBAC}/clusterrolebindings/{given}",
            view=lambda found: {key: found[key] for key in ("subjects", "roleRef")},
        )
