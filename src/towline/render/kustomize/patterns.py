"""Regular expressions of selectors: anchored, with Go's syntax, matched in linear time."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from towline.errors import InputError
from towline.render.kustomize.ids import Gvk
from towline.text.re2 import Pattern, compile_pattern

_LONGEST: Final = 1000


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Pattern:
    """A pattern compiled.

    Raises:
        InputError: It is malformed or too long.
    """
    if len(pattern) > _LONGEST:
        raise InputError(f"a regular expression of {len(pattern)} characters is too long")
    return compile_pattern(pattern)


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


def _anchored(pattern: str) -> Pattern | None:
    return compiled(f"^(?:{pattern})$") if pattern else None


def _fits(pattern: Pattern | None, text: str) -> bool:
    return pattern is None or pattern.matches(text)
