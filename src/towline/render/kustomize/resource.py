"""A resource on its way through a build: the object and what the build remembers of it."""

from __future__ import annotations

from typing import Any, Final

from towline.errors import InputError
from towline.kube.selectors import LabelSelector
from towline.render.kustomize.ids import Gvk, ResId, split_api_version
from towline.render.kustomize.origins import Origin
from towline.render.kustomize.schema import Schemas
from towline.render.kustomize.values import OddKey, Value, checked_key, is_empty, text_of

ORIGIN: Final = "config.kubernetes.io/origin"
TRANSFORMATIONS: Final = "alpha.config.kubernetes.io/transformations"
_INTERNAL: Final = "internal.config.kubernetes.io/"
_UNEVEN: Final = (
    "number of previous names, number of previous namespaces, number of previous kinds not equal"
)
_BUILD_NOTES: Final = frozenset(
    {
        *(_INTERNAL + name for name in ("previousKinds", "previousNames", "previousNamespaces")),
        *(_INTERNAL + name for name in ("prefixes", "suffixes", "refBy", "generatorBehavior")),
        *(_INTERNAL + name for name in ("needsHashSuffix", "allowNameChange", "allowKindChange")),
        *(_INTERNAL + name for name in ("path", "index", "seqindent", "id")),
        _INTERNAL + "annotations-migration-resource-id",
        "config.kubernetes.io/path",
        "config.kubernetes.io/index",
        "config.k8s.io/id",
        "kustomize.config.k8s.io/helm-generated",
    }
)


