"""Semantic versions and constraints by the rules of Masterminds/semver v3. Pure.

Two generations of that library are in use and differ in what admits a pre-release and in error
texts: `Generation.V3_3` (Helm 3.18) and `Generation.V3_5` (Helm 4, current tools).
"""

from towline.text.semver.constraints import Constraints, parse_constraints
from towline.text.semver.version import (
    Generation,
    SemverError,
    Version,
    parse_strict_version,
    parse_version,
)

__all__ = [
    "Constraints",
    "Generation",
    "SemverError",
    "Version",
    "parse_constraints",
    "parse_strict_version",
    "parse_version",
]
