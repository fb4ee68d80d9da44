"""Regular expressions of selectors: anchored, with Go's syntax as far as selectors use it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from towline.errors import InputError
from towline.render.kustomize.ids import Gvk

_LONGEST: Final = 1000


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern compiled.

    Raises:
        InputError: It is malformed or too long.
    """
    if len(pattern) > _LONGEST:
        raise InputError(f"a regular expression of {len(pattern)} characters is too long")
    try:
        return re.compile(pattern.replace("\\z", "\\Z"), re.ASCII)
    except (re.error, RecursionError) as error:
        raise InputError(f"error parsing regexp: {error}: `{pattern}`") from error


class SelectorPattern:
    """The fields of a selector as anchored patterns; an empty field matches anything.

    Args:
        gvk: Patterns of group, version and kind.
        name: Pattern of the name.
        namespace: Pattern of the namespace.

    Raises:
        InputError: A pattern is malformed.
    """

    def __init__(self, gvk: Gvk, name: str, namespace: str) -> None:
        self._group, self._version, self._kind = (
            _anchored(text) for text in (gvk.group, gvk.version, gvk.kind)
        )
        self._name = _anchored(name)
        self._namespace = _anchored(namespace)

    def gvk(self, gvk: Gvk) -> bool:
        """Whether a kind matches."""
        return (
            _fits(self._group, gvk.group)
            and _fits(self._version, gvk.version)
            and _fits(self._kind, gvk.kind)
        )

    def name(self, name: str) -> bool:
        """Whether a name matches."""
        return _fits(self._name, name)

    def namespace(self, namespace: str) -> bool:
        """Whether a namespace matches."""
        return _fits(self._namespace, namespace)


def _anchored(pattern: str) -> re.Pattern[str] | None:
    return compiled(f"^(?:{pattern})\\Z") if pattern else None


def _fits(pattern: re.Pattern[str] | None, text: str) -> bool:
    return pattern is None or pattern.search(text) is not None
