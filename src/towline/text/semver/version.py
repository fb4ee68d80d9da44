"""One semantic version: parsing (lenient and strict), order, successors."""

from __future__ import annotations

import enum
import re
from typing import Final

import msgspec

from towline.errors import InputError

_LOOSE: Final = re.compile(
    r"v?([0-9]+)(\.[0-9]+)?(\.[0-9]+)?"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?\Z"
)
_DIGITS: Final = re.compile(r"[0-9]*\Z")
_IDENTIFIER: Final = re.compile(r"[0-9A-Za-z-]*\Z")
_STRICT_PARTS: Final = 3
_UINT64: Final = 2**64
_LONGEST: Final = 256


class Generation(enum.Enum):
    """Whose rules and texts apply.

    V3_3: a pre-release is admitted by each constraint on its own.
    V3_5: a pre-release in one constraint of an `and` group admits it for the group.
    """

    V3_3 = "3.3"
    V3_5 = "3.5"


class SemverError(InputError):
    """A version or constraint that cannot be read; the text is the library's."""


class Version(msgspec.Struct, frozen=True):
    """A semantic version.

    Attributes:
        major: First number.
        minor: Second number.
        patch: Third number.
        prerelease: What stands behind the minus, or an empty string.
        metadata: What stands behind the plus, or an empty string; without weight in the order.
        original: The text it was read from.
    """

    major: int
    minor: int
    patch: int
    prerelease: str = ""
    metadata: str = ""
    original: str = ""

    def __str__(self) -> str:
        pre = f"-{self.prerelease}" if self.prerelease else ""
        metadata = f"+{self.metadata}" if self.metadata else ""
        return f"{self.major}.{self.minor}.{self.patch}{pre}{metadata}"

    def compare(self, other: Version) -> int:
        """-1, 0 or 1 as this version is lower than, equal to or higher than the other."""
        mine = (self.major, self.minor, self.patch)
        theirs = (other.major, other.minor, other.patch)
        if mine != theirs:
            return -1 if mine < theirs else 1
        if self.prerelease == other.prerelease:
            return 0
        if not self.prerelease or not other.prerelease:
            return 1 if not self.prerelease else -1
        return compare_prereleases(self.prerelease, other.prerelease)

    def next_patch(self) -> Version:
        """The release of a pre-release; of a release the one with the next patch number."""
        patch = self.patch if self.prerelease else self.patch + 1
        return self._successor(self.major, self.minor, patch)

    def next_minor(self) -> Version:
        """The first release with the next minor number."""
        return self._successor(self.major, self.minor + 1, 0)

    def next_major(self) -> Version:
        """The first release with the next major number."""
        return self._successor(self.major + 1, 0, 0)

    def _successor(self, major: int, minor: int, patch: int) -> Version:
        prefix = "v" if self.original.startswith("v") else ""
        return Version(major, minor, patch, original=f"{prefix}{major}.{minor}.{patch}")


def parse_version(text: str, *, generation: Generation = Generation.V3_5) -> Version:
    """Reads `1.2.3`, `v1.2`, `1`, `1.2.3-rc.1+build`: missing numbers are zero.

    Raises:
        SemverError: It is no version.
    """
    if generation is Generation.V3_5 and len(text) > _LONGEST:
        raise SemverError(f"version string is too long (max {_LONGEST} bytes)")
    match = _LOOSE.match(text)
    if match is None:
        raise _error("invalid semantic version", generation)
    major, minor, patch, prerelease, metadata = match.groups(default="")
    version = Version(
        major=_segment(major, generation),
        minor=_segment(minor[1:] or "0", generation),
        patch=_segment(patch[1:] or "0", generation),
        prerelease=prerelease,
        metadata=metadata,
        original=text,
    )
    _check_prerelease(prerelease, generation)
    return version


