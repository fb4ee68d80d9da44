"""The same conversation about every kind: written, refused, read, shown, changed, deleted."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from peers.recording import APPLY, JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, TABLE, Talk

from scenarios.objects import Obj
from scenarios.samples import SAMPLES, Sample

_PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"


def _merged(obj: Any, patch: Any) -> Any:
    """A merge patch applied, RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    out = dict(obj) if isinstance(obj, dict) else {}
    for name, value in patch.items():
        if value is None:
            out.pop(name, None)
        else:
            out[name] = _merged(out.get(name), value)
    return out


class _Conversation:
    """One sample's requests."""

    def __init__(self, talk: Talk, sample: Sample) -> None:
        self._talk = talk
        self._sample = sample
        group_version, _, plural = sample.resource.rpartition("/")
        root = f"/apis/{group_version}" if "/" in group_version else "/api/v1"
        self._all = talk.path(sample.resource) if sample.namespaced else f"{root}/{plural}"
        # The objects of the whole cluster are told apart by the scenario's name.
        self._name = sample.name if sample.namespaced else talk.namespace
        self._one = f"{self._all}/{self._name}"
        self._api_version = group_version if "/" in group_version else "v1"

    def hold(self) -> None:
        self._refused()
        self._created()
        self._shown()
        self._patched()
        self._changed()
        self._parts()
        self._deleted()

    def _object(self, name: str = "") -> Obj:
        body = copy.deepcopy(self._sample.body)
        body["metadata"] = {"name": name or self._name, **body.get("metadata", {})}
        return {"apiVersion": self._api_version, "kind": self._sample.kind, **body}

    def _refused(self) -> None:
        dry = f"{self._all}?dryRun=All"
        empty = {"metadata": {"name": self._name}}
        self._talk.ask("empty", "POST", dry, empty)
        for name, patch in self._sample.bad.items():
            self._talk.ask(f"bad: {name}", "POST", dry, _merged(self._object(), patch))
        self._talk.ask(
            "no name", "POST", dry, _merged(self._object(), {"metadata": {"name": None}})
        )
        self._talk.ask("odd name", "POST", dry, self._object("A_"))
        self._talk.ask("long name", "POST", dry, self._object("a" * 254))
        self._talk.ask("other kind", "POST", dry, {**self._object(), "kind": "Odd"})
        unknown = {**self._object(), "foo": 1, "metadata": {"name": self._name, "bar": 1}}
        for mode in ("Strict", "Warn", "Ignore", "Odd"):
            path = f"{dry}&fieldValidation={mode}"
            self._talk.ask(f"unknown fields, {mode}", "POST", path, unknown)
        self._talk.ask("dry", "POST", dry, self._object())

    def _created(self) -> None:
        self._talk.ask("create", "POST", self._all, self._object())
        self._talk.ask("create again", "POST", self._all, self._object())

    def _shown(self) -> None:
        self._talk.ask("get", "GET", self._one)
        self._talk.ask("table", "GET", self._one, accept=TABLE)
        self._talk.ask("metadata", "GET", self._one, accept=_PARTIAL)
        chosen = f"{self._all}?fieldSelector=metadata.name={self._name}"
        self._talk.ask("list", "GET", chosen)
        self._talk.ask("list as a table", "GET", chosen, accept=TABLE)
        self._talk.ask("odd field", "GET", f"{self._all}?fieldSelector=spec.odd=1")
        self._talk.ask("absent", "GET", f"{self._all}/absent")

    def _patched(self) -> None:
        label = {"metadata": {"labels": {"merge": "1"}}}
        self._talk.ask("merge", "PATCH", self._one, label, content_type=MERGE_PATCH)
        note = {"metadata": {"annotations": {"strategic": "1"}}}
        self._talk.ask("strategic", "PATCH", self._one, note, content_type=STRATEGIC_PATCH)
        steps = [{"op": "add", "path": "/metadata/labels/json", "value": "1"}]
        self._talk.ask("json", "PATCH", self._one, steps, content_type=JSON_PATCH)
        applied = {
            "apiVersion": self._api_version,
            "kind": self._sample.kind,
            "metadata": {"name": self._name, "labels": {"applied": "1"}},
        }
        path = f"{self._one}?fieldManager=applier"
        self._talk.ask("apply", "PATCH", path, applied, content_type=APPLY)
        self._talk.ask("apply all", "PATCH", path, self._object(), content_type=APPLY)
        self._talk.ask(
            "patch the absent", "PATCH", f"{self._all}/absent", label, content_type=MERGE_PATCH
        )

    def _changed(self) -> None:
        for name, patch in self._sample.fixed.items():
            path = f"{self._one}?dryRun=All"
            self._talk.ask(f"change: {name}", "PATCH", path, patch, content_type=MERGE_PATCH)
        live = self._talk.quiet("GET", self._one).body
        self._talk.ask("same", "PUT", self._one, live)
        stale = _merged(live, {"metadata": {"resourceVersion": "1"}})
        self._talk.ask("stale", "PUT", self._one, stale)
        bare = _merged(live, {"metadata": {"resourceVersion": None, "labels": {"put": "1"}}})
        self._talk.ask("without a version", "PUT", self._one, bare)
        self._talk.ask(
            "put the absent", "PUT", f"{self._all}/absent?dryRun=All", self._object("absent")
        )
        renamed = _merged(live, {"metadata": {"name": "other"}})
        self._talk.ask("renamed", "PUT", self._one, renamed)

    def _parts(self) -> None:
        self._talk.ask("status", "GET", f"{self._one}/status")
        note = {"metadata": {"annotations": {"status": "1"}, "labels": {"status": "1"}}}
        self._talk.ask(
            "status note", "PATCH", f"{self._one}/status", note, content_type=MERGE_PATCH
        )
        self._talk.ask("scale", "GET", f"{self._one}/scale")
        more = {"spec": {"replicas": 1}}
        self._talk.ask(
            "scaled", "PATCH", f"{self._one}/scale?dryRun=All", more, content_type=MERGE_PATCH
        )
        self._talk.ask("odd part", "GET", f"{self._one}/odd")

    def _deleted(self) -> None:
        self._talk.ask(
            "delete all, dry",
            "DELETE",
            f"{self._all}?dryRun=All&fieldSelector=metadata.name={self._name}",
        )
        self._talk.ask("delete, dry", "DELETE", f"{self._one}?dryRun=All&gracePeriodSeconds=0")
        other = {"preconditions": {"uid": "00000000-0000-0000-0000-000000000000"}}
        self._talk.ask("delete another", "DELETE", self._one, other)
        odd = {"propagationPolicy": "Odd"}
        self._talk.ask("delete oddly", "DELETE", self._one, odd)
        self._talk.ask("delete", "DELETE", f"{self._one}?gracePeriodSeconds=0")
        self._talk.ask("delete again", "DELETE", f"{self._all}/absent")


def _scenario(sample: Sample) -> Callable[[Talk], None]:
    def hold(talk: Talk) -> None:
        _Conversation(talk, sample).hold()

    # Names of namespaces are made of it.
    hold.__name__ = "kind_" + sample.resource.replace("/", "_").replace(".", "_")[-50:].lower()
    return hold


SCENARIOS = tuple(_scenario(sample) for sample in SAMPLES)
