"""Server-side apply as a state machine against a flat model of fields and owners.

The model knows leaves only: a path has a value and a set of owners. That is enough to say what
every apply, forced or not, and every update must give, for maps, lists keyed by a field, sets and
atomic lists.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from towline.kube.schema.structural import structural_node
from towline.kube.ssa import server_side_apply, track_update
from towline.kube.status import ApiError

Path = tuple[str, ...]
Fields = dict[Path, Any]
Owner = tuple[str, str]

STRING = {"type": "string"}
ITEM = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": STRING, "v": STRING, "w": STRING},
}
SCHEMA = structural_node(
    {
        "type": "object",
        "properties": {
            "apiVersion": STRING,
            "kind": STRING,
            "metadata": {"type": "object"},
            "spec": {
                "type": "object",
                "properties": {
                    "one": STRING,
                    "two": STRING,
                    "map": {"type": "object", "additionalProperties": STRING},
                    "items": {
                        "type": "array",
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["name"],
                        "items": ITEM,
                    },
                    "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": STRING},
                    "args": {"type": "array", "items": STRING},
                    "whole": {
                        "type": "object",
                        "x-kubernetes-map-type": "atomic",
                        "additionalProperties": STRING,
                    },
                },
            },
        },
    }
)

SHORT = st.sampled_from("12")
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "one": SHORT,
        "two": SHORT,
        "map": st.dictionaries(st.sampled_from("pq"), SHORT, min_size=1),
        "items": st.dictionaries(
            st.sampled_from("abc"),
            st.fixed_dictionaries({}, optional={"v": SHORT, "w": SHORT}),
            min_size=1,
        ).map(lambda items: [{"name": name, **rest} for name, rest in items.items()]),
        "tags": st.lists(st.sampled_from("xyz"), unique=True, min_size=1),
        "args": st.lists(SHORT, min_size=1, max_size=2),
        "whole": st.dictionaries(st.sampled_from("pq"), SHORT, min_size=1),
    },
)


def flat(spec: dict[str, Any]) -> Fields:
    """The leaves of a spec; an item and a tag are leaves of their own."""
    fields: Fields = {}
    for name, value in spec.items():
        if name == "map":
            fields |= {("map", key): below for key, below in value.items()}
        elif name == "tags":
            fields |= {("tags", tag): True for tag in value}
        elif name == "items":
            for item in value:
                fields["items", item["name"]] = True
                fields |= {("items", item["name"], key): below for key, below in item.items()}
        else:
            fields[(name,)] = value
    return fields


def nested(fields: Fields, order: dict[str, Any]) -> dict[str, Any]:
    """The spec of leaves, with lists in the order of an earlier spec."""
    spec: dict[str, Any] = {}
    for path, value in fields.items():
        match path:
            case ("map", key):
                spec.setdefault("map", {})[key] = value
            case ("tags", tag):
                spec.setdefault("tags", []).append(tag)
            case ("items", name):
                spec.setdefault("items", []).append(
                    {k[2]: v for k, v in fields.items() if len(k) == 3 and k[1] == name}
                )
            case ("items", _, _):
                pass
            case (name,):
                spec[name] = value
    names = [item["name"] for item in order.get("items", [])]
    if "items" in spec:
        spec["items"].sort(key=lambda item: (item["name"] not in names, item["name"]))
    return spec


def owned_paths(tree: dict[str, Any]) -> set[Path]:
    """The leaves of an entry's `fieldsV1`."""
    found: set[Path] = set()
    for name, below in tree.get("f:spec", {}).items():
        field = name.removeprefix("f:")
        if field == ".":
            continue
        if field == "map":
            found |= {("map", key[2:]) for key in below if key != "."}
        elif field == "tags":
            found |= {("tags", key[3:-1]) for key in below if key != "."}
        elif field == "items":
            for key, inner in below.items():
                if key == ".":
                    continue
                item = key.split('"')[3]
                found |= {("items", item, sub[2:]) for sub in inner if sub != "."}
                if "." in inner or not inner:
                    found.add(("items", item))
        else:
            found.add((field,))
    return found


