"""Which kinds the engine handles at all (`resource.exclusions`, `resource.inclusions`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from towline.argo.application import decode
from towline.argo.globs import matches
from towline.argo.status import Condition, ConditionType
from towline.errors import InputError
from towline.gitops.targets import TargetSet
from towline.kube.refs import GroupKind
from towline.text.yaml import load_documents

EXCLUSIONS_KEY: Final = "resource.exclusions"
INCLUSIONS_KEY: Final = "resource.inclusions"

_NEVER_GROUPS: Final = frozenset({"events.k8s.io", "metrics.k8s.io"})
_NEVER_KINDS: Final = frozenset({GroupKind("", "Event"), GroupKind("coordination.k8s.io", "Lease")})


class KindPattern(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Kinds on clusters, by globs; an omitted list matches everything."""

    api_groups: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()

    def matches(self, kind: GroupKind, server: str) -> bool:
        """Whether it means that kind on that cluster."""
        return (
            _any(self.api_groups, kind.group)
            and _any(self.kinds, kind.kind)
            and _any(self.clusters, server)
        )


class KindFilter(msgspec.Struct, frozen=True):
    """What is handled: everything included (all, when nothing is) and not excluded."""

    exclusions: tuple[KindPattern, ...] = ()
    inclusions: tuple[KindPattern, ...] = ()

    def excluded(self, kind: GroupKind, server: str) -> bool:
        """Whether a kind is left alone on a cluster."""
        if kind.group in _NEVER_GROUPS or kind in _NEVER_KINDS:
            return True
        if any(pattern.matches(kind, server) for pattern in self.exclusions):
            return True
        return bool(self.inclusions) and not any(
            pattern.matches(kind, server) for pattern in self.inclusions
        )


def parse_kind_filter(exclusions: str, inclusions: str) -> KindFilter:
    """Reads both settings; empty texts mean none.

    Raises:
        InputError: One is no YAML list of patterns.
    """
    return KindFilter(
        exclusions=_patterns(exclusions, EXCLUSIONS_KEY),
        inclusions=_patterns(inclusions, INCLUSIONS_KEY),
    )


def handled(targets: TargetSet, kinds: KindFilter, server: str) -> TargetSet:
    """The desired objects without those of kinds that are left alone, and a warning for each."""
    found = [*targets.objects.values(), *targets.hooks]
    left_out = [one for one in found if kinds.excluded(one.gvk.group_kind, server)]
    if not left_out:
        return targets
    keys = {one.key for one in left_out}
    warnings = [excluded_warning(one.gvk.group_kind, one.key.name) for one in left_out]
    return TargetSet(
        objects={key: one for key, one in targets.objects.items() if key not in keys},
        hooks=tuple(hook for hook in targets.hooks if hook.key not in keys),
        conditions=(*targets.conditions, *warnings),
    )


def excluded_warning(kind: GroupKind, name: str) -> Condition:
    """What is said of a manifest of an excluded kind."""
    return Condition(
        ConditionType.EXCLUDED_RESOURCE,
        f"Resource {kind.group}/{kind.kind} {name} is excluded in the settings",
    )


def _patterns(text: str, key: str) -> tuple[KindPattern, ...]:
    documents = load_documents(text, file=key)
    value: Any = documents[0].value if documents else None
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InputError("must be a list", field=key)
    return tuple(
        decode(item, KindPattern, at=f"{key}[{position}]") for position, item in enumerate(value)
    )


def _any(patterns: Iterable[str], text: str) -> bool:
    known = tuple(patterns)
    return not known or any(matches(pattern, text) for pattern in known)
