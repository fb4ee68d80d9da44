"""What the server serves: built-in kinds of the catalog and those that definitions add."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from towline.kube.crd.rules import NO_RULES, CustomRules
from towline.kube.refs import GroupResource, GroupVersionKind
from towline.kube.schema.catalog import Catalog, KindInfo
from towline.kube.schema.node import SchemaNode

# Kinds that share the objects of another kind: served resource -> stored kind and plural.
_STORED_AS = {
    ("events.k8s.io", "v1", "events"): (GroupVersionKind("", "v1", "Event"), "events"),
    ("autoscaling", "v1", "horizontalpodautoscalers"): (
        GroupVersionKind("autoscaling", "v2", "HorizontalPodAutoscaler"),
        "horizontalpodautoscalers",
    ),
}


_DEPRECATED = {
    ("", "v1", "endpoints"): (
        "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
    ),
    ("", "v1", "componentstatuses"): "v1 ComponentStatus is deprecated in v1.19+",
}


@dataclass(frozen=True, slots=True)
class Subresource:
    """A path below an object, such as `status`.

    Attributes:
        gvk: The kind that it speaks.
        verbs: What can be done.
    """

    gvk: GroupVersionKind
    verbs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServedKind:
    """One resource of one group and version.

    Attributes:
        gvk: The kind as this URL speaks it.
        stored: The kind as it is stored; differs only in versions, and for aliases.
        resource: Where its objects are stored.
        plural: Name in the URL.
        singular: Name for people.
        list_kind: Kind of its lists.
        namespaced: Whether objects live in namespaces.
        short_names: Abbreviations.
        categories: Sets such as `all`.
        verbs: What can be done; empty of `list` for kinds that are only questions.
        subresources: By name.
        schema: Of this version.
        custom: Whether a CustomResourceDefinition brought it.
        columns: A custom kind's printer columns.
        scale_paths: A custom kind's `specReplicasPath` and so on.
        selectable: A custom kind's additional field selector paths.
        definition: Name of the CustomResourceDefinition.
        warning: What users of a deprecated version are told.
        defaulted: Whether a custom kind's schema has default values.
        computed: Whether its objects are made when they are asked for, such as metrics.
    """

    gvk: GroupVersionKind
    stored: GroupVersionKind
    resource: GroupResource
    plural: str
    singular: str
    list_kind: str
    namespaced: bool
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    verbs: tuple[str, ...]
    subresources: Mapping[str, Subresource]
    schema: SchemaNode
    custom: bool = False
    columns: tuple[dict[str, Any], ...] | None = None
    scale_paths: Mapping[str, str] = field(default_factory=dict)
    selectable: tuple[str, ...] = ()
    definition: str = ""
    warning: str = ""
    rules: CustomRules = NO_RULES
    computed: bool = False
    defaulted: bool = False

    @property
    def url_resource(self) -> GroupResource:
        """As messages name it."""
        return GroupResource(self.gvk.group, self.plural)

    @property
    def has_status(self) -> bool:
        """Whether `status` is written by its own path only."""
        return "status" in self.subresources

    @property
    def storable(self) -> bool:
        """False for kinds that are computed, questions (reviews) or actions (bindings)."""
        return "get" in self.verbs and not self.computed


def _builtin(info: KindInfo) -> ServedKind:
    gvk = info.gvk
    stored, plural = _STORED_AS.get((gvk.group, gvk.version, info.resource), (gvk, info.resource))
    return ServedKind(
        gvk=gvk,
        stored=stored,
        resource=GroupResource(stored.group, plural),
        plural=info.resource,
        singular=info.singular,
        list_kind=f"{gvk.kind}List",
        namespaced=info.namespaced,
        short_names=tuple(info.short_names),
        categories=tuple(info.categories),
        verbs=tuple(info.verbs),
        subresources={
            name: Subresource(sub.gvk, tuple(sub.verbs)) for name, sub in info.subresources.items()
        },
        schema=info.schema,
        warning=_DEPRECATED.get((gvk.group, gvk.version, info.resource), ""),
    )


class Kinds:
    """The table of served kinds.

    Attributes:
        epoch: Grows when a definition comes, changes or goes; discovery is cached by it.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.epoch = 1
        self._served: dict[tuple[str, str, str], ServedKind] = {}
        self._stored: dict[GroupResource, ServedKind] = {}
        self._order: dict[str, list[str]] = {}
        self._by_definition: dict[str, list[ServedKind]] = {}
        for info in catalog.kinds():
            self._add(_builtin(info))

    def _add(self, kind: ServedKind) -> None:
        gvk = kind.gvk
        self._served[gvk.group, gvk.version, kind.plural] = kind
        if gvk == kind.stored:
            self._stored[kind.resource] = kind
        versions = self._order.setdefault(gvk.group, [])
        if gvk.version not in versions:
            versions.append(gvk.version)

    def served(self, group: str, version: str, plural: str) -> ServedKind | None:
        """The kind behind a URL."""
        return self._served.get((group, version, plural))

    def stored(self, resource: GroupResource) -> ServedKind | None:
        """The kind in its stored version."""
        return self._stored.get(resource)

    def by_kind(self, gvk: GroupVersionKind) -> ServedKind | None:
        """The kind by its name."""
        return next((kind for kind in self._served.values() if kind.gvk == gvk), None)

    def groups(self) -> dict[str, list[str]]:
        """Groups and their versions, the preferred version first; core is an empty name."""
        # Copied in one step: documents are made by threads while definitions come and go.
        return {group: list(versions) for group, versions in list(self._order.items())}

    def version(self, group: str, version: str) -> list[ServedKind]:
        """Every kind of a group and version."""
        served = list(self._served.values())
        found = [k for k in served if (k.gvk.group, k.gvk.version) == (group, version)]
        return sorted(found, key=lambda kind: kind.plural)

    def all_stored(self) -> Iterable[ServedKind]:
        """Every kind that stores objects, once."""
        return [kind for kind in self._stored.values() if kind.storable]

    def install(self, definition: str, served: list[ServedKind], stored: ServedKind) -> None:
        """Adds or replaces the kinds of a definition, the preferred version first."""
        self._withdraw(definition)
        self._by_definition[definition] = served
        for kind in served:
            self._add(kind)
        self._stored[stored.resource] = stored
        self.epoch += 1

    def remove(self, definition: str) -> None:
        """Stops serving the kinds of a definition."""
        self._withdraw(definition)
        self.epoch += 1

    def _withdraw(self, definition: str) -> None:
        for kind in self._by_definition.pop(definition, []):
            gvk = kind.gvk
            self._served.pop((gvk.group, gvk.version, kind.plural), None)
            self._stored.pop(kind.resource, None)
            left = any((g, v) == (gvk.group, gvk.version) for g, v, _ in self._served)
            if not left:
                self._order[gvk.group].remove(gvk.version)
                if not self._order[gvk.group]:
                    del self._order[gvk.group]
