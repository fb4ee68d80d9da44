"""Semantic versions in templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from towline.render.gotemplate.functions import (
    BOOL,
    INT,
    STRING,
    UINT64,
    Function,
    FunctionError,
    object_type,
)
from towline.render.gotemplate.kinds import GoObject, Uint64
from towline.text.semver import (
    Generation,
    SemverError,
    Version,
    parse_constraints,
    parse_version,
)


class GoVersion(GoObject):
    """*semver.Version."""

    __slots__ = ("version",)
    go_type: ClassVar[str] = "*semver.Version"

    def __init__(self, version: Version) -> None:
        self.version = version

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GoVersion) and self.version == other.version

    def __hash__(self) -> int:
        return hash(self.version)

    def go_string(self) -> str:
        """The version as semver.org writes it."""
        return str(self.version)

    def go_json(self) -> str:
        """The version as semver.org writes it."""
        return str(self.version)


def _compare(sign: Callable[[int], Any], result: Any) -> Function:
    return Function(
        lambda this, other: sign(this.version.compare(other.version)), (_VERSION,), result=result
    )


_VERSION = object_type(GoVersion)
GoVersion.go_methods = {
    "Major": Function(lambda this: Uint64(this.version.major), result=UINT64),
    "Minor": Function(lambda this: Uint64(this.version.minor), result=UINT64),
    "Patch": Function(lambda this: Uint64(this.version.patch), result=UINT64),
    "Prerelease": Function(lambda this: this.version.prerelease, result=STRING),
    "Metadata": Function(lambda this: this.version.metadata, result=STRING),
    "Original": Function(lambda this: this.version.original, result=STRING),
    "String": Function(lambda this: str(this.version), result=STRING),
    "IncMajor": Function(lambda this: GoVersionValue(this.version.next_major())),
    "IncMinor": Function(lambda this: GoVersionValue(this.version.next_minor())),
    "IncPatch": Function(lambda this: GoVersionValue(this.version.next_patch())),
    "Compare": _compare(int, INT),
    "Equal": _compare(lambda order: order == 0, BOOL),
    "LessThan": _compare(lambda order: order < 0, BOOL),
    "LessThanEqual": _compare(lambda order: order <= 0, BOOL),
    "GreaterThan": _compare(lambda order: order > 0, BOOL),
    "GreaterThanEqual": _compare(lambda order: order >= 0, BOOL),
}


class GoVersionValue(GoVersion):
    """semver.Version, not a pointer: what `IncMinor` gives."""

    __slots__ = ()
    go_type: ClassVar[str] = "semver.Version"


def functions(generation: Generation) -> Mapping[str, Function]:
    """`semver` and `semverCompare` by the rules of one generation of the library."""

    def parsed(text: str) -> Version:
        try:
            return parse_version(text, generation=generation)
        except SemverError as error:
            raise FunctionError(error.message) from error

    def compare(constraint: str, version: str) -> bool:
        try:
            constraints = parse_constraints(constraint, generation=generation)
        except SemverError as error:
            raise FunctionError(error.message) from error
        return constraints.check(parsed(version))

    return {
        "semver": Function(lambda text: GoVersion(parsed(text)), (STRING,)),
        "semverCompare": Function(compare, (STRING, STRING), result=BOOL),
    }
