from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from towline.kube.refs import GroupVersionKind
from towline.kubeclient.objects import CachedObject, cached_object
from towline.kubeclient.objectstore import ObjectStore
from towline.kubeclient.reflector import LineSplitter

GVK = GroupVersionKind("", "v1", "ConfigMap")


def make(name: str, uid: str, version: int, owner: str = "") -> CachedObject:
    meta: dict[str, Any] = {"name": name, "uid": uid, "resourceVersion": str(version)}
    if owner:
        meta["ownerReferences"] = [{"uid": owner, "kind": "X", "name": "x"}]
    return cached_object(orjson.dumps({"metadata": meta}), GVK)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[tuple[str, CachedObject]], dict[str, str]]:
    """Changes of a few objects in order, and which versions exist at the end."""
    events: list[tuple[str, CachedObject]] = []
    alive: dict[str, str] = {}
    steps = draw(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=25))
    for version, (name, delete) in enumerate(steps, start=8):
        if name not in alive:
            alive[name] = f"{name}-{version}"
            events.append(("ADDED", make(name, alive[name], version, draw(owners))))
        elif delete:
            events.append(("DELETED", make(name, alive.pop(name), version)))
        else:
            events.append(("MODIFIED", make(name, alive[name], version, draw(owners))))
    last = {obj.name: obj.resource_version for _, obj in events}
    return events, {name: last[name] for name in alive}


owners = st.sampled_from(["", "o1", "o2"])


def versions(store: ObjectStore) -> dict[str, str]:
    return {obj.name: obj.resource_version for obj in store.objects()}


@given(histories(), st.randoms(use_true_random=False))
def test_r20_doubled_and_reordered_events_end_in_the_true_state(
    history: tuple[list[tuple[str, CachedObject]], dict[str, str]], random: Any
) -> None:
    events, truth = history
    mixed = [*events, *events[::2]]
    random.shuffle(mixed)
    store = ObjectStore()
    for type_, obj in mixed:
        store.watched(type_, obj)
    assert versions(store) == truth


@given(histories(), st.data())
def test_subscribers_and_indexes_agree_with_the_state(
    history: tuple[list[tuple[str, CachedObject]], dict[str, str]], data: st.DataObject
) -> None:
    events, truth = history
    store = ObjectStore()
    mirror: dict[str, CachedObject] = {}

    def follow(type_: str, new: CachedObject, old: CachedObject | None) -> None:
        assert (type_ == "ADDED") == (new.name not in mirror)
        assert old is mirror.get(new.name)
        if type_ == "DELETED":
            del mirror[new.name]
        else:
            mirror[new.name] = new

    store.subscribe(follow)
    # Some events are lost; a list in the middle or at the end makes up for them.
    for type_, obj in events:
        if data.draw(st.booleans()):
            store.watched(type_, obj)
    last = {obj.name: obj for _, obj in events}
    store.replace(GVK.group_kind, [last[name] for name in truth], "1000")
    assert versions(store) == truth
    assert mirror == {obj.name: obj for obj in store.objects()}
    for owner in ("o1", "o2"):
        expected = {
            obj.name
            for obj in store.objects()
            if any(reference.uid == owner for reference in obj.owner_references)
        }
        assert {obj.name for obj in store.children(owner)} == expected
    assert all(store.by_uid(obj.uid) is obj for obj in store.objects())


def test_list_of_a_restored_server_is_taken_when_forced() -> None:
    store = ObjectStore()
    store.watched("ADDED", make("a", "u1", 500))
    store.watched("ADDED", make("b", "u2", 501))
    store.watched("DELETED", make("b", "u2", 502))
    old = [make("a", "u1", 20), make("b", "u2", 21)]
    store.replace(GVK.group_kind, old, "30", force=True)
    assert versions(store) == {"a": "20", "b": "21"}
    store.watched("MODIFIED", make("b", "u2", 31))
    assert versions(store)["b"] == "31"


@given(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b""))), st.data())
def test_lines_survive_any_cutting(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines) + b"unfinished"
    splitter = LineSplitter()
    found: list[bytes] = []
    while stream:
        size = data.draw(st.integers(1, max(1, len(stream))))
        found += splitter.feed(stream[:size])
        stream = stream[size:]
    assert found == [line for line in lines if line]