class ServerSideApply(RuleBasedStateMachine):
    """Appliers `a`, `b`, `c` and an updater `u` on one object."""

    def __init__(self) -> None:
        super().__init__()
        self.live: dict[str, Any] | None = None
        self.fields: Fields = {}
        self.owners: dict[Owner, set[Path]] = {}
        self.clock = 0

    def now(self) -> str:
        self.clock += 1
        return (
            f"2024-01-01T{self.clock // 3600:02}:{self.clock // 60 % 60:02}:{self.clock % 60:02}Z"
        )

    def obj(self, spec: dict[str, Any]) -> dict[str, Any]:
        return {
            "apiVersion": "example.com/v1",
            "kind": "Thing",
            "metadata": {"name": "t"},
            "spec": spec,
        }

    def apply(self, manager: str, spec: dict[str, Any], *, force: bool) -> dict[str, Any]:
        return server_side_apply(
            self.live,
            self.obj(spec),
            manager,
            schema=SCHEMA,
            force=force,
            api_version="example.com/v1",
            now=self.now(),
        )

    def holders(self, path: Path, *, but: Owner) -> list[Owner]:
        return [who for who, paths in self.owners.items() if who != but and path in paths]

    def tracked(self) -> bool:
        """Whether the object has owners at all; containers that became empty have some, too."""
        return bool((self.live or {}).get("metadata", {}).get("managedFields"))

    def take_from_all(self, paths: set[Path], *, but: Owner | None = None) -> None:
        for who in self.owners:
            if who != but:
                self.owners[who] -= paths

    def remove(self, gone: set[Path]) -> set[Path]:
        """Removes leaves, and with an item all that it has; returns what went."""
        items = {path for path in gone if path[0] == "items" and len(path) == 2}
        gone = gone | {path for path in self.fields if path[:2] in items}
        self.fields = {path: value for path, value in self.fields.items() if path not in gone}
        return gone

    @rule(manager=st.sampled_from("abc"), spec=SPECS, force=st.booleans())
    def apply_configuration(self, manager: str, spec: dict[str, Any], force: bool) -> None:
        me = (manager, "Apply")
        untracked = not self.tracked()
        if untracked:
            self.owners = {("before-first-apply", "Update"): set(self.fields)}
        wanted = flat(spec)
        touched = {path for path, value in wanted.items() if self.fields.get(path) != value}
        disputed = {(who, path) for path in touched for who in self.holders(path, but=me)}
        before = copy.deepcopy(self.live)
        if disputed and not force:
            with pytest.raises(ApiError) as caught:
                self.apply(manager, spec, force=False)
            assert caught.value.reason == "Conflict"
            assert len(caught.value.details["causes"]) == len(disputed)
            assert self.live == before
            self.owners = {} if untracked else self.owners
            return
        self.live = self.apply(manager, spec, force=force)
        dropped = self.owners.get(me, set()) - wanted.keys()
        gone = {path for path in dropped if not self.holders(path, but=me)}
        gone = self.remove(gone & self.fields.keys())
        self.fields |= wanted
        self.take_from_all(touched | gone, but=me)
        self.owners[me] = set(wanted)
        again = self.apply(manager, spec, force=False)
        assert again == self.live, "applying again changes something"

    def update(self, change: Fields, gone: set[Path]) -> None:
        """The updater writes the whole object back with some leaves changed."""
        me = ("u", "Update")
        tracked = self.live is None or self.tracked()
        before = dict(self.fields)
        gone = self.remove(gone & self.fields.keys())
        self.fields |= change
        touched = {path for path, value in self.fields.items() if before.get(path) != value}
        old = self.live
        spec = nested(self.fields, (old or {}).get("spec", {}))
        new = self.obj(spec)
        if old is not None:
            new["metadata"] = copy.deepcopy(old["metadata"])
        self.live = track_update(
            old, new, "u", schema=SCHEMA, api_version="example.com/v1", now=self.now()
        )
        if not tracked:
            return
        self.take_from_all(touched | gone)
        self.owners[me] = self.owners.get(me, set()) | touched

    @rule(name=st.sampled_from(["one", "two"]), value=SHORT)
    def set_a_field(self, name: str, value: str) -> None:
        self.update({(name,): value}, set())

    @rule(key=st.sampled_from("pq"), value=SHORT)
    def set_a_key(self, key: str, value: str) -> None:
        self.update({("map", key): value}, set())

    @rule(item=st.sampled_from("abc"), key=st.sampled_from("vw"), value=SHORT)
    def set_a_field_of_an_item(self, item: str, key: str, value: str) -> None:
        change: Fields = {("items", item, key): value}
        if ("items", item) not in self.fields:
            change |= {("items", item): True, ("items", item, "name"): item}
        self.update(change, set())

    @rule(path=st.sampled_from([("one",), ("map", "p"), ("items", "a"), ("tags", "x"), ("args",)]))
    def remove_a_field(self, path: Path) -> None:
        if self.live is not None:
            self.update({}, {path})

    @invariant()
    def the_object_and_its_owners_are_as_the_model_says(self) -> None:
        if self.live is None:
            return
        assert flat(self.live.get("spec") or {}) == self.fields
        found = {
            (entry["manager"], entry["operation"]): owned_paths(entry["fieldsV1"])
            for entry in self.live["metadata"].get("managedFields") or []
        }
        found = {who: paths for who, paths in found.items() if paths}
        assert found == {who: paths for who, paths in self.owners.items() if paths}


ServerSideApply.TestCase.settings = settings(
    max_examples=100, stateful_step_count=25, deadline=None
)
TestServerSideApply = ServerSideApply.TestCase
