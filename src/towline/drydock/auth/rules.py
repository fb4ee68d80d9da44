"""Policy rules: reading them, and finding the first of many that allows a request. Pure.

A request is compared with a few table entries instead of with every rule: a rule is filed under
each pair of API group and resource that it names, wildcards included, and only the pairs that can
match are looked up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from towline.drydock.auth.attributes import Attributes

ALL = "*"


class Rule(NamedTuple):
    """A policy rule.

    Attributes:
        verbs: What may be done.
        groups: API groups.
        resources: Plural names, `name/part` for subresources.
        names: Objects, all when empty.
        urls: Paths that are no resources; a trailing `*` stands for anything.
    """

    verbs: tuple[str, ...]
    groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()

    def as_object(self) -> dict[str, list[str]]:
        """The rule as roles hold it."""
        fields = {
            "apiGroups": self.groups,
            "nonResourceURLs": self.urls,
            "resourceNames": self.names,
            "resources": self.resources,
            "verbs": self.verbs,
        }
        return {name: list(values) for name, values in fields.items() if values}


def rule_of(obj: Mapping[str, Any]) -> Rule:
    """Reads a rule of a role."""
    return Rule(
        tuple(obj.get("verbs") or ()),
        tuple(obj.get("apiGroups") or ()),
        tuple(obj.get("resources") or ()),
        tuple(obj.get("resourceNames") or ()),
        tuple(obj.get("nonResourceURLs") or ()),
    )


def rules_of(role: Mapping[str, Any]) -> list[Rule]:
    """The rules of a role."""
    return [rule_of(obj) for obj in role.get("rules") or ()]


def url_matches(pattern: str, path: str) -> bool:
    """Whether a rule's path stands for a path."""
    if pattern in (ALL, path):
        return True
    return pattern.endswith(ALL) and path.startswith(pattern.rstrip(ALL))


class _Entry(NamedTuple):
    position: int
    verbs: frozenset[str] | None
    names: frozenset[str] | None


class RuleIndex:
    """Rules, compiled for look-up.

    Args:
        rules: In the order in which they count.
    """

    __slots__ = ("_table", "_urls")

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._table: dict[tuple[str, str], list[_Entry]] = {}
        self._urls: list[tuple[int, frozenset[str] | None, tuple[str, ...]]] = []
        for position, rule in enumerate(rules):
            verbs = None if ALL in rule.verbs else frozenset(rule.verbs)
            names = frozenset(rule.names) if rule.names else None
            entry = _Entry(position, verbs, names)
            for group in rule.groups:
                for resource in rule.resources:
                    self._table.setdefault((group, resource), []).append(entry)
            if rule.urls:
                self._urls.append((position, verbs, rule.urls))

    def find(self, asked: Attributes) -> int | None:
        """The position of the first rule that allows the request, or None."""
        if asked.path is not None:
            return self._find_url(asked.verb, asked.path)
        group, resource = asked.group, asked.combined
        keys = [(group, resource), (group, ALL), (ALL, resource), (ALL, ALL)]
        if asked.subresource:
            of_any = f"*/{asked.subresource}"
            keys += [(group, of_any), (ALL, of_any)]
        best: int | None = None
        for key in keys:
            for entry in self._table.get(key, ()):
                if best is not None and entry.position >= best:
                    break
                if (entry.verbs is None or asked.verb in entry.verbs) and (
                    entry.names is None or asked.name in entry.names
                ):
                    best = entry.position
                    break
        return best

    def _find_url(self, verb: str, path: str) -> int | None:
        for position, verbs, urls in self._urls:
            if (verbs is None or verb in verbs) and any(url_matches(url, path) for url in urls):
                return position
        return None
