"""Notices that two writers fight over a field: it is repaired, changed, repaired, changed....

A pure state machine for each field of each object. What a comparison finds is an observation; a
flip is counted when a field that was in order is found changed by another manager.

    in order --changed--> changed    one more flip
    changed  --changed--> changed
    changed  --in order (or repaired)--> in order
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from towline.argo.names import FIELD_MANAGER
from towline.gitops.attribution import Cause, FieldDrift, Writer
from towline.kube.refs import ObjectKey

Place = tuple[ObjectKey, str]


class FightRules(msgspec.Struct, frozen=True, kw_only=True):
    """When a change back and forth is a fight.

    Attributes:
        flips: That many...
        window: ...within so many seconds; quiet for that long ends it.
        remembered: Fields of one application that are followed.
    """

    flips: int = 4
    window: float = 600.0
    remembered: int = 1000


class Contest(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one field.

    Attributes:
        flips: Monotonic times at which it was found changed, within the window.
        changed: Whether it is changed now.
        writer: Who changed it last.
    """

    flips: tuple[float, ...] = ()
    changed: bool = False
    writer: Writer | None = None


class Fight(msgspec.Struct, frozen=True, kw_only=True):
    """A fight over a field.

    Attributes:
        key: The object.
        path: The field.
        writers: Both sides.
        flips: How often it was changed within the window.
    """

    key: ObjectKey
    path: str
    writers: tuple[str, str]
    flips: int


Contests = Mapping[Place, Contest]
"""The state of one application; start with an empty mapping."""


def observed(
    state: Contests, key: ObjectKey, drifts: Iterable[FieldDrift], now: float, rules: FightRules
) -> Contests:
    """The state after a comparison of one object.

    Args:
        state: Before; not changed.
        key: The object.
        drifts: All its fields that are out of sync.
        now: Monotonic time in seconds.
        rules: When it is a fight.
    """
    found = {
        drift.path: drift.writer
        for drift in drifts
        if drift.writer is not None and drift.cause in {Cause.MANAGER, Cause.REMOVED}
    }
    out: dict[Place, Contest] = {}
    for place, contest in state.items():
        if place[0] != key:
            out[place] = contest
        elif place[1] not in found and (left := _calmer(contest, now, rules)) is not None:
            out[place] = left
    for path, writer in found.items():
        before = state.get((key, path), Contest())
        flips = before.flips if before.changed else (*before.flips, now)
        recent = tuple(at for at in flips if now - at <= rules.window)
        # Past the number that makes a fight, more of them tell nothing new.
        kept = recent[-4 * rules.flips :]
        out[key, path] = Contest(flips=kept, changed=True, writer=writer)
    excess = len(out) - rules.remembered
    if excess > 0:
        for place in sorted(out, key=lambda place: out[place].flips[-1:])[:excess]:
            del out[place]
    return out


def repaired(state: Contests, key: ObjectKey) -> Contests:
    """The state after the engine has written the object."""
    return {
        place: msgspec.structs.replace(contest, changed=False) if place[0] == key else contest
        for place, contest in state.items()
    }


def fights(state: Contests, now: float, rules: FightRules) -> list[Fight]:
    """The fights that go on, by object and path."""
    found = []
    for (key, path), contest in sorted(state.items(), key=lambda item: item[0]):
        recent = sum(now - at <= rules.window for at in contest.flips)
        if recent >= rules.flips and contest.writer is not None:
            pair = (FIELD_MANAGER, contest.writer.manager)
            found.append(Fight(key=key, path=path, writers=pair, flips=recent))
    return found


def fight_message(fight: Fight, rules: FightRules) -> str:
    """What is said of a fight."""
    ours, theirs = fight.writers
    minutes = round(rules.window / 60) or 1
    return (
        f"{fight.key.kind}/{fight.key.name} {fight.path}: {theirs} and {ours} change it back"
        f" and forth ({fight.flips} times in {minutes} min). Ignore the difference, or stop one of"
        " them."
    )


def _calmer(contest: Contest, now: float, rules: FightRules) -> Contest | None:
    recent = tuple(at for at in contest.flips if now - at <= rules.window)
    return Contest(flips=recent, changed=False, writer=contest.writer) if recent else None
