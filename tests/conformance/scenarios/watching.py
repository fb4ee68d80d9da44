"""Watches: events of changes, selectors, bookmarks, refusals."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

from peers.recording import MERGE_PATCH, TABLE, Talk

from scenarios.objects import config_map


def watch_events(talk: Talk) -> None:
    maps = talk.path("configmaps")
    start = talk.quiet("GET", maps).body["metadata"]["resourceVersion"]
    talk.quiet("POST", maps, config_map("a", metadata={"labels": {"x": "1"}}))
    talk.quiet("PATCH", f"{maps}/a", {"data": {"b": "1"}}, content_type=MERGE_PATCH)
    talk.quiet("PATCH", f"{maps}/a", {}, content_type=MERGE_PATCH)
    talk.quiet("PATCH", f"{maps}/a", {"metadata": {"labels": {"x": "2"}}}, content_type=MERGE_PATCH)
    talk.quiet("PATCH", f"{maps}/a", {"metadata": {"labels": {"x": "1"}}}, content_type=MERGE_PATCH)
    talk.quiet("DELETE", f"{maps}/a")
    talk.quiet("POST", maps, config_map("b", metadata={"labels": {"x": "1"}}))
    found = talk.watch("all", f"{maps}?resourceVersion={start}", 6)
    kept = [int(each["object"]["metadata"]["resourceVersion"]) for each in found]
    talk.keep("versions grow", kept == sorted(set(kept)))
    talk.watch("selected", f"{maps}?resourceVersion={start}&labelSelector=x=1", 6)
    talk.watch("by name", f"{maps}?resourceVersion={start}&fieldSelector=metadata.name=b", 1)
    talk.watch("from now", maps, 1)
    talk.watch("from zero", f"{maps}?resourceVersion=0", 1)
    partial = {"Accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}
    talk.ask(
        "as metadata",
        "GET",
        f"{maps}?watch=1&resourceVersion={start}&timeoutSeconds=1",
        headers=partial,
        view=_lines,
    )
    talk.ask(
        "as tables",
        "GET",
        f"{maps}?watch=1&resourceVersion={start}&timeoutSeconds=1",
        headers={"Accept": TABLE},
        view=_tables,
    )


def _lines(body: Any) -> Any:
    return [json.loads(line) for line in body.splitlines()] if isinstance(body, str) else [body]


def _tables(body: Any) -> Any:
    return [
        {
            "type": each["type"],
            "columns": each["object"].get("columnDefinitions") is not None,
            "rows": [{"cells": row["cells"]} for row in each["object"]["rows"]],
        }
        for each in _lines(body)
    ]


def watch_lists(talk: Talk) -> None:
    maps = talk.path("configmaps")
    for name in ("a", "b"):
        talk.quiet("POST", maps, config_map(name))
    query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    for step, more in (
        ("plain", ""),
        ("zero", "&resourceVersion=0"),
        ("by name", "&fieldSelector=metadata.name=a"),
    ):
        events = talk.events(f"{maps}?{query}{more}")
        found: list[dict[str, Any]] = []
        for event in islice(events, 10):
            found.append(event)
            if event["type"] == "BOOKMARK":
                break
        events.close()  # type: ignore[attr-defined]
        talk.keep(step, sorted(found, key=lambda each: each["object"]["metadata"].get("name", "")))
    for step, more in (
        ("no match", "watch=1&sendInitialEvents=true&allowWatchBookmarks=true"),
        ("no watch", "sendInitialEvents=true&resourceVersionMatch=NotOlderThan"),
        ("no bookmarks", "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"),
        ("exact", "watch=1&sendInitialEvents=true&resourceVersionMatch=Exact&resourceVersion=1"),
        ("match on a watch", "watch=1&resourceVersionMatch=NotOlderThan&resourceVersion=1"),
        ("odd match", "watch=1&sendInitialEvents=true&resourceVersionMatch=Odd"),
        ("odd version", "watch=1&resourceVersion=abc"),
        ("odd timeout", "watch=1&timeoutSeconds=x"),
        ("odd selector", "watch=1&labelSelector=a=b=c"),
        ("odd field", "watch=1&fieldSelector=data.x=1"),
        ("continue", "watch=1&continue=abc&timeoutSeconds=1"),
        ("far future", "watch=1&resourceVersion=99999999&timeoutSeconds=1"),
        ("nothing happens", "watch=1&timeoutSeconds=1&fieldSelector=metadata.name=zzz"),
    ):
        talk.ask(step, "GET", f"{maps}?{more}&timeoutSeconds=1", view=_lines)
    talk.ask("unknown resource", "GET", f"{talk.path('foos')}?watch=1")
