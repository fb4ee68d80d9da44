"""What differs between two recorded conversations, less the differences that are known. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

_ABSENT = object()
_SHOWN = 400


class Known(NamedTuple):
    """A difference that is meant to be, or that is not worth its removal.

    Attributes:
        scenario: Pattern for the scenario's name.
        place: Pattern for `step/path.in.the.answer`.
        reason: Why it stays.
    """

    scenario: str
    place: str
    reason: str


class Difference(NamedTuple):
    """One place where the servers disagree, with what each has there as JSON."""

    place: str
    drydock: str
    real: str

    def __str__(self) -> str:
        return f"{self.place}\n    drydock: {self.drydock}\n    real:    {self.real}"


def differences(drydock: dict[str, Any], real: dict[str, Any]) -> list[Difference]:
    """All differences between the recorded steps."""
    found: list[Difference] = []
    for step in dict.fromkeys((*real, *drydock)):
        here, there = drydock.get(step, _ABSENT), real.get(step, _ABSENT)
        found += (
            Difference(f"{step}/{'.'.join(path)}", _shown(one), _shown(other))
            for path, one, other in _compare((), here, there)
        )
    return found


def unknown(
    scenario: str, found: Iterable[Difference], known: Iterable[Known]
) -> tuple[list[Difference], list[Known]]:
    """The differences that are not known, and the known ones of the scenario that did not occur."""
    mine = [each for each in known if fnmatchcase(scenario, each.scenario)]
    used: set[Known] = set()
    left = []
    for difference in found:
        matching = [each for each in mine if fnmatchcase(difference.place, each.place)]
        used.update(matching)
        if not matching:
            left.append(difference)
    exact = [each for each in mine if "*" not in each.scenario]
    return left, [each for each in exact if each not in used]


def _compare(
    path: tuple[str, ...], one: Any, other: Any
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        if _shape(one) != _shape(other):
            yield path, one, other
            return
        if _shape(one) == "Status" and one.get("message") != other.get("message"):
            # What the message says, the details repeat.
            one, other = (
                {k: v for k, v in each.items() if k != "details"} for each in (one, other)
            )
        for name in dict.fromkeys((*other, *one)):
            yield from _compare((*path, name), one.get(name, _ABSENT), other.get(name, _ABSENT))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _compare((*path, str(index)), left, right)
    elif type(one) is not type(other) or one != other:
        yield path, one, other


def _shape(value: dict[str, Any]) -> Any:
    """What decides whether a comparison field by field says anything."""
    return value.get("kind")


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "(absent)"
    if isinstance(value, dict) and _shape(value) == "Status" and "message" in value:
        return f"Status: {value['message']}"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)"