def parse_strict_version(text: str, *, generation: Generation = Generation.V3_5) -> Version:
    """Reads a version with exactly three numbers, no leading `v` and no leading zeros.

    Raises:
        SemverError: It is no such version.
    """
    if not text:
        raise _error("version string empty", generation)
    if generation is Generation.V3_5 and len(text) > _LONGEST:
        raise SemverError(f"version string is too long (max {_LONGEST} bytes)")
    parts = text.split(".", 2)
    if len(parts) != _STRICT_PARTS:
        raise _error("invalid semantic version", generation)
    rest, plus, metadata = parts[2].partition("+")
    patch, minus, prerelease = rest.partition("-")
    if plus:
        _check_metadata(metadata, generation)
    if minus:
        _check_prerelease(prerelease, generation, strict=True)
    numbers = [parts[0], parts[1], patch]
    for number in numbers:
        if not _DIGITS.match(number):
            raise _error("invalid characters in version", generation)
        if len(number) > 1 and number[0] == "0":
            raise _error("version segment starts with 0", generation)
    return Version(
        major=_parse_uint(parts[0]),
        minor=_parse_uint(parts[1]),
        patch=_parse_uint(patch),
        prerelease=prerelease,
        metadata=metadata,
        original=text,
    )


def compare_prereleases(left: str, right: str) -> int:
    """-1, 0 or 1 by the rules of semver.org for dotted pre-release identifiers."""
    mine, theirs = left.split("."), right.split(".")
    for index in range(max(len(mine), len(theirs))):
        first = mine[index] if index < len(mine) else ""
        second = theirs[index] if index < len(theirs) else ""
        if first != second:
            return _compare_identifiers(first, second)
    return 0


def _compare_identifiers(first: str, second: str) -> int:
    if not first or not second:
        return 1 if first else -1
    numbers = [
        int(part) if part.isascii() and part.isdigit() and int(part) < _UINT64 else None
        for part in (first, second)
    ]
    mine, theirs = numbers
    if mine is None and theirs is None:
        return 1 if first > second else -1
    # A numeric identifier is lower than one with letters.
    if mine is None or theirs is None:
        return 1 if mine is None else -1
    return 1 if mine > theirs else -1


def _check_prerelease(text: str, generation: Generation, *, strict: bool = False) -> None:
    for part in text.split(".") if text or strict else ():
        if not part and generation is Generation.V3_5:
            raise _error("invalid prerelease string", generation)
        if _DIGITS.match(part):
            if len(part) > 1 and part[0] == "0":
                raise _error("version segment starts with 0", generation)
        elif not _IDENTIFIER.match(part):
            raise _error("invalid prerelease string", generation)


def _check_metadata(text: str, generation: Generation) -> None:
    for part in text.split("."):
        if (not part and generation is Generation.V3_5) or not _IDENTIFIER.match(part):
            raise _error("invalid metadata string", generation)


def _segment(digits: str, generation: Generation) -> int:
    try:
        return _parse_uint(digits)
    except SemverError as error:
        first = "E" if generation is Generation.V3_3 else "e"
        raise SemverError(f"{first}rror parsing version segment: {error.message}") from error


def _parse_uint(digits: str) -> int:
    """Go's strconv.ParseUint of a text that is digits."""
    if not digits:
        raise SemverError('strconv.ParseUint: parsing "": invalid syntax')
    value = int(digits) if len(digits.lstrip("0")) <= len(str(_UINT64)) else _UINT64
    if value >= _UINT64:
        raise SemverError(f'strconv.ParseUint: parsing "{digits}": value out of range')
    return value


_OLD_TEXTS: Final = {
    "invalid semantic version": "Invalid Semantic Version",
    "version string empty": "Version string empty",
    "invalid characters in version": "Invalid characters in version",
    "version segment starts with 0": "Version segment starts with 0",
    "invalid metadata string": "Invalid Metadata string",
    "invalid prerelease string": "Invalid Prerelease string",
}


def _error(message: str, generation: Generation) -> SemverError:
    return SemverError(_OLD_TEXTS[message] if generation is Generation.V3_3 else message)
