"""The vocabulary of health rules as data, and how they are read.

A rule is a list of clauses; the first one that says something decides. Paths are dotted; `[]`
after a name means every entry of a list: `status.parents[].conditions`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from towline.argo.status import HealthCode
from towline.gitops.verdict import Health

CONDITIONS: Final = "status.conditions"
ANY: Final = "*"


class Cond(msgspec.Struct, frozen=True, kw_only=True):
    """Whether there is such a condition.

    Attributes:
        type: Its type, `*` for any.
        status: Its status, `*` for any.
        reasons: One of these reasons; any when empty.
        other_than: None of these reasons.
        at: Where the conditions are.
        current: Whether it must have been written for the present generation.
    """

    type: str
    status: str = "True"
    reasons: tuple[str, ...] = ()
    other_than: tuple[str, ...] = ()
    at: str = CONDITIONS
    current: bool = False

    def fits(self, condition: dict[str, Any], generation: Any = None) -> bool:
        """Whether a condition is meant; `generation` is the object's."""
        stale = generation is not None and condition.get("observedGeneration") != generation
        if self.current and stale:
            return False
        reason = condition.get("reason")
        return (
            self.type in (ANY, condition.get("type"))
            and self.status in (ANY, condition.get("status"))
            and (not self.reasons or reason in self.reasons)
            and reason not in self.other_than
        )


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a field has one of the values; whether it has any when no values are named."""

    path: str
    values: tuple[str | int | bool, ...] = ()


class Absent(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a field is absent or empty."""

    path: str


class Less(msgspec.Struct, frozen=True, kw_only=True):
    """Whether one field is less than another; absent numbers are the defaults."""

    left: str
    right: str
    left_default: int | None = None
    right_default: int | None = None


class Differs(msgspec.Struct, frozen=True, kw_only=True):
    """Whether two fields differ.

    Attributes:
        left: One path.
        right: Another path.
        both: Whether both must be there to differ.
        numbers: Whether both must be numbers, or texts of digits, to differ.
    """

    left: str
    right: str
    both: bool = False
    numbers: bool = False


Test = Cond | Field | Absent | Less | Differs


class When(msgspec.Struct, frozen=True):
    """A health for objects that pass all tests.

    Attributes:
        code: The health.
        tests: All must hold.
        message: May name fields as `{spec.x}` and a condition's as `{@Ready.reason}`; None for
            the message of the first condition that a test found.
    """

    code: HealthCode
    tests: tuple[Test, ...]
    message: str | None = None


class InOrder(msgspec.Struct, frozen=True):
    """The first condition, in the object's order, that one of the outcomes names."""

    outcomes: tuple[tuple[Cond, HealthCode], ...]
    at: str = CONDITIONS
    message: str | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Health of a kind.

    Attributes:
        clauses: The first that says something decides.
        otherwise: When none does.
        message: Message then.
    """

    clauses: tuple[When | InOrder, ...]
    otherwise: HealthCode = HealthCode.PROGRESSING
    message: str = ""


def judge(rule: Rule, obj: dict[str, Any]) -> Health:
    """Health of an object by a rule."""
    for clause in rule.clauses:
        found = _ordered(clause, obj) if isinstance(clause, InOrder) else _when(clause, obj)
        if found is not None:
            return found
    return Health(rule.otherwise, _text(rule.message, obj))


def _when(clause: When, obj: dict[str, Any]) -> Health | None:
    first: dict[str, Any] | None = None
    generation = next(values_at(obj, "metadata.generation"), None)
    for test in clause.tests:
        if isinstance(test, Cond):
            condition = next(
                (c for c in _conditions(obj, test.at) if test.fits(c, generation)), None
            )
            if condition is None:
                return None
            first = first or condition
        elif not _holds(test, obj):
            return None
    message = str((first or {}).get("message") or "")
    return Health(
        clause.code, message if clause.message is None else _text(clause.message, obj, first)
    )


def _ordered(clause: InOrder, obj: dict[str, Any]) -> Health | None:
    for condition in _conditions(obj, clause.at):
        for wanted, code in clause.outcomes:
            if wanted.fits(condition):
                message = str(condition.get("message") or "")
                return Health(
                    code,
                    message if clause.message is None else _text(clause.message, obj, condition),
                )
    return None


def _holds(test: Field | Absent | Less | Differs, obj: dict[str, Any]) -> bool:
    match test:
        case Field(path=path, values=values):
            found = list(values_at(obj, path))
            return any(_same(one, value) for one in found for value in values) or (
                not values and any(one not in ("", []) for one in found)
            )
        case Absent(path=path):
            return all(one in (None, "", [], {}) for one in values_at(obj, path))
        case Less():
            left = _one(obj, test.left, test.left_default)
            right = _one(obj, test.right, test.right_default)
            comparable = (_is_number(left) and _is_number(right)) or (
                isinstance(left, str) and isinstance(right, str)
            )
            return comparable and left < right
        case Differs():
            left, right = _one(obj, test.left), _one(obj, test.right)
            if test.numbers:
                left, right = _digits(left), _digits(right)
            both = test.both or test.numbers
            return left != right and not (both and (left is None or right is None))


def values_at(value: Any, path: str) -> Iterator[Any]:
    """The values at a path; nothing where it does not lead anywhere."""
    name, _, rest = path.partition(".")
    every = name.endswith("[]")
    if not isinstance(value, dict):
        return
    found = value.get(name.removesuffix("[]"))
    for one in (found if isinstance(found, list) else []) if every else [found]:
        if rest:
            yield from values_at(one, rest)
        elif one is not None:
            yield one


def _conditions(obj: dict[str, Any], path: str) -> Iterator[dict[str, Any]]:
    for found in values_at(obj, path):
        if isinstance(found, list):
            yield from (one for one in found if isinstance(one, dict))


def _one(obj: dict[str, Any], path: str, default: int | None = None) -> Any:
    found = next(values_at(obj, path), None)
    return len(found) if isinstance(found, list) else default if found is None else found


def _digits(value: Any) -> int | None:
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() else None
    return value if isinstance(value, int) else None


def _same(found: Any, wanted: str | int | bool) -> bool:
    return type(found) is type(wanted) and found == wanted


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_PLACE: Final = re.compile(r"\{(@[\w.-]+|[\w.]+)\}")


def _text(message: str, obj: dict[str, Any], condition: dict[str, Any] | None = None) -> str:
    def fill(match: re.Match[str]) -> str:
        path = match[1]
        if path.startswith("@."):
            return str((condition or {}).get(path[2:]) or "")
        if path.startswith("@"):
            type_, _, name = path[1:].rpartition(".")
            ready = next((c for c in _conditions(obj, CONDITIONS) if c.get("type") == type_), {})
            return str(ready.get(name) or "")
        return str(next(values_at(obj, path), ""))

    return _PLACE.sub(fill, message) if "{" in message else message
