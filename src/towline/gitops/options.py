"""Comma-separated options in annotations, and lists of options in the spec."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from towline.argo.names import SYNC_OPTIONS


def annotation_options(annotations: Mapping[str, str], name: str = SYNC_OPTIONS) -> frozenset[str]:
    """The items of an annotation such as `sync-options: Prune=false, Replace=true`."""
    text = annotations.get(name) or ""
    return frozenset(item.strip() for item in text.split(",") if item.strip())


def switched_on(name: str, *lists: Iterable[str]) -> bool:
    """Whether `name=true` is in one of the lists."""
    return any(f"{name}=true" in options for options in lists)


def value_of(options: Iterable[str], name: str) -> str:
    """The value of `name=value`, the last one when given twice, else empty."""
    found = ""
    for option in options:
        key, separator, value = option.partition("=")
        if separator and key.strip() == name:
            found = value.strip()
    return found
