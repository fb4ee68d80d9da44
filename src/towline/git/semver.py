"""Version constraints over tags, with the rules that Argo CD's users know. Pure.

`1.*`, `^1.2`, `~1.2.3`, `>=1 <2`, `1.2 - 1.4`, `1.x || 2.x` are constraints; an exact version such
as `v1.2.3` is not. Pre-releases match only a constraint that names a pre-release itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

_VERSION = re.compile(
    r"\Av?(?P<major>\d{1,18})(?:\.(?P<minor>\d{1,18}))?(?:\.(?P<patch>\d{1,18}))?"
    r"(?:-(?P<pre>[0-9A-Za-z.-]+))?(?:\+(?P<build>[0-9A-Za-z.-]+))?\Z"
)
_TERM = re.compile(
    r"(?P<op>=>|=<|>=|<=|!=|~>|[=><~^])?\s*"
    r"v?(?P<major>\d{1,18}|[xX*])(?:\.(?P<minor>\d{1,18}|[xX*]))?(?:\.(?P<patch>\d{1,18}|[xX*]))?"
    r"(?:-(?P<pre>[0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?"
)
_HYPHEN = re.compile(r"(\S+)\s+-\s+(\S+)")
_MAX_TERMS = 32


class Version(msgspec.Struct, frozen=True):
    """A semantic version; missing parts are zero.

    Attributes:
        core: Major, minor, patch.
        pre: Identifiers of the pre-release, empty for a release.
    """

    core: tuple[int, int, int]
    pre: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]:
        """A key that sorts by precedence."""
        identifiers = tuple(
            (not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in self.pre
        )
        return (self.core, not self.pre, identifiers)


class Term(msgspec.Struct, frozen=True):
    """One comparison: from `low` (included) to `high` (excluded), or its opposite.

    Attributes:
        low: Lowest version that matches, or None.
        high: First version beyond, or None.
        high_included: Whether `high` itself matches.
        low_excluded: Whether `low` itself does not.
        negated: Whether everything else matches instead.
        pre: Whether the term names a pre-release.
    """

    low: Version | None = None
    high: Version | None = None
    high_included: bool = False
    low_excluded: bool = False
    negated: bool = False
    pre: bool = False

    def matches(self, version: Version) -> bool:
        """Whether the version lies in the range."""
        if version.pre and not self.pre:
            return False
        inside = True
        if self.low is not None:
            inside = version.order >= self.low.order
            if self.low_excluded and version.order == self.low.order:
                inside = False
        if inside and self.high is not None:
            inside = version.order < self.high.order
            if self.high_included and version.order == self.high.order:
                inside = True
        return inside != self.negated


Constraint = tuple[tuple[Term, ...], ...]
"""Alternatives, each a list of terms that must all match."""


def parse_version(text: str) -> Version | None:
    """The version that the text is, with or without a leading `v`, or None."""
    match = _VERSION.match(text)
    if match is None:
        return None
    pre = tuple(match["pre"].split(".")) if match["pre"] else ()
    if any(not part for part in pre):
        return None
    return Version((int(match["major"]), int(match["minor"] or 0), int(match["patch"] or 0)), pre)


def parse_constraint(text: str) -> Constraint | None:
    """The constraint that the text is, or None (also for an exact version)."""
    text = text.strip()
    if not text or parse_version(text) is not None:
        return None
    alternatives = []
    for part in text.split("||"):
        terms = _parse_terms(part)
        if not terms:
            return None
        alternatives.append(terms)
    return tuple(alternatives)


def best_match(constraint: Constraint, names: Iterable[str]) -> str | None:
    """The name with the highest version that satisfies the constraint, or None."""
    best: tuple[Version, str] | None = None
    for name in names:
        version = parse_version(name)
        if version is None or not satisfies(version, constraint):
            continue
        if best is None or version.order > best[0].order:
            best = (version, name)
    return best[1] if best else None


def satisfies(version: Version, constraint: Constraint) -> bool:
    """Whether the version is within one of the alternatives."""
    return any(all(term.matches(version) for term in terms) for terms in constraint)


def _parse_terms(text: str) -> tuple[Term, ...] | None:
    text = _HYPHEN.sub(r">=\1 <=\2", text).replace(",", " ").strip()
    terms: list[Term] = []
    position = 0
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None or len(terms) >= _MAX_TERMS:
            return None
        end = match.end()
        if end < len(text) and not text[end].isspace():
            return None
        term = _term(match)
        if term is None:
            return None
        terms.append(term)
        position = end
        while position < len(text) and text[position].isspace():
            position += 1
    return tuple(terms)


def _term(match: re.Match[str]) -> Term | None:
    numbers: list[int] = []
    for part in (match["major"], match["minor"], match["patch"]):
        if part is None or part in "xX*":
            break
        numbers.append(int(part))
    pre = tuple(match["pre"].split(".")) if match["pre"] else ()
    if pre and len(numbers) < 3:
        return None
    low = Version(_padded(numbers), pre)
    exact = len(numbers) == 3
    operator = match["op"] or "="
    return _range(operator, numbers, low, exact=exact, pre=bool(pre))


def _range(
    operator: str, numbers: list[int], low: Version, *, exact: bool, pre: bool
) -> Term | None:
    beyond = _bumped(numbers, len(numbers) - 1) if numbers else None
    tilde = _bumped(numbers, min(1, len(numbers) - 1)) if numbers else None
    caret = _bumped(numbers, _caret(numbers)) if numbers else None
    same = Term(low, low, high_included=True, pre=pre) if exact else Term(low, beyond)
    ranges = {
        "=": same,
        "!=": msgspec.structs.replace(same, negated=True),
        ">=": Term(low, pre=pre),
        ">": Term(low, low_excluded=True, pre=pre) if exact else Term(beyond),
        "<": Term(high=low, pre=pre),
        "<=": Term(high=low, high_included=True, pre=pre) if exact else Term(high=beyond),
        "~": Term(low, tilde, pre=pre),
        "^": Term(low, caret, pre=pre),
    }
    aliases = {"=>": ">=", "=<": "<=", "~>": "~"}
    return ranges.get(aliases.get(operator, operator))


def _caret(numbers: list[int]) -> int:
    """Index of the part that a caret allows not to change: the first that is not zero."""
    for index, number in enumerate(numbers):
        if number:
            return index
    return len(numbers) - 1


def _bumped(numbers: list[int], index: int) -> Version:
    return Version(_padded([*numbers[:index], numbers[index] + 1]))


def _padded(numbers: list[int]) -> tuple[int, int, int]:
    full = [*numbers, 0, 0, 0]
    return (full[0], full[1], full[2])
