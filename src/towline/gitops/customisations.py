"""How an operator customises kinds: `resource.customizations*` of the ConfigMap `argocd-cm`.

Two forms are read and merged: one YAML map under `resource.customizations`, and one entry for
each aspect and kind such as `resource.customizations.health.cert-manager.io_Certificate`, which
wins. An entry that cannot be read is left out and reported; it does not spoil the others.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from towline.errors import InputError
from towline.gitops.lua.script import Script
from towline.kube.refs import GroupKind
from towline.text.yaml import load_first

PREFIX: Final = "resource.customizations"
STANDARD_CONDITIONS: Final = PREFIX + ".standardConditions"
ALL: Final = "*/*"
_ASPECTS: Final = (
    "health",
    "useOpenLibs",
    "actions",
    "ignoreDifferences",
    "ignoreResourceUpdates",
    "knownTypeFields",
)


class IgnoredFields(msgspec.Struct, frozen=True, kw_only=True):
    """Fields that do not count: RFC 6901 pointers, jq paths, and those that a manager owns."""

    json_pointers: tuple[str, ...] = ()
    jq_path_expressions: tuple[str, ...] = ()
    managed_fields_managers: tuple[str, ...] = ()


class KnownTypeField(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a custom resource that holds a built-in type, such as `core/v1/PodSpec`."""

    field: str
    type: str


class ScriptedActions(msgspec.Struct, frozen=True, kw_only=True):
    """Actions by script.

    Attributes:
        discovery: Finds out which actions an object offers.
        definitions: The actions by name.
        merge_built_in: Whether built-in actions of the kind stay.
    """

    discovery: Script
    definitions: dict[str, Script]
    merge_built_in: bool = False


class KindRules(msgspec.Struct, frozen=True, kw_only=True):
    """What is customised for one pattern of kinds; None leaves the default."""

    health: Script | None = None
    actions: ScriptedActions | None = None
    ignore_differences: IgnoredFields | None = None
    ignore_resource_updates: IgnoredFields | None = None
    known_type_fields: tuple[KnownTypeField, ...] = ()


class Problem(msgspec.Struct, frozen=True):
    """An entry that was left out."""

    entry: str
    message: str


class Customisations(msgspec.Struct, frozen=True, kw_only=True):
    """All customisations.

    Attributes:
        rules: By `group/Kind`, `Kind` for the core group, or a pattern of these.
        standard_conditions: Patterns of kinds whose health is read from standard conditions.
        problems: Entries that were left out.
        digest: Identity of the text that they were read from.
    """

    rules: dict[str, KindRules] = {}
    standard_conditions: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    digest: str = ""

    def health(self, kind: GroupKind) -> Script | None:
        """The health script of a kind: the exact entry, else the longest pattern that fits."""
        return next((r.health for r in self._fitting(kind) if r.health is not None), None)

    def actions(self, kind: GroupKind) -> ScriptedActions | None:
        """The actions of a kind."""
        return next((r.actions for r in self._fitting(kind) if r.actions is not None), None)

    def ignore_differences(self, kind: GroupKind) -> list[IgnoredFields]:
        """Fields of a kind that do not count in comparisons; every entry that fits counts."""
        return [r.ignore_differences for r in self._fitting(kind) if r.ignore_differences]

    def ignore_resource_updates(self, kind: GroupKind) -> list[IgnoredFields]:
        """Fields of a kind whose changes do not cause a refresh."""
        return [r.ignore_resource_updates for r in self._fitting(kind) if r.ignore_resource_updates]

    def known_type_fields(self, kind: GroupKind) -> tuple[KnownTypeField, ...]:
        """Fields of a kind that hold built-in types."""
        found = self.rules.get(_key(kind))
        return found.known_type_fields if found is not None else ()

    def has_standard_conditions(self, kind: GroupKind) -> bool:
        """Whether the operator said that the kind's conditions are standard ones."""
        return any(_fits(pattern, _key(kind)) for pattern in self.standard_conditions)

    def _fitting(self, kind: GroupKind) -> Iterable[KindRules]:
        key = _key(kind)
        exact = self.rules.get(key)
        if exact is not None:
            yield exact
        for pattern in sorted(self.rules, key=lambda name: (-len(name), name)):
            if pattern != key and _is_pattern(pattern) and _fits(pattern, key):
                yield self.rules[pattern]


def parse_customisations(data: Mapping[str, str]) -> Customisations:
    """Reads the data of the ConfigMap; every entry of another name is passed over."""
    relevant = {key: text for key, text in data.items() if key.startswith(PREFIX)}
    if not relevant:
        return Customisations()
    problems: list[Problem] = []
    entries = _whole(relevant.get(PREFIX, ""), problems)
    for name, text in sorted(relevant.items()):
        aspect, _, kind = name.removeprefix(PREFIX + ".").partition(".")
        if aspect in _ASPECTS and kind:
            entries.setdefault(_unescaped(kind), {})[aspect] = (name, text)
    rules = {pattern: _rules(entry, problems) for pattern, entry in entries.items()}
    digest = hashlib.sha256(repr(sorted(relevant.items())).encode()).hexdigest()[:16]
    return Customisations(
        rules=rules,
        standard_conditions=tuple(re.findall(r"[^\s,]+", relevant.get(STANDARD_CONDITIONS, ""))),
        problems=tuple(problems),
        digest=digest,
    )


