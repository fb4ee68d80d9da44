"""Validation rules of custom resources: what definitions may say, and what objects are told."""

from __future__ import annotations

from typing import Any

from peers.recording import MERGE_PATCH, Talk

from scenarios.objects import definition, serve

_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_NAME = {"type": "string", "maxLength": 20}
_LIMITS: dict[str, Any] = {"min": {"type": "integer"}, "max": {"type": "integer"}}


def _object(properties: dict[str, Any], *rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = {"type": "object", "properties": properties, **more}
    return {**made, "x-kubernetes-validations": list(rules)} if rules else made


def _root(spec: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {"spec": spec}}


def wrong_rules(talk: Talk) -> None:
    def ask(step: str, spec: dict[str, Any]) -> None:
        body = definition("wrong.example.com", "things", "Thing", _root(spec))
        talk.ask(step, "POST", f"{_CRDS}?dryRun=All", body)

    for step, rule in {
        "unknown field": "self.zz == 1",
        "unknown name": "other == 1",
        "unknown function": "self.min.odd()",
        "wrong types": "self.min == 'a'",
        "no boolean": "self.min",
        "unfinished": "self.min ==",
        "open bracket": "(self.min == 1",
        "bad pattern": "'a'.matches('(')",
        "bad conversion": "int('a') == 1",
        "mixed list": "[1, 'a'].size() == 2",
        "reserved": "self.for == 1",
        "bad macro": "[1].all(1, true)",
        "empty": "",
    }.items():
        ask(step, _object(_LIMITS, {"rule": rule}))
    for step, more in {
        "message of two lines": {"message": "a\nb"},
        "blank message": {"message": " "},
        "odd reason": {"reason": "Odd"},
        "odd path": {"fieldPath": ".zz"},
        "message of another type": {"messageExpression": "1"},
        "message with an unknown field": {"messageExpression": "self.zz"},
        "optional without use": {"optionalOldSelf": True},
    }.items():
        ask(step, _object(_LIMITS, {"rule": "true", **more}))
    items = {"type": "array", "maxItems": 5, "items": {**_NAME}}
    items["items"]["x-kubernetes-validations"] = [{"rule": "self == oldSelf"}]
    ask("old item of a list", _object({"l": items}))


def rules_on_objects(talk: Talk) -> None:
    item = _object(
        {"k": _NAME, "v": {"type": "integer"}},
        {"rule": "self.v >= oldSelf.v", "message": "must not fall"},
        required=["k"],
    )
    spec = _object(
        {
            **_LIMITS,
            "name": {**_NAME, "x-kubernetes-validations": [{"rule": "self.startsWith('a')"}]},
            "port": {"x-kubernetes-int-or-string": True},
            "at": {"type": "string", "format": "date-time"},
            "maybe": {**_NAME, "nullable": True},
            "items": {
                "type": "array",
                "maxItems": 10,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["k"],
                "items": item,
            },
            "fixed": {**_NAME, "x-kubernetes-validations": [{"rule": "self == oldSelf"}]},
        },
        {"rule": "!has(self.min) || !has(self.max) || self.min <= self.max"},
        {
            "rule": "!has(self.max) || self.max < 100",
            "messageExpression": "'max is %d'.format([self.max])",
            "fieldPath": ".max",
            "reason": "FieldValueForbidden",
        },
        {"rule": "!has(self.port) || self.port + 1 > 0"},
        {"rule": "!has(self.at) || self.at > timestamp('2020-01-01T00:00:00Z')", "message": "old"},
        {"rule": "!has(self.min) || 10 / self.min > 0"},
    )
    serve(talk, definition("rules.example.com", "things", "Thing", _root(spec)))
    path = talk.path("rules.example.com/v1/things")

    def thing(called: str, **spec: Any) -> dict[str, Any]:
        meta = {"name": called}
        head = {"apiVersion": "rules.example.com/v1", "kind": "Thing", "metadata": meta}
        return {**head, "spec": spec}

    for step, fields in {
        "in order": {"min": 1, "max": 2, "name": "ab", "maybe": None},
        "wrong order": {"min": 3, "max": 2},
        "too much": {"min": 1, "max": 200},
        "wrong name": {"name": "b"},
        "text for a number": {"port": "x"},
        "too old": {"at": "2019-01-01T00:00:00Z"},
        "division": {"min": 0, "max": 1},
        "wrong type too": {"min": "a", "max": 200},
    }.items():
        talk.ask(step, "POST", path, thing(step.replace(" ", "-"), **fields))
    first = thing("first", items=[{"k": "a", "v": 5}, {"k": "b", "v": 5}], fixed="x")
    talk.ask("first", "POST", path, first)
    for step, change in {
        "fall": {"items": [{"k": "b", "v": 4}, {"k": "a", "v": 6}]},
        "new item": {"items": [{"k": "c", "v": 1}, {"k": "a", "v": 6}]},
        "unfix": {"fixed": "y"},
        "remove fixed": {"fixed": None},
    }.items():
        body = {"spec": change}
        talk.ask(step, "PATCH", f"{path}/first", body, content_type=MERGE_PATCH)
