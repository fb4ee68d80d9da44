"""Several sources are read as they were at one moment, or not at all (R14)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towline.controllers.application.snapshots import Snapshots
from towline.errors import NotFoundError, TransientError

SLOTS = ("a main", "a dev", "b main", "chart c 1.x")
MOVES = st.lists(st.sampled_from([None, None, None, *SLOTS]), max_size=14)


def source(slot: str) -> dict[str, Any]:
    if slot.startswith("chart"):
        _, name, revision = slot.split()
        return {"repoURL": "charts", "chart": name, "targetRevision": revision}
    url, revision = slot.split()
    return {"repoURL": url, "targetRevision": revision}


class World:
    """Remotes that move between any two questions; all their joint states are remembered."""

    def __init__(self, moves: list[str | None]) -> None:
        self._moves = list(moves)
        self.now = dict.fromkeys(SLOTS, 0)
        self.states = [dict(self.now)]
        self._listed: dict[str, dict[str, int]] = {}
        self.asked: list[tuple[str, bool]] = []

    def move(self) -> None:
        slot = self._moves.pop(0) if self._moves else None
        if slot is not None:
            self.now[slot] += 1
            self.states.append(dict(self.now))

    async def resolve(self, raw: Mapping[str, Any], revision: str, *, fresh: bool) -> str:
        self.move()
        if revision.startswith("f" * 39):
            return revision
        repository = str(raw.get("chart") or raw["repoURL"])
        self.asked.append((repository, fresh))
        if fresh or repository not in self._listed:
            self._listed[repository] = dict(self.now)
        slot = f"chart c {revision}" if raw.get("chart") else f"{repository} {revision}"
        found = f"{slot}@{self._listed[repository][slot]}"
        self.move()
        return found


def taken(world: World, *slots: str, fresh: bool = True) -> tuple[str, ...]:
    asked = [(source(slot), str(source(slot)["targetRevision"])) for slot in slots]
    return asyncio.run(Snapshots(world.resolve).take(asked, fresh=fresh))


@settings(max_examples=300, deadline=None)
@given(
    moves=MOVES,
    slots=st.lists(st.sampled_from(SLOTS), min_size=1, max_size=4),
    before=st.lists(st.sampled_from(SLOTS), max_size=3),
    fresh=st.booleans(),
)
def test_r14_revisions_that_come_together_were_together(
    moves: list[str | None], slots: list[str], before: list[str], fresh: bool
) -> None:
    world = World(moves)
    for slot in before:  # somebody else has asked for other sources at other times
        taken(world, slot)
    try:
        found = taken(world, *slots, fresh=fresh)
    except TransientError:
        assert len([move for move in moves if move]) >= 5
        return
    assert any(
        all(
            revision == f"{slot}@{state[slot]}" for slot, revision in zip(slots, found, strict=True)
        )
        for state in world.states
    )


def test_r14_a_commit_between_two_sources_of_one_repository_is_seen_by_both_or_none() -> None:
    world = World([None, "a main"])  # the commit lands after the first answer
    assert taken(world, "a main", "a main") == ("a main@0", "a main@0")
    assert world.asked == [("a", True)]


def test_r14_sources_that_move_all_the_time_are_not_synced() -> None:
    with pytest.raises(TransientError, match="change faster than they can be read together"):
        taken(World(["a main", "b main"] * 20), "a main", "b main")


def test_r14_a_source_that_cannot_be_read_fails_the_whole() -> None:
    async def resolve(raw: Mapping[str, Any], revision: str, *, fresh: bool) -> str:
        if raw["repoURL"] == "b":
            raise NotFoundError("unable to resolve")
        return "c"

    asked = [(source("a main"), "main"), (source("b main"), "main")]
    with pytest.raises(NotFoundError):
        asyncio.run(Snapshots(resolve).take(asked, fresh=True))


def test_nothing_is_asked_twice_without_need() -> None:
    for slots, questions in (
        (["a main"], [("a", True)]),
        (["a main", "a dev"], [("a", True), ("a", False), ("a", False)]),
        (["a main", "b main"], [("a", True), ("b", True), ("a", True)]),
    ):
        world = World([])
        taken(world, *slots)
        assert world.asked == questions
    world = World([])
    pinned = "f" * 40
    asked = [(source("a main"), pinned), (source("b main"), "main")]
    found = asyncio.run(Snapshots(world.resolve).take(asked, fresh=True))
    assert found == (pinned, "b main@0")
    assert world.asked == [("b", True)]
    world = World([])
    taken(world, "a main", "a dev", fresh=False)
    assert not any(fresh for _, fresh in world.asked)