_Entry = dict[str, tuple[str, Any]]


def _whole(text: str, problems: list[Problem]) -> dict[str, _Entry]:
    """The entries of the one map; its scripts are told apart from lists by their aspect."""
    if not text.strip():
        return {}
    try:
        found = _yaml(PREFIX, text)
    except InputError as error:
        problems.append(Problem(PREFIX, str(error)))
        return {}
    if found is not None and not isinstance(found, dict):
        problems.append(Problem(PREFIX, "must be a map of kinds"))
        return {}
    entries: dict[str, _Entry] = {}
    for kind, settings in (found or {}).items():
        place = f"{PREFIX}[{kind}]"
        if not isinstance(settings, dict):
            problems.append(Problem(place, "must be a map"))
            continue
        names = {"health.lua": "health", "health.lua.useOpenLibs": "useOpenLibs"}
        entries[kind] = {
            aspect: (f"{place}.{name}", value)
            for name, value in settings.items()
            if (aspect := names.get(name, name)) in _ASPECTS
        }
    return entries


def _rules(entry: _Entry, problems: list[Problem]) -> KindRules:
    open_libs = str(entry.get("useOpenLibs", ("", False))[1]).lower() == "true"

    def read(aspect: str, reader: Any) -> Any:
        name, value = entry.get(aspect, ("", None))
        if value is None or value == "":
            return None
        try:
            return reader(name, value)
        except (InputError, msgspec.ValidationError) as error:
            problems.append(Problem(name, str(error)))
            return None

    return KindRules(
        health=read("health", functools.partial(_script, open_libs)),
        actions=read("actions", functools.partial(_actions, open_libs)),
        ignore_differences=read("ignoreDifferences", _ignored),
        ignore_resource_updates=read("ignoreResourceUpdates", _ignored),
        known_type_fields=read("knownTypeFields", _known_types) or (),
    )


class _ActionYaml(msgspec.Struct):
    name: str
    script: str = msgspec.field(name="action.lua")


class _ActionsYaml(msgspec.Struct, rename="camel"):
    discovery: str = msgspec.field(default="", name="discovery.lua")
    definitions: list[_ActionYaml] = []
    merge_builtin_actions: bool = False


class _IgnoredYaml(msgspec.Struct):
    pointers: tuple[str, ...] | None = msgspec.field(default=None, name="jsonPointers")
    paths: tuple[str, ...] | None = msgspec.field(default=None, name="jqPathExpressions")
    managers: tuple[str, ...] | None = msgspec.field(default=None, name="managedFieldsManagers")


def _script(open_libs: bool, name: str, text: Any) -> Script:
    if not isinstance(text, str):
        raise InputError("must be a text", field=name)
    return Script(text, "health.lua", open_libs)


def _actions(open_libs: bool, name: str, value: Any) -> ScriptedActions:
    found = msgspec.convert(_structured(name, value), _ActionsYaml)
    return ScriptedActions(
        discovery=Script(found.discovery, "discovery.lua", open_libs),
        definitions={
            one.name: Script(one.script, f"{one.name}.lua", open_libs) for one in found.definitions
        },
        merge_built_in=found.merge_builtin_actions,
    )


def _ignored(name: str, value: Any) -> IgnoredFields:
    found = msgspec.convert(_structured(name, value), _IgnoredYaml)
    return IgnoredFields(
        json_pointers=found.pointers or (),
        jq_path_expressions=found.paths or (),
        managed_fields_managers=found.managers or (),
    )


def _known_types(name: str, value: Any) -> tuple[KnownTypeField, ...]:
    return msgspec.convert(_structured(name, value), tuple[KnownTypeField, ...])


def _structured(name: str, value: Any) -> Any:
    """Both forms put YAML into a text; the map may also hold it directly."""
    return _yaml(name, value) if isinstance(value, str) else value


def _yaml(name: str, text: str) -> Any:
    document = load_first(text, file=name)
    return None if document is None else document.value


def _unescaped(kind: str) -> str:
    """`group_Kind` as `group/Kind`; `all` for every kind."""
    if kind == "all":
        return ALL
    group, underscore, name = kind.rpartition("_")
    return f"{group}/{name}" if underscore else name


def _key(kind: GroupKind) -> str:
    return f"{kind.group}/{kind.kind}" if kind.group else kind.kind


def _is_pattern(text: str) -> bool:
    return any(sign in text for sign in "*?[{")


def _fits(pattern: str, key: str) -> bool:
    return pattern == ALL or _expression(pattern).fullmatch(key) is not None


@functools.lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    """A pattern of kinds: `*` is any text, `?` any character, `{a,b}` a choice."""
    signs = {"*": ".*", "?": ".", "{": "(?:", "}": ")", ",": "|"}
    depth, found = 0, []
    balanced = pattern.count("{") == pattern.count("}")
    for sign in re.sub(r"\*+", "*", pattern):
        depth += (sign == "{") - (sign == "}")
        special = sign in "*?" or (balanced and (sign in "{}" or (sign == "," and depth > 0)))
        found.append(signs[sign] if special else re.escape(sign))
    try:
        return re.compile("".join(found))
    except re.error:
        return re.compile(re.escape(pattern))
