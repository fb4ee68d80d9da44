"""Reads from `argocd-cm` how objects are compared.

Rules for kinds stand under `resource.customizations.<what>.<group>_<Kind>` (`all` for every kind),
or together in the one key `resource.customizations`, by `<group>/<Kind>`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

import msgspec

from towline.argo.application import IgnoreRule, decode
from towline.errors import InputError
from towline.gitops.compare_options import (
    COMPARE_OPTIONS_KEY,
    CompareOptions,
    mapping_of,
    parse_compare_options,
)
from towline.gitops.ignore import IgnorePolicy
from towline.gitops.known_types import NOTHING_CONFIGURED, KnownField, KnownTypes, known_types
from towline.gitops.masking import SENSITIVE_ANNOTATIONS_KEY, sensitive_annotations
from towline.gitops.tracking_methods import Tracking, parse_tracking
from towline.kube.refs import GroupKind
from towline.text.yaml import load_documents

CUSTOMIZATIONS_KEY: Final = "resource.customizations"
_IGNORE: Final = "ignoreDifferences"
_KNOWN: Final = "knownTypeFields"
_ANY: Final = GroupKind("*", "*")

T = TypeVar("T")


class CompareSettings(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """How objects are compared, for every application.

    Attributes:
        options: Options of every comparison.
        rules: Differences that do not count, of all applications.
        known_types: Fields of custom resources that hold types of Kubernetes.
        tracking: How objects are marked as an application's own.
        secret_annotations: Annotations of Secrets whose values are secret.
        problems: What in the settings could not be read, and is left out.
    """

    options: CompareOptions = CompareOptions()
    rules: tuple[IgnoreRule, ...] = ()
    known_types: KnownTypes = NOTHING_CONFIGURED
    tracking: Tracking = Tracking()
    secret_annotations: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()

    def policy(self, rules: tuple[IgnoreRule, ...]) -> IgnorePolicy:
        """The rules for an application that has these of its own."""
        return IgnorePolicy(rules=(*self.rules, *rules), status=self.options.ignore_status)


class _Ignored(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    json_pointers: tuple[str, ...] = ()
    jq_path_expressions: tuple[str, ...] = ()
    managed_fields_managers: tuple[str, ...] = ()


def parse_compare_settings(config: Mapping[str, str]) -> CompareSettings:
    """Reads the data of `argocd-cm`; what is wrong in one key does not spoil the others."""
    problems: list[str] = []

    def read(parse: Callable[[], T], otherwise: T) -> T:
        try:
            return parse()
        except InputError as error:
            problems.append(str(error))
            return otherwise

    entries = [*_entries(config, problems)]
    rules = []
    known: dict[GroupKind, tuple[KnownField, ...]] = {}
    for what, kind, value, at in entries:
        if what == _IGNORE:
            found = read(lambda v=value, a=at, k=kind: _rule(k, v, a), None)  # type: ignore[misc]
            rules += [found] if found is not None else []
        elif what == _KNOWN:
            fields = read(lambda v=value, a=at: _fields(v, a), ())  # type: ignore[misc]
            known[kind] = (*known.get(kind, ()), *fields)
    return CompareSettings(
        options=read(
            lambda: parse_compare_options(config.get(COMPARE_OPTIONS_KEY) or ""), CompareOptions()
        ),
        rules=tuple(rules),
        known_types=read(lambda: known_types(known), NOTHING_CONFIGURED),
        tracking=read(lambda: parse_tracking(config), Tracking()),
        secret_annotations=sensitive_annotations(config.get(SENSITIVE_ANNOTATIONS_KEY) or ""),
        problems=tuple(problems),
    )


def _entries(
    config: Mapping[str, str], problems: list[str]
) -> Iterator[tuple[str, GroupKind, Any, str]]:
    """What, for which kind, the decoded value, and the key where it stands."""
    prefix = CUSTOMIZATIONS_KEY + "."
    for key in sorted(config):
        try:
            if key == CUSTOMIZATIONS_KEY:
                yield from _together(config[key])
            elif key.startswith(prefix):
                what, _, name = key.removeprefix(prefix).partition(".")
                if what in {_IGNORE, _KNOWN}:
                    yield what, _kind(name, "_", key), _decoded(config[key], key), key
        except InputError as error:
            problems.append(str(error))


def _together(text: str) -> Iterator[tuple[str, GroupKind, Any, str]]:
    for name, value in mapping_of(text, CUSTOMIZATIONS_KEY).items():
        kind = _kind(name, "/", CUSTOMIZATIONS_KEY)
        for what in (_IGNORE, _KNOWN):
            if isinstance(value, dict) and value.get(what) is not None:
                given, at = value[what], f"{CUSTOMIZATIONS_KEY}.{name}.{what}"
                # In this form the rules are YAML in a string.
                yield what, kind, _decoded(given, at) if isinstance(given, str) else given, at


def _kind(name: str, separator: str, key: str) -> GroupKind:
    if name in {"all", "*/*"}:
        return _ANY
    group, found, kind = name.rpartition(separator)
    if not kind or (not found and group) or separator in group:
        raise InputError(f"{name!r} is no kind", field=key)
    return GroupKind(group, kind)


def _decoded(text: str, key: str) -> Any:
    documents = load_documents(text, file=key)
    return documents[0].value if documents else None


def _rule(kind: GroupKind, value: Any, at: str) -> IgnoreRule:
    given = decode(value if value is not None else {}, _Ignored, at=at)
    return IgnoreRule(
        group=kind.group,
        kind=kind.kind,
        json_pointers=given.json_pointers,
        jq_path_expressions=given.jq_path_expressions,
        managed_fields_managers=given.managed_fields_managers,
    )


def _fields(value: Any, at: str) -> tuple[KnownField, ...]:
    return decode(value if value is not None else [], tuple[KnownField, ...], at=at)
