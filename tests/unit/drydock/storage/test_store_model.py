"""The store against a model: any order of writes, restarts and compactions."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from towline.aio.clock import SystemClock
from towline.drydock.storage import Store, StoreKey
from towline.kube.refs import GroupResource

MAPS = GroupResource("", "configmaps")
Model = dict[str, int]

steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("abc")),
        st.tuples(st.just("remove"), st.sampled_from("abc")),
        st.tuples(st.just("wait"), st.just("")),
        st.tuples(st.just("reopen"), st.just("")),
        st.tuples(st.just("compact"), st.just("")),
    ),
    max_size=25,
)


def obj(name: str) -> dict[str, object]:
    meta = {"name": name, "uid": name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}


def committed(store: Store) -> Model:
    return {record.key.name: record.rev for record in store.records(MAPS)}


async def play(folder: Path, script: list[tuple[str, str]]) -> None:
    path = folder / "state.db"
    store = Store.open(path, SystemClock(), sync="normal")
    model: Model = {}
    past: dict[int, Model] = {}
    rev = 0
    pending = []
    for step, name in script:
        key = StoreKey(MAPS, "", name)
        if step == "put" or (step == "remove" and name in model):
            rev += 1
            if step == "put":
                model[name] = rev
                pending.append(store.put(key, obj(name)))
            else:
                del model[name]
                pending.append(store.remove(key, obj(name)))
            past[rev] = dict(model)
            head = store.head(key)
            assert (head.rev if head else None) == model.get(name)
            continue
        await asyncio.gather(*pending)
        pending = []
        if step == "reopen":
            await store.close()
            store = Store.open(path, SystemClock(), sync="normal")
        elif step == "compact":
            await store.compact(keep_seconds=1000, keep_changes=5)
        assert committed(store) == model
        assert store.revision == rev
        for then, state in past.items():
            if then >= store.history.floor:
                found = store.records_at(MAPS, "", then)
                assert {record.key.name: record.rev for record in found} == state
    await asyncio.gather(*pending)
    assert committed(store) == model
    await store.close()


@settings(max_examples=40, deadline=None)
@given(steps)
def test_any_sequence_of_writes_restarts_and_compactions_equals_the_model(
    script: list[tuple[str, str]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder), script))