class Resource:
    """One object of a build. Its object is never changed in place, only exchanged.

    Args:
        value: The object.
        schemas: What is known of kinds.
        special: Whether values may be other than plain JSON.

    Attributes:
        previous: Earlier (namespace, name, kind), oldest first.
        prefixes: Name prefixes, in the order of their use.
        suffixes: Name suffixes, in the order of their use.
        needs_hash: Whether a hash of the content ends the name.
        behavior: Of a generated object: `create`, `merge`, `replace` or `unspecified`.
        allow_name_change: Of a patch: it may rename.
        allow_kind_change: Of a patch: it may change the kind.
        from_chart: Whether a chart gave it.
        origin: Where it comes from, when that is asked for.
        transformations: What changed it, when that is asked for.
        variables: Names of the variables that take a value from it.
    """

    __slots__ = (
        "_id",
        "_value",
        "allow_kind_change",
        "allow_name_change",
        "behavior",
        "from_chart",
        "needs_hash",
        "origin",
        "prefixes",
        "previous",
        "schemas",
        "special",
        "suffixes",
        "transformations",
        "variables",
    )

    def __init__(self, value: dict[str, Value], schemas: Schemas, *, special: bool = False) -> None:
        self._value: dict[str, Value] | None = value
        self._id: ResId | None = None
        self.schemas = schemas
        self.special = special
        self.previous: tuple[tuple[str, str, str], ...] = ()
        self.prefixes: tuple[str, ...] = ()
        self.suffixes: tuple[str, ...] = ()
        self.needs_hash = False
        self.behavior = "unspecified"
        self.allow_name_change = False
        self.allow_kind_change = False
        self.from_chart = False
        self.origin: Origin | None = None
        self.transformations: tuple[Origin, ...] = ()
        self.variables: tuple[str, ...] = ()

    @property
    def value(self) -> dict[str, Value]:
        """The object; empty once it was deleted."""
        return self._value or {}

    @value.setter
    def value(self, value: dict[str, Value] | None) -> None:
        if value is not self._value:
            self._value = value
            self._id = None

    @property
    def deleted(self) -> bool:
        """Whether nothing is left of it."""
        return not self._value

    @property
    def kind(self) -> str:
        """Its kind."""
        return text_of(self.value.get("kind", ""))

    @property
    def api_version(self) -> str:
        """Its API version."""
        return text_of(self.value.get("apiVersion", ""))

    @property
    def name(self) -> str:
        """Its name."""
        return self._metadata_text("name")

    @property
    def namespace(self) -> str:
        """Its namespace as written."""
        return self._metadata_text("namespace")

    @property
    def gvk(self) -> Gvk:
        """Its group, version and kind."""
        return self.id.gvk

    @property
    def id(self) -> ResId:
        """Its identity now."""
        if self._id is None:
            group, version = split_api_version(self.api_version)
            gvk = Gvk(group, version, self.kind)
            cluster = self.schemas.is_cluster(self.api_version, gvk.kind)
            self._id = ResId(gvk, self.name, self.namespace, cluster)
        return self._id

    @property
    def previous_ids(self) -> list[ResId]:
        """Its earlier identities, oldest first."""
        now = self.id.gvk
        return [
            ResId(Gvk(now.group, now.version, kind), name, namespace)
            for namespace, name, kind in self.previous
        ]

    @property
    def original_id(self) -> ResId:
        """Its first identity."""
        return self.previous_ids[0] if self.previous else self.id

    def remember(self) -> None:
        """Keeps the present identity, because it is about to change.

        Raises:
            InputError: A comma in it would split the original's lists of such identities.
        """
        now = self.id
        if len({text.count(",") for text in (now.name, now.effective_namespace, now.gvk.kind)}) > 1:
            raise InputError(_UNEVEN)
        self.previous = (*self.previous, (now.effective_namespace, now.name, now.gvk.kind))

    def metadata_map(self, field: str) -> dict[str, str]:
        """Labels or annotations as text."""
        metadata = self.value.get("metadata")
        found = metadata.get(field) if isinstance(metadata, dict) else None
        if not isinstance(found, dict):
            return {}
        return {key: str(text_of(value)) for key, value in found.items()}

    def set_metadata(self, field: str, value: Value) -> None:
        """Sets a field of the metadata; an empty value removes it."""
        if isinstance(value, dict):
            value = {checked_key(key): text for key, text in value.items()}
            self.special |= any(type(key) is OddKey for key in value)
        metadata = self.value.get("metadata")
        metadata = dict(metadata) if isinstance(metadata, dict) else {}
        if value in ("", {}, None):
            if field not in metadata:
                return
            del metadata[field]
        else:
            metadata[field] = value
        self.value = {**self.value, "metadata": metadata}

    def selected(self, labels: LabelSelector, annotations: LabelSelector) -> bool:
        """Whether its labels and annotations fulfil the selectors."""
        if labels.requirements and not labels.matches(self.metadata_map("labels")):
            return False
        return not annotations.requirements or annotations.matches(self.metadata_map("annotations"))

    def copy(self) -> Resource:
        """Another resource with the same content."""
        other = Resource(self.value, self.schemas, special=self.special)
        for field in self.__slots__[2:]:
            setattr(other, field, getattr(self, field))
        return other

    def take_notes_from(self, other: Resource) -> None:
        """Takes over what the build remembers of the other one, but for the hash mark."""
        for field in ("previous", "prefixes", "suffixes", "behavior", "variables", "from_chart"):
            setattr(self, field, getattr(other, field))
        self.needs_hash = self.needs_hash and other.needs_hash

    def take_own_notes(self) -> None:
        """Moves the build's own annotations, as another tool may have left them, into fields."""
        found = self.metadata_map("annotations")
        if not any(key.startswith(_INTERNAL) or key == ORIGIN for key in found):
            return
        names, spaces, kinds = (
            _listed(found, f"previous{what}") for what in ("Names", "Namespaces", "Kinds")
        )
        if not len(names) == len(spaces) == len(kinds):
            raise InputError(_UNEVEN)
        self.previous = tuple(zip(spaces, names, kinds, strict=True))
        self.prefixes = tuple(_listed(found, "prefixes"))
        self.suffixes = tuple(_listed(found, "suffixes"))
        self.needs_hash = found.get(_INTERNAL + "needsHashSuffix") == "enabled"
        behavior = found.get(_INTERNAL + "generatorBehavior", "")
        self.behavior = behavior if behavior in {"create", "merge", "replace"} else "unspecified"

    def without_notes(self, annotations: dict[str, Any]) -> dict[str, Any]:
        """The annotations without those that are the build's own."""
        return {key: value for key, value in annotations.items() if key not in _BUILD_NOTES}

    def _metadata_text(self, field: str) -> str:
        metadata = self.value.get("metadata")
        if not isinstance(metadata, dict):
            return ""
        value = metadata.get(field)
        return "" if is_empty(value) else text_of(value)


def _listed(annotations: dict[str, str], note: str) -> list[str]:
    text = annotations.get(_INTERNAL + note)
    return [] if text is None else text.split(",")
