"""Namespaces: creation, deletion, finalization, what is refused in them."""

from __future__ import annotations

from peers.recording import APPLY, MERGE_PATCH, Talk

from scenarios.objects import config_map

_ALL = "/api/v1/namespaces"


def namespace_life(talk: Talk) -> None:
    talk.ask("create", "POST", _ALL, {"metadata": {"name": "ns-life"}})
    talk.ask("again", "POST", _ALL, {"metadata": {"name": "ns-life"}})
    talk.ask("bad name", "POST", _ALL, {"metadata": {"name": "a.b"}})
    talk.ask("long name", "POST", _ALL, {"metadata": {"name": "a" * 64}})
    talk.ask("no name", "POST", _ALL, {"metadata": {}})
    talk.ask("dry run", "POST", f"{_ALL}?dryRun=All", {"metadata": {"name": "ns-dry"}})
    talk.ask(
        "own finalizer",
        "POST",
        f"{_ALL}?dryRun=All",
        {"metadata": {"name": "ns-own"}, "spec": {"finalizers": ["example.com/a"]}},
    )
    talk.ask(
        "a status",
        "POST",
        f"{_ALL}?dryRun=All",
        {"metadata": {"name": "ns-own"}, "status": {"phase": "Terminating"}},
    )
    mine = f"{_ALL}/ns-life"
    talk.ask("label", "PATCH", mine, {"metadata": {"labels": {"a": "b"}}}, content_type=MERGE_PATCH)
    talk.ask(
        "lose the name label",
        "PATCH",
        mine,
        {"metadata": {"labels": None}},
        content_type=MERGE_PATCH,
    )
    talk.ask(
        "finalizers by patch", "PATCH", mine, {"spec": {"finalizers": []}}, content_type=MERGE_PATCH
    )
    talk.ask(
        "apply",
        "PATCH",
        f"{mine}?fieldManager=m",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ns-life"}},
        content_type=APPLY,
    )
    talk.ask("status", "GET", f"{mine}/status")
    talk.quiet("POST", f"{mine}/configmaps", config_map("a"))
    talk.ask("delete dry", "DELETE", f"{mine}?dryRun=All")
    talk.ask("delete", "DELETE", mine)
    talk.ask("delete again", "DELETE", mine)
    talk.ask("terminating", "GET", mine)
    talk.ask("create in it", "POST", f"{mine}/configmaps", config_map("b"))
    talk.ask(
        "apply in it",
        "PATCH",
        f"{mine}/configmaps/c?fieldManager=m",
        config_map("c"),
        content_type=APPLY,
    )
    talk.ask(
        "change in it",
        "PATCH",
        f"{mine}/configmaps/a",
        {"data": {"x": "1"}},
        content_type=MERGE_PATCH,
    )
    talk.ask("create it again", "POST", _ALL, {"metadata": {"name": "ns-life"}})
    live = talk.quiet("GET", mine).body
    live["spec"]["finalizers"] = []
    talk.ask("finalize", "PUT", f"{mine}/finalize", live)
    talk.ask("gone", "GET", mine)
    talk.ask("protected", "DELETE", f"{_ALL}/default")
    talk.ask("protected system", "DELETE", f"{_ALL}/kube-system")
    talk.ask("missing", "DELETE", f"{_ALL}/none")
    talk.ask(
        "by phase",
        "GET",
        f"{_ALL}?fieldSelector=status.phase=Active,metadata.name=default",
        view=lambda found: [each["metadata"]["name"] for each in found["items"]],
    )
    talk.ask(
        "default",
        "GET",
        f"{_ALL}/default",
        view=lambda made: {
            "labels": made["metadata"].get("labels"),
            "spec": made["spec"],
            "status": made["status"],
        },
    )
