"""Deletion: answers, preconditions, finalizers, policies, collections."""

from __future__ import annotations

from typing import Any

from peers.recording import JSON_PATCH, MERGE_PATCH, Talk

from scenarios.objects import config_map, workload


def plain_deletion(talk: Talk) -> None:
    maps = talk.path("configmaps")
    for name in ("a", "b", "c", "d", "e"):
        talk.quiet("POST", maps, config_map(name))
    talk.ask("delete", "DELETE", f"{maps}/a")
    talk.ask("again", "DELETE", f"{maps}/a")
    talk.ask("wrong uid", "DELETE", f"{maps}/b", {"preconditions": {"uid": "x"}})
    talk.ask("wrong version", "DELETE", f"{maps}/b", {"preconditions": {"resourceVersion": "1"}})
    talk.ask("odd policy", "DELETE", f"{maps}/b?propagationPolicy=Odd")
    talk.ask(
        "both policies",
        "DELETE",
        f"{maps}/b",
        {"orphanDependents": True, "propagationPolicy": "Background"},
    )
    talk.ask("odd body", "DELETE", f"{maps}/b", {"kind": "Pod", "apiVersion": "v1"})
    talk.ask("not json", "DELETE", f"{maps}/b", "{")
    talk.ask("odd grace", "DELETE", f"{maps}/b", {"gracePeriodSeconds": "x"})
    talk.ask("odd grace in the query", "DELETE", f"{maps}/b?gracePeriodSeconds=x")
    talk.ask("negative grace", "DELETE", f"{maps}/b?gracePeriodSeconds=-1")
    talk.ask(
        "with a body",
        "DELETE",
        f"{maps}/c",
        {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"},
    )
    talk.ask(
        "with meta options",
        "DELETE",
        f"{maps}/d",
        {"kind": "DeleteOptions", "apiVersion": "meta.k8s.io/v1", "gracePeriodSeconds": 0},
    )
    talk.ask("unknown option", "DELETE", f"{maps}/e", {"foo": 1})
    sets = talk.path("apps/v1/deployments")
    talk.quiet("POST", sets, workload("Deployment", "d"))
    talk.ask("deployment", "DELETE", f"{sets}/d")


def finalizers(talk: Talk) -> None:
    maps = talk.path("configmaps")
    held = config_map("held", metadata={"finalizers": ["example.com/a", "example.com/b"]})
    talk.quiet("POST", maps, held)
    path = f"{maps}/held"
    talk.ask("delete", "DELETE", path)
    talk.ask("still there", "GET", path)
    talk.ask("delete again", "DELETE", path)
    talk.ask("change data", "PATCH", path, {"data": {"x": "1"}}, content_type=MERGE_PATCH)
    talk.ask(
        "new finalizer",
        "PATCH",
        path,
        {"metadata": {"finalizers": ["example.com/c"]}},
        content_type=MERGE_PATCH,
    )
    talk.ask("create over it", "POST", maps, config_map("held"))
    talk.ask(
        "one less",
        "PATCH",
        path,
        [{"op": "remove", "path": "/metadata/finalizers/0"}],
        content_type=JSON_PATCH,
    )
    talk.ask(
        "none left", "PATCH", path, {"metadata": {"finalizers": None}}, content_type=MERGE_PATCH
    )
    talk.ask("gone", "GET", path)
    sets = talk.path("apps/v1/deployments")
    for name, policy in (("f", "Foreground"), ("o", "Orphan"), ("b", "Background")):
        talk.quiet("POST", sets, workload("Deployment", name))
        talk.ask(f"{policy}", "DELETE", f"{sets}/{name}", {"propagationPolicy": policy})
        talk.ask(f"{policy} after", "GET", f"{sets}/{name}")
        talk.ask(
            f"{policy} then background",
            "DELETE",
            f"{sets}/{name}",
            {"propagationPolicy": "Background"},
        )
    talk.quiet("POST", sets, workload("Deployment", "old"))
    talk.ask("orphan the old way", "DELETE", f"{sets}/old", {"orphanDependents": True})
    talk.quiet("POST", maps, config_map("dry", metadata={"finalizers": ["example.com/a"]}))
    talk.ask("dry run of a held one", "DELETE", f"{maps}/dry?dryRun=All")
    talk.ask("not marked", "GET", f"{maps}/dry")


def collections(talk: Talk) -> None:
    maps = talk.path("configmaps")
    for name, label in (("a", "1"), ("b", "1"), ("c", "2")):
        talk.quiet("POST", maps, config_map(name, metadata={"labels": {"x": label}}))
    held = config_map("h", metadata={"labels": {"x": "1"}, "finalizers": ["example.com/a"]})
    talk.quiet("POST", maps, held)

    def names(found: Any) -> Any:
        return {**found, "items": sorted(each["metadata"]["name"] for each in found["items"])}

    talk.ask("dry run", "DELETE", f"{maps}?labelSelector=x=1&dryRun=All", view=names)
    talk.ask("by label", "DELETE", f"{maps}?labelSelector=x=1")
    talk.ask("left", "GET", maps, view=names)
    talk.ask("by nothing that fits", "DELETE", f"{maps}?labelSelector=x=9")
    talk.ask("bad selector", "DELETE", f"{maps}?labelSelector=x==")
    talk.ask("all", "DELETE", maps, view=names)
    talk.ask("held is left", "GET", maps, view=names)
