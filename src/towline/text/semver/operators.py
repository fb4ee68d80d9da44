"""What each operator of a constraint asks of a version.

Each check returns an empty string when the version fits, else a sentence with places for the
version and the constraint.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from towline.text.semver.version import Version, compare_prereleases

_EQUAL: Final = "{0} is equal to {1}"
_LOW: Final = "{0} is less than or equal to {1}"
_HIGH: Final = "{0} is greater than {1}"
_LOWER: Final = "{0} is less than {1}"
_MAJOR: Final = "{0} does not have same major version as {1}"
_MINOR: Final = "{0} does not have same minor version as {1}"


class Constraint(msgspec.Struct, frozen=True):
    """One operator and version.

    Attributes:
        operator: `>=`, `~`, ... or an empty string.
        original: The version as it was written.
        version: The version, zero where a wildcard or nothing stood.
        dirty: A number was left out or is a wildcard.
        minor_dirty: The minor number is the first such.
        patch_dirty: The patch number is the first such.
    """

    operator: str
    original: str
    version: Version
    dirty: bool = False
    minor_dirty: bool = False
    patch_dirty: bool = False


def _not_equal(version: Version, constraint: Constraint) -> str:
    want = constraint.version
    if constraint.dirty:
        if want.major != version.major:
            return ""
        if constraint.minor_dirty:
            return _EQUAL
        if want.minor != version.minor:
            return ""
        if not constraint.patch_dirty and want.patch != version.patch:
            return ""
        if constraint.patch_dirty:
            differ = (version.prerelease or want.prerelease) and compare_prereleases(
                version.prerelease, want.prerelease
            )
            return "" if differ else _EQUAL
    return _EQUAL if version.compare(want) == 0 else ""


def _greater(version: Version, constraint: Constraint) -> str:
    want = constraint.version
    if constraint.dirty and version.major != want.major:
        return "" if version.major > want.major else _LOW
    if constraint.minor_dirty:
        return _LOW
    if constraint.patch_dirty:
        return "" if version.minor > want.minor else _LOW
    return "" if version.compare(want) > 0 else _LOW


def _less(version: Version, constraint: Constraint) -> str:
    fits = version.compare(constraint.version) < 0
    return "" if fits else "{0} is greater than or equal to {1}"


def _greater_or_equal(version: Version, constraint: Constraint) -> str:
    return "" if version.compare(constraint.version) >= 0 else _LOWER


def _less_or_equal(version: Version, constraint: Constraint) -> str:
    want = constraint.version
    if not constraint.dirty:
        return "" if version.compare(want) <= 0 else _HIGH
    if version.major > want.major:
        return _HIGH
    above = version.major == want.major and version.minor > want.minor
    return _HIGH if above and not constraint.minor_dirty else ""


def _tilde(version: Version, constraint: Constraint) -> str:
    want = constraint.version
    if version.compare(want) < 0:
        return _LOWER
    # `~0.0.0` and a bare wildcard admit everything.
    anything = (want.major, want.minor, want.patch) == (0, 0, 0)
    if anything and not constraint.minor_dirty and not constraint.patch_dirty:
        return ""
    if version.major != want.major:
        return _MAJOR
    if version.minor != want.minor and not constraint.minor_dirty:
        return "{0} does not have same major and minor version as {1}"
    return ""


def _tilde_or_equal(version: Version, constraint: Constraint) -> str:
    if constraint.dirty:
        return _tilde(version, constraint)
    return "" if version.compare(constraint.version) == 0 else "{0} is not equal to {1}"


def _caret(version: Version, constraint: Constraint) -> str:
    want = constraint.version
    if version.compare(want) < 0:
        return _LOWER
    if want.major > 0 or constraint.minor_dirty:
        return "" if version.major == want.major else _MAJOR
    if version.major > 0:
        return _MAJOR
    if want.minor > 0 or constraint.patch_dirty:
        if version.minor == want.minor:
            return ""
        return f"{_MINOR}. Expected minor versions to match when constraint major version is 0"
    if version.minor > 0:
        return _MINOR
    if version.patch == want.patch:
        return ""
    return (
        "{0} does not equal {1}."
        " Expect version and constraint to equal when major and minor versions are 0"
    )


OPERATORS: Final[dict[str, Callable[[Version, Constraint], str]]] = {
    "": _tilde_or_equal,
    "=": _tilde_or_equal,
    "!=": _not_equal,
    ">": _greater,
    "<": _less,
    ">=": _greater_or_equal,
    "=>": _greater_or_equal,
    "<=": _less_or_equal,
    "=<": _less_or_equal,
    "~": _tilde,
    "~>": _tilde,
    "^": _caret,
}
