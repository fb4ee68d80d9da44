"""Finds the bundled rule of a kind: by name, else by the longest pattern that fits."""

from __future__ import annotations

import functools
from fnmatch import fnmatchcase
from typing import Final

from towline.gitops.bundled_health.delivery import DELIVERY
from towline.gitops.bundled_health.operators import OPERATORS
from towline.gitops.bundled_health.platform import PLATFORM
from towline.gitops.bundled_health.rules import Rule
from towline.kube.refs import GroupKind

RULES: Final[dict[str, Rule]] = {**PLATFORM, **DELIVERY, **OPERATORS}
_PATTERNS: Final = sorted((name for name in RULES if "*" in name), key=lambda n: (-len(n), n))


@functools.lru_cache(maxsize=4096)
def bundled_rule(kind: GroupKind) -> Rule | None:
    """The rule of a kind, or None."""
    name = f"{kind.group}/{kind.kind}"
    exact = RULES.get(name)
    if exact is not None:
        return exact
    return next((RULES[one] for one in _PATTERNS if fnmatchcase(name, one)), None)
