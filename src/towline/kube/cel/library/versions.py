"""Semantic versions: `semver("1.2.3")`, comparing. Pure.

Strict reading follows semver.org 2.0; the lenient one also takes a leading `v`, missing minor and
patch numbers, and leading zeros.
"""

from __future__ import annotations

import re

from towline.kube.cel import costs
from towline.kube.cel.functions import Functions
from towline.kube.cel.issues import EvaluationError
from towline.kube.cel.types import CelType, opaque
from towline.kube.cel.values import HostValue

FUNCTIONS = Functions()
_overload = FUNCTIONS.overload
_NUMBER = r"(0|[1-9][0-9]*)"
_VERSION = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-([0-9A-Za-z.\-]+))?(?:\+([0-9A-Za-z.\-]+))?"
)
_LOOSE = re.compile(r"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?([+-].*)?", re.DOTALL)
_MAX_LENGTH = 1000


class SemverValue(HostValue):
    """A version in an expression; builds do not count when comparing."""

    TYPE: CelType = opaque("kubernetes.Semver")

    def __init__(self, numbers: tuple[int, int, int], pre: tuple[str, ...]) -> None:
        self.numbers = numbers
        self.pre = pre

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SemverValue) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    def key(self) -> tuple[object, ...]:
        """What versions are ordered by: a pre-release comes before its release."""
        parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.pre)
        return (self.numbers, not self.pre, parts)


def _read(text: str) -> SemverValue:
    if not text:
        raise EvaluationError("Version string empty")
    match = _VERSION.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if match is None:
        raise EvaluationError(_why(text))
    pre = tuple(match[4].split(".")) if match[4] else ()
    for part in (*pre, *(match[5].split(".") if match[5] else ())):
        if not part:
            raise EvaluationError("Prerelease is empty")
    for part in pre:
        if part.isdigit() and len(part) > 1 and part[0] == "0":
            raise EvaluationError(
                f'Numeric PreRelease version must not contain leading zeroes "{part}"'
            )
    return SemverValue((int(match[1]), int(match[2]), int(match[3])), pre)


def _why(text: str) -> str:
    parts = text[:_MAX_LENGTH].split(".", 2)
    if len(parts) != 3:
        return "No Major.Minor.Patch elements found"
    for name, part in zip(("Major", "Minor", "Patch"), parts, strict=True):
        digits = re.split("[-+]", part)[0] if name == "Patch" else part
        if not digits.isdigit():
            return f'Invalid character(s) found in {name.lower()} number "{digits}"'
        if len(digits) > 1 and digits[0] == "0":
            return f'{name} number must not contain leading zeroes "{digits}"'
    return "Invalid character(s) found in prerelease or build metadata"


def _normal(text: str) -> str:
    match = _LOOSE.fullmatch(text[:_MAX_LENGTH])
    if match is None:
        return text
    numbers = ".".join(str(int(match[n] or 0)) for n in (1, 2, 3))
    return numbers + (match[4] or "")


@_overload(
    "semver",
    "(string) -> kubernetes.Semver",
    "(string, bool) -> kubernetes.Semver",
    cost=costs.traversal,
)
def _semver(text: str, normalize: bool = False) -> SemverValue:
    return _read(_normal(text) if normalize else text)


@_overload("isSemver", "(string) -> bool", "(string, bool) -> bool", cost=costs.traversal)
def _is_semver(text: str, normalize: bool = False) -> bool:
    try:
        _semver(text, normalize)
    except EvaluationError:
        return False
    return True


_PAIR = "kubernetes.Semver.(kubernetes.Semver)"


@_overload("isGreaterThan", f"{_PAIR} -> bool")
def _greater(one: SemverValue, two: SemverValue) -> bool:
    return one.key() > two.key()


@_overload("isLessThan", f"{_PAIR} -> bool")
def _less(one: SemverValue, two: SemverValue) -> bool:
    return one.key() < two.key()


@_overload("compareTo", f"{_PAIR} -> int")
def _compare(one: SemverValue, two: SemverValue) -> int:
    return (one.key() > two.key()) - (one.key() < two.key())


@_overload("major", "kubernetes.Semver.() -> int")
def _major(value: SemverValue) -> int:
    return value.numbers[0]


@_overload("minor", "kubernetes.Semver.() -> int")
def _minor(value: SemverValue) -> int:
    return value.numbers[1]


@_overload("patch", "kubernetes.Semver.() -> int")
def _patch(value: SemverValue) -> int:
    return value.numbers[2]
