"""The functions that Kubernetes offers to expressions, one module for each library. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from towline.kube.cel.functions import Overload, joined
from towline.kube.cel.library import (
    addresses,
    conversions,
    formats,
    formatting,
    lists,
    optionals,
    quantities,
    regexes,
    sets,
    standard,
    strings,
    times,
    urls,
    versions,
)


@lru_cache(maxsize=1)
def kubernetes() -> Mapping[str, tuple[Overload, ...]]:
    """Every function by name."""
    return joined(
        standard.FUNCTIONS,
        conversions.FUNCTIONS,
        times.FUNCTIONS,
        strings.FUNCTIONS,
        formatting.FUNCTIONS,
        lists.FUNCTIONS,
        regexes.FUNCTIONS,
        sets.FUNCTIONS,
        optionals.FUNCTIONS,
        urls.FUNCTIONS,
        quantities.FUNCTIONS,
        addresses.FUNCTIONS,
        formats.FUNCTIONS,
        versions.FUNCTIONS,
    )
