"""Fields of custom resources that hold types of Kubernetes itself.

A custom resource may embed a pod specification or a quantity; controllers written in Go write such
a field back in the canonical form of its type. Both sides are brought to that form, so that
`1000m` and `1` are no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from towline.errors import TowlineError
from towline.kube.quantity import canonical
from towline.kube.refs import GroupKind
from towline.kube.schema.catalog import load_catalog
from towline.kube.schema.process import normalize, prune
from towline.text.gotime import format_duration, parse_duration

_CORE: Final = "core/v1/"
_DEFINITIONS: Final = "io.k8s.api.core.v1."
_ROLLOUT: Final = GroupKind("argoproj.io", "Rollout")


class KnownField(msgspec.Struct, frozen=True):
    """A field of a known type.

    Attributes:
        field: Its path, `spec.template.spec`; lists on the way are entered.
        type: `core/Quantity`, `meta/v1/Duration` or `core/v1/<name>`.
    """

    field: str
    type: str


class KnownTypes(msgspec.Struct, frozen=True, eq=False):
    """Fields of known types, by kind."""

    fields: Mapping[GroupKind, tuple[KnownField, ...]]

    def apply(self, obj: dict[str, Any], kind: GroupKind) -> dict[str, Any]:
        """The object with those fields in canonical form; what does not fit stays as it is."""
        for known in self.fields.get(kind, ()):
            rewrite = _rewriter(known.type)
            if rewrite is not None:
                obj = _at(obj, known.field.split("."), rewrite)
        return obj


def known_types(configured: Mapping[GroupKind, Iterable[KnownField]]) -> KnownTypes:
    """The configured fields and those that are built in; fields of other types are passed over."""
    found = {
        kind: tuple(field for field in fields if is_known(field.type))
        for kind, fields in configured.items()
    }
    return KnownTypes({_ROLLOUT: (KnownField("spec.template.spec", "core/v1/PodSpec"),), **found})


def is_known(name: str) -> bool:
    """Whether there is such a type."""
    return _rewriter(name) is not None


@lru_cache(maxsize=256)
def _rewriter(name: str) -> Callable[[Any], Any] | None:
    if name == "core/Quantity":
        return _quantity
    if name == "meta/v1/Duration":
        return _duration
    definition = _DEFINITIONS + name.removeprefix(_CORE)
    if not name.startswith(_CORE) or definition not in load_catalog().definitions.names():
        return None
    schema = load_catalog().schema(definition)
    return lambda value: normalize(prune(value, schema)[0], schema)


def _quantity(value: Any) -> Any:
    return canonical(value)


def _duration(value: Any) -> Any:
    return format_duration(parse_duration(value)) if isinstance(value, str) else value


def _at(value: Any, path: list[str], rewrite: Callable[[Any], Any]) -> Any:
    """The value with what the path leads to rewritten; shares everything else."""
    if isinstance(value, list):
        return [_at(item, path, rewrite) for item in value]
    if not path:
        return _rewritten(value, rewrite)
    if not isinstance(value, dict) or path[0] not in value:
        return value
    return {**value, path[0]: _at(value[path[0]], path[1:], rewrite)}


def _rewritten(value: Any, rewrite: Callable[[Any], Any]) -> Any:
    try:
        return rewrite(value)
    except TowlineError:
        return value


NOTHING_CONFIGURED: Final = known_types({})
