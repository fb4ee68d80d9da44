"""Lists: shape, selectors, pages, versions, forms."""

from __future__ import annotations

from typing import Any

from peers.recording import MERGE_PATCH, YAML, Talk

from scenarios.objects import config_map, service, workload

_PARTIAL = "application/json;as=PartialObjectMetadata{};v=v1;g=meta.k8s.io"


def _names(found: Any) -> Any:
    names = [each["metadata"]["name"] for each in found.get("items") or ()]
    return {"metadata": found["metadata"], "names": names, "kind": found["kind"]}


def selectors(talk: Talk) -> None:
    maps = talk.path("configmaps")
    for name, labels in (("a", {"x": "1"}), ("b", {"x": "2", "y": ""}), ("c", {}), ("d", None)):
        talk.quiet("POST", maps, config_map(name, metadata={"labels": labels}))
    for selector in (
        "x=1",
        "x==1",
        "x!=1",
        "x in (1,2)",
        "x notin (1)",
        "x",
        "!x",
        "x,y",
        "y=",
        "x=1,y",
        "x in ()",
        "x>0",
        "x>a",
        "x<2",
        "",
        ",",
        "x===1",
        "x=a b",
        "a b=1",
        "x in (1",
        "!x=1",
        "=",
    ):
        query = selector.replace(" ", "%20").replace(">", "%3E").replace("<", "%3C")
        talk.ask(f"labels {selector}", "GET", f"{maps}?labelSelector={query}", view=_names)
    for selector in (
        "metadata.name=a",
        "metadata.name!=a",
        "metadata.name==a",
        "metadata.namespace=none",
        "metadata.name=a,metadata.name=b",
        "data.x=1",
        "metadata.labels=1",
        "x",
        "=",
        "",
        "metadata.name=",
        "status.phase=x",
    ):
        talk.ask(f"fields {selector}", "GET", f"{maps}?fieldSelector={selector}", view=_names)
    for resource, selector in (
        ("pods", "status.phase=Running"),
        ("pods", "spec.foo=x"),
        ("secrets", "type=Opaque"),
        ("services", "spec.type=ClusterIP"),
        ("services", "foo=1"),
        ("events", "foo=1"),
        ("apps/v1/deployments", "spec.replicas=1"),
        ("apps/v1/replicasets", "status.replicas=0"),
    ):
        talk.ask(
            f"{resource} by {selector}",
            "GET",
            f"{talk.path(resource)}?fieldSelector={selector}",
            view=_names,
        )


def pages(talk: Talk) -> None:
    maps = talk.path("configmaps")
    for number in range(7):
        talk.quiet(
            "POST", maps, config_map(f"m{number}", metadata={"labels": {"odd": str(number % 2)}})
        )
    first = talk.ask("first", "GET", f"{maps}?limit=3", view=_names)
    token = first["metadata"]["continue"]
    talk.quiet("POST", maps, config_map("m3a"))
    second = talk.ask("second", "GET", f"{maps}?limit=3&continue={token}", view=_names)
    token = second["metadata"]["continue"]
    talk.ask("third", "GET", f"{maps}?limit=3&continue={token}", view=_names)
    talk.ask("rest at once", "GET", f"{maps}?continue={token}", view=_names)
    talk.ask(
        "with a version", "GET", f"{maps}?limit=3&continue={token}&resourceVersion=5", view=_names
    )
    talk.ask("bad token", "GET", f"{maps}?limit=3&continue=x", view=_names)
    talk.ask("odd limit", "GET", f"{maps}?limit=x", view=_names)
    talk.ask("negative limit", "GET", f"{maps}?limit=-1", view=_names)
    talk.ask("zero limit", "GET", f"{maps}?limit=0", view=_names)
    talk.ask("by label", "GET", f"{maps}?limit=2&labelSelector=odd=1", view=_names)
    talk.ask("exactly all", "GET", f"{maps}?limit=8", view=_names)


def versions(talk: Talk) -> None:
    maps = talk.path("configmaps")
    talk.quiet("POST", maps, config_map("a"))
    now = talk.quiet("GET", maps).body["metadata"]["resourceVersion"]
    for step, query in (
        ("zero", "resourceVersion=0"),
        ("now", f"resourceVersion={now}"),
        ("odd", "resourceVersion=abc"),
        ("negative", "resourceVersion=-1"),
        ("exact", f"resourceVersion={now}&resourceVersionMatch=Exact"),
        ("not older", f"resourceVersion={now}&resourceVersionMatch=NotOlderThan"),
        ("exact zero", "resourceVersion=0&resourceVersionMatch=Exact"),
        ("match alone", "resourceVersionMatch=Exact"),
        ("odd match", f"resourceVersion={now}&resourceVersionMatch=Odd"),
        ("far", "resourceVersion=99999999&timeoutSeconds=1"),
    ):
        talk.ask(step, "GET", f"{maps}?{query}", view=_names)
    talk.ask("object at zero", "GET", f"{maps}/a?resourceVersion=0")
    talk.ask("object at an odd version", "GET", f"{maps}/a?resourceVersion=abc")
    talk.ask("object in the far", "GET", f"{maps}/a?resourceVersion=99999999")


def shapes(talk: Talk) -> None:
    maps = talk.path("configmaps")
    talk.ask("empty", "GET", maps)
    talk.quiet("POST", maps, config_map("a"))
    talk.quiet("POST", talk.path("apps/v1/deployments"), workload("Deployment", "d"))
    talk.quiet("POST", talk.path("services"), service("s"))
    for resource in ("configmaps", "apps/v1/deployments", "services"):
        path = talk.path(resource)
        talk.ask(f"{resource} list", "GET", path)
        talk.ask(f"{resource} metadata", "GET", path, accept=_PARTIAL.format("List"))
    talk.ask("one as metadata", "GET", f"{maps}/a", accept=_PARTIAL.format(""))
    talk.ask("one as list metadata", "GET", f"{maps}/a", accept=_PARTIAL.format("List"))
    talk.ask("list as one metadata", "GET", maps, accept=_PARTIAL.format(""))
    talk.ask("created as metadata", "POST", maps, config_map("b"), accept=_PARTIAL.format(""))
    talk.ask(
        "patched as metadata",
        "PATCH",
        f"{maps}/b",
        {"data": {"z": "1"}},
        content_type=MERGE_PATCH,
        accept=_PARTIAL.format(""),
    )
    talk.ask("deleted as metadata", "DELETE", f"{maps}/b", accept=_PARTIAL.format(""))
    talk.ask("error as metadata", "GET", f"{maps}/none", accept=_PARTIAL.format(""))
    talk.ask(
        "yaml",
        "GET",
        f"{maps}/a",
        accept=YAML,
        view=lambda text: sorted(line.strip("- ").partition(":")[0] for line in text.splitlines()),
    )
    talk.ask("yaml error", "GET", f"{maps}/none", accept=YAML)
    talk.ask("odd conversion", "GET", maps, accept="application/json;as=Odd;v=v1;g=meta.k8s.io")
    talk.ask(
        "all namespaces",
        "GET",
        "/api/v1/configmaps?fieldSelector=metadata.name=a",
        view=lambda found: [
            each["metadata"]["name"]
            for each in found["items"]
            if each["metadata"]["namespace"] == talk.namespace
        ],
    )
    talk.ask(
        "watch of one object",
        "GET",
        f"{maps}/a?watch=1&timeoutSeconds=1",
        view=lambda body: "a stream",
    )
