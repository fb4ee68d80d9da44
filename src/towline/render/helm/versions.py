"""Versions and constraints as the Helm of each generation judges them."""

from __future__ import annotations

from functools import lru_cache

from towline.text.semver import Generation, SemverError, parse_constraints, parse_version


def generation_of(major: int) -> Generation:
    """The generation of the version library that this Helm is built with."""
    return Generation.V3_3 if major < 4 else Generation.V3_5


def is_version(text: str, *, major: int = 3) -> bool:
    """Whether the text is a semantic version, leniently read."""
    try:
        parse_version(text, generation=generation_of(major))
    except SemverError:
        return False
    return True


@lru_cache(maxsize=2048)
def satisfies(version: str, constraint: str, major: int = 3) -> bool:
    """Whether a version fits a constraint; neither may be malformed."""
    generation = generation_of(major)
    try:
        parsed = parse_version(version, generation=generation)
        return parse_constraints(constraint, generation=generation).check(parsed)
    except SemverError:
        return False
