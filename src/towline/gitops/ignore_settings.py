"""How objects are compared, as the ConfigMap `argocd-cm` says it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from towline.argo.application import IgnoreRule
from towline.errors import InputError
from towline.gitops.compare_options import (
    COMPARE_OPTIONS_KEY,
    CompareOptions,
    parse_compare_options,
)
from towline.gitops.customisations import Customisations, parse_customisations
from towline.gitops.exclusions import (
    EXCLUSIONS_KEY,
    INCLUSIONS_KEY,
    KindFilter,
    parse_kind_filter,
)
from towline.gitops.ignore import IgnorePolicy
from towline.gitops.known_types import (
    NOTHING_CONFIGURED,
    KnownField,
    KnownTypes,
    is_known,
    known_types,
)
from towline.gitops.masking import SENSITIVE_ANNOTATIONS_KEY, sensitive_annotations
from towline.gitops.tracking_methods import Tracking, parse_tracking
from towline.kube.refs import GroupKind

T = TypeVar("T")


class CompareSettings(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """How objects are compared, for every application.

    Attributes:
        options: Options of every comparison.
        rules: Differences that do not count, of all applications.
        known_types: Fields of custom resources that hold types of Kubernetes.
        tracking: How objects are marked as an application's own.
        kinds: Kinds that are handled at all.
        secret_annotations: Annotations of Secrets whose values are secret.
        problems: What in the settings could not be read, and is left out.
    """

    options: CompareOptions = CompareOptions()
    rules: tuple[IgnoreRule, ...] = ()
    known_types: KnownTypes = NOTHING_CONFIGURED
    tracking: Tracking = Tracking()
    kinds: KindFilter = KindFilter()
    secret_annotations: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()

    def policy(self, rules: tuple[IgnoreRule, ...]) -> IgnorePolicy:
        """The rules for an application that has these of its own."""
        return IgnorePolicy(rules=(*self.rules, *rules), status=self.options.ignore_status)


def parse_compare_settings(config: Mapping[str, str]) -> CompareSettings:
    """Reads the data of `argocd-cm`; what is wrong in one key does not spoil the others."""
    custom = parse_customisations(config)
    problems = [f"{problem.entry}: {problem.message}" for problem in custom.problems]

    def read(parse: Callable[[], T], otherwise: T) -> T:
        try:
            return parse()
        except InputError as error:
            problems.append(str(error))
            return otherwise

    return CompareSettings(
        options=read(
            lambda: parse_compare_options(config.get(COMPARE_OPTIONS_KEY) or ""), CompareOptions()
        ),
        rules=_ignore_rules(custom),
        known_types=_known_types(custom, problems),
        tracking=read(lambda: parse_tracking(config), Tracking()),
        kinds=read(
            lambda: parse_kind_filter(
                config.get(EXCLUSIONS_KEY) or "", config.get(INCLUSIONS_KEY) or ""
            ),
            KindFilter(),
        ),
        secret_annotations=sensitive_annotations(config.get(SENSITIVE_ANNOTATIONS_KEY) or ""),
        problems=tuple(problems),
    )


def _ignore_rules(custom: Customisations) -> tuple[IgnoreRule, ...]:
    found = []
    for name, rules in sorted(custom.rules.items()):
        kind, given = _kind(name), rules.ignore_differences
        if given is not None:
            found.append(
                IgnoreRule(
                    group=kind.group,
                    kind=kind.kind,
                    json_pointers=given.json_pointers,
                    jq_path_expressions=given.jq_path_expressions,
                    managed_fields_managers=given.managed_fields_managers,
                )
            )
    return tuple(found)


def _known_types(custom: Customisations, problems: list[str]) -> KnownTypes:
    found = {}
    for name, rules in custom.rules.items():
        given = rules.known_type_fields
        problems += [
            f"{name} {one.field}: type {one.type!r} is not supported"
            for one in given
            if not is_known(one.type)
        ]
        if given:
            found[_kind(name)] = [KnownField(one.field, one.type) for one in given]
    return known_types(found)


def _kind(name: str) -> GroupKind:
    group, _, kind = name.rpartition("/")
    return GroupKind(group, kind)
