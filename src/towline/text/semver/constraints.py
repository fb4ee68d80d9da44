"""Constraints on versions: `>=1.2 <2`, `~1.4`, `^0.3 || 2.x`, `1.2 - 1.4`."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Final

import msgspec

from towline.text.semver.operators import OPERATORS, Constraint
from towline.text.semver.version import Generation, SemverError, Version, parse_version

_NUMBER: Final = r"[0-9|xX*]+"
_IDENTIFIERS: Final = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION: Final = (
    rf"v?({_NUMBER})(\.{_NUMBER})?(\.{_NUMBER})?(-{_IDENTIFIERS})?(?:\+{_IDENTIFIERS})?"
)
_PLAIN_VERSION: Final = (
    rf"v?{_NUMBER}(?:\.{_NUMBER})?(?:\.{_NUMBER})?(?:-{_IDENTIFIERS})?(?:\+{_IDENTIFIERS})?"
)
_SPACE: Final = r"[\t\n\f\r ]"
_TOKEN: Final = re.compile(rf"{_SPACE}*([=!<>~^]*){_SPACE}*(?P<text>{_VERSION}){_SPACE}*")
_RANGE: Final = re.compile(
    rf"{_SPACE}*({_PLAIN_VERSION}){_SPACE}+-{_SPACE}+({_PLAIN_VERSION}){_SPACE}*"
)
_LONGEST: Final = 512
_LONGEST_OLD: Final = 4096
_MOST_GROUPS: Final = 32
_WILDCARDS: Final = frozenset(["", "x", "X", "*"])


class Constraints(msgspec.Struct, frozen=True):
    """Groups of constraints: a version fits when it fits every constraint of one group.

    Attributes:
        groups: The constraints of each group.
        generation: Whose rule for pre-releases applies.
    """

    groups: tuple[tuple[Constraint, ...], ...]
    generation: Generation = Generation.V3_5

    def check(self, version: Version) -> bool:
        """Whether the version fits."""
        return any(not self._problem(group, version) for group in self.groups)

    def validate(self, version: Version) -> list[str]:
        """Why the version does not fit, in the library's words; nothing when it fits."""
        problems: list[str] = []
        prerelease_said = False
        for group in self.groups:
            found: list[str] = []
            for constraint in group:
                if version.prerelease and not self._lists_prerelease(group, constraint):
                    if not prerelease_said:
                        found.append(self._prerelease_problem(version))
                        prerelease_said = True
                    else:
                        found.append("")
                elif problem := OPERATORS[constraint.operator](version, constraint):
                    found.append(self._sentence(problem, version, constraint))
            if not found:
                return []
            problems += [problem for problem in found if problem]
        return problems

    def _problem(self, group: tuple[Constraint, ...], version: Version) -> bool:
        for constraint in group:
            if version.prerelease and not self._admits_prerelease(group, constraint):
                return True
            if OPERATORS[constraint.operator](version, constraint):
                return True
        return False

    def _admits_prerelease(self, group: tuple[Constraint, ...], constraint: Constraint) -> bool:
        if self._lists_prerelease(group, constraint):
            return True
        # The old library does not look for it in a `!=` without wildcards.
        old = self.generation is Generation.V3_3
        return old and constraint.operator == "!=" and not constraint.dirty

    def _lists_prerelease(self, group: tuple[Constraint, ...], constraint: Constraint) -> bool:
        if self.generation is Generation.V3_3:
            return bool(constraint.version.prerelease)
        return any(member.version.prerelease for member in group)

    def _prerelease_problem(self, version: Version) -> str:
        return (
            f"{self._shown(str(version))} is a prerelease version"
            " and the constraint is only looking for release versions"
        )

    def _sentence(self, problem: str, version: Version, constraint: Constraint) -> str:
        return problem.format(self._shown(str(version)), self._shown(constraint.original))

    def _shown(self, text: str) -> str:
        return text if self.generation is Generation.V3_3 else json.dumps(text, ensure_ascii=False)


@lru_cache(maxsize=1024)
def parse_constraints(text: str, *, generation: Generation = Generation.V3_5) -> Constraints:
    """Reads a constraint expression.

    Groups are separated by `||`, the constraints of a group by commas or spaces.

    Raises:
        SemverError: It cannot be read; the text is the library's.
    """
    longest = _LONGEST_OLD if generation is Generation.V3_3 else _LONGEST
    if len(text) > longest:
        raise SemverError(f"constraint string is too long (max {longest} bytes)")
    groups = _rewrite_ranges(text).split("||")
    if generation is Generation.V3_5 and len(groups) > _MOST_GROUPS:
        raise SemverError(f"too many constraint groups (max {_MOST_GROUPS})")
    return Constraints(tuple(_group(group, generation) for group in groups), generation)


def _rewrite_ranges(text: str) -> str:
    """`1.2 - 1.4` as `>= 1.2, <= 1.4`."""
    result = text
    for match in _RANGE.finditer(text):
        result = result.replace(match[0], f">= {match[1]}, <= {match[2]} ", 1)
    return result


def _group(text: str, generation: Generation) -> tuple[Constraint, ...]:
    """The constraints of one group.

    A scan instead of the library's one expression, which would take exponential time here.
    """
    found: list[re.Match[str]] = []
    position = 0
    while match := _TOKEN.match(text, position):
        if match[1] not in OPERATORS or not _separated(text, position, match):
            break
        found.append(match)
        position = match.end()
        if position == len(text):
            return tuple(_constraint(match, generation) for match in found)
        if text[position] == ",":
            position += 1
    shown = text if generation is Generation.V3_3 else json.dumps(text, ensure_ascii=False)
    raise SemverError(f"improper constraint: {shown}")


def _separated(text: str, position: int, match: re.Match[str]) -> bool:
    """Whether a space or comma stands between this constraint and the one before."""
    return position == 0 or text[position - 1] in ",\t\n\f\r " or match[0][:1] in "\t\n\f\r "


def _constraint(match: re.Match[str], generation: Generation) -> Constraint:
    major, minor, patch, prerelease = match.group(3, 4, 5, 6)
    minor, patch, prerelease = minor or "", patch or "", prerelease or ""
    text = match["text"]
    minor_dirty = patch_dirty = False
    dirty = True
    if major in _WILDCARDS:
        text = f"0.0.0{prerelease}"
    elif minor[1:] in _WILDCARDS:
        minor_dirty = True
        text = f"{major}.0.0{prerelease}"
    elif patch[1:] in _WILDCARDS:
        patch_dirty = True
        text = f"{major}{minor}.0{prerelease}"
    else:
        dirty = False
    try:
        version = parse_version(text, generation=generation)
    except SemverError as error:
        words = "Parser Error" if generation is Generation.V3_3 else "parser error"
        raise SemverError(f"constraint {words}") from error
    return Constraint(
        operator=match[1],
        original=match["text"],
        version=version,
        dirty=dirty,
        minor_dirty=minor_dirty,
        patch_dirty=patch_dirty,
    )
