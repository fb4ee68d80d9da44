"""Whether some rules allow all that others allow, and how to name what is missing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from towline.drydock.auth.attributes import quoted
from towline.drydock.auth.rules import ALL, Rule

EVERYTHING = (
    Rule((ALL,), groups=(ALL,), resources=(ALL,)),
    Rule((ALL,), urls=(ALL,)),
)


def uncovered(owned: Sequence[Rule], wanted: Iterable[Rule]) -> list[Rule]:
    """What `wanted` allows beyond `owned`, in rules of one verb, resource and name each."""
    missing = []
    for rule in wanted:
        missing += [p for p in atoms(rule) if not any(_covers(owner, p) for owner in owned)]
    return missing


def atoms(rule: Rule) -> list[Rule]:
    """The rule in parts of one verb, one resource and at most one name each."""
    names: list[tuple[str, ...]] = [(name,) for name in rule.names] or [()]
    parts = [
        Rule((verb,), (group,), (resource,), name)
        for group in rule.groups
        for resource in rule.resources
        for verb in rule.verbs
        for name in names
    ]
    return parts + [Rule((verb,), urls=(url,)) for url in rule.urls for verb in rule.verbs]


def _covers(owner: Rule, part: Rule) -> bool:
    if ALL not in owner.verbs and part.verbs[0] not in owner.verbs:
        return False
    if part.urls:
        return any(_url_covers(url, part.urls[0]) for url in owner.urls)
    if ALL not in owner.groups and part.groups[0] not in owner.groups:
        return False
    if not _resource_covers(owner.resources, part.resources[0]):
        return False
    # A right to all objects is only covered by a right to all objects.
    return not owner.names or (bool(part.names) and part.names[0] in owner.names)


def _resource_covers(owned: tuple[str, ...], resource: str) -> bool:
    if ALL in owned or resource in owned:
        return True
    _, slash, part = resource.partition("/")
    return bool(slash) and f"*/{part}" in owned


def _url_covers(owned: str, url: str) -> bool:
    return owned == url or (owned.endswith(ALL) and url.startswith(owned.rstrip(ALL)))


def compact(rules: Iterable[Rule]) -> list[Rule]:
    """Atoms joined to one rule for each resource and name."""
    verbs: dict[Rule, list[str]] = {}
    for rule in rules:
        key = rule if rule.urls else rule._replace(verbs=())
        verbs.setdefault(key, []).extend(rule.verbs)
    return [key if key.urls else key._replace(verbs=tuple(found)) for key, found in verbs.items()]


def described(rules: Iterable[Rule]) -> str:
    """Rules for a message, one a line, sorted."""
    return "\n".join(sorted({_described(rule) for rule in rules}))


def _described(rule: Rule) -> str:
    fields = (
        ("APIGroups", rule.groups),
        ("Resources", rule.resources),
        ("NonResourceURLs", rule.urls),
        ("ResourceNames", rule.names),
        ("Verbs", rule.verbs),
    )
    said = [f"{name}:{quoted_list(values)}" for name, values in fields if values]
    return "{" + ", ".join(said) + "}"


def quoted_list(values: Iterable[str]) -> str:
    """Strings in brackets, each in quotes."""
    return "[" + " ".join(quoted(value) for value in values) + "]"
