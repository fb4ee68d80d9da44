"""Chart.yaml: its fields, how Go decodes them, and Helm's checks."""

from __future__ import annotations

import copy
import posixpath
import re
from dataclasses import dataclass, field
from typing import Any, Final

from towline.render.helm.decoding import (
    field_named,
    flag_of,
    items_of,
    load_struct,
    structs_of,
    text_map_of,
    text_of,
    texts_of,
)
from towline.render.helm.errors import ChartError
from towline.render.helm.versions import is_version

_ALIAS: Final = re.compile(r"[a-zA-Z0-9_-]+")
_TYPES: Final = frozenset({"", "application", "library"})


@dataclass(slots=True, eq=False)
class Dependency:
    """One subchart that a chart asks for.

    Attributes:
        name: Its chart name; after processing, the alias if it has one.
        version: Constraint on its version.
        repository: Where it comes from.
        condition: Comma-separated paths of values that switch it.
        tags: Names that switch it in groups.
        enabled: Whether it stays.
        import_values: What its parent takes over from its values.
        alias: Another name for it.
    """

    name: str = ""
    version: str = ""
    repository: str = ""
    condition: str = ""
    tags: list[str] = field(default_factory=list)
    enabled: bool = False
    import_values: list[Any] = field(default_factory=list)
    alias: str = ""


@dataclass(slots=True, eq=False)
class Maintainer:
    """Who looks after a chart."""

    name: str = ""
    email: str = ""
    url: str = ""


@dataclass(slots=True, eq=False)
class Metadata:
    """Chart.yaml. `dependencies` is None when the file does not say anything about them."""

    name: str = ""
    home: str = ""
    sources: list[str] | None = None
    version: str = ""
    description: str = ""
    keywords: list[str] | None = None
    maintainers: list[Maintainer | None] | None = None
    icon: str = ""
    api_version: str = ""
    condition: str = ""
    tags: str = ""
    app_version: str = ""
    deprecated: bool = False
    annotations: dict[str, str] | None = None
    kube_version: str = ""
    dependencies: list[Dependency | None] | None = None
    type: str = ""

    def copied(self) -> Metadata:
        """A copy that shares the dependencies, which is what Go's assignment of a struct does."""
        return copy.copy(self)


_TEXTS: Final = {
    "name": "name",
    "home": "home",
    "version": "version",
    "description": "description",
    "icon": "icon",
    "apiVersion": "api_version",
    "condition": "condition",
    "tags": "tags",
    "appVersion": "app_version",
    "kubeVersion": "kube_version",
    "type": "type",
}
_LISTS: Final = {"sources": "sources", "keywords": "keywords"}
_DEPENDENCY_TEXTS: Final = ("name", "version", "repository", "condition", "alias")


def decode_metadata(text: str, metadata: Metadata) -> None:
    """Reads Chart.yaml or requirements.yaml over what is already known.

    Raises:
        ChartError: It is not YAML, or a field has the wrong type.
    """
    value = load_struct(text, "chart.Metadata")
    for key, item in sorted(value.items()):
        name = field_named(key, _FIELDS)
        if name in _TEXTS:
            setattr(metadata, _TEXTS[name], text_of(item, "Metadata." + name))
        elif name in _LISTS:
            setattr(metadata, _LISTS[name], texts_of(item, "Metadata." + name))
        elif name == "deprecated":
            metadata.deprecated = flag_of(item, "Metadata.deprecated")
        elif name == "annotations":
            metadata.annotations = text_map_of(item, "Metadata.annotations")
        elif name == "maintainers":
            metadata.maintainers = structs_of(
                item, "Metadata.maintainers", "chart.Maintainer", _maintainer
            )
        elif name == "dependencies":
            metadata.dependencies = structs_of(
                item, "Metadata.dependencies", "chart.Dependency", _dependency
            )


def validate_metadata(metadata: Metadata, *, major: int) -> None:
    """Checks and cleans metadata as Helm does when it loads a chart.

    Raises:
        ChartError: With Helm's message, which begins with `validation:`.
    """
    for name in ("name", "description", "home", "icon", "condition", "tags", "app_version"):
        setattr(metadata, name, sanitize(getattr(metadata, name)))
    metadata.kube_version = sanitize(metadata.kube_version)
    metadata.sources = _sanitized(metadata.sources)
    metadata.keywords = _sanitized(metadata.keywords)
    _validate_identity(metadata, major)
    for maintainer in metadata.maintainers or ():
        if maintainer is None:
            raise _invalid("maintainers must not contain empty or null nodes")
        maintainer.name = sanitize(maintainer.name)
        maintainer.email = sanitize(maintainer.email)
        maintainer.url = sanitize(maintainer.url)
    _validate_dependencies(metadata)


def sanitize(text: str) -> str:
    """The text with every white space as a blank and without what cannot be printed."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(" " if char.isspace() else char for char in text if _kept(char))


def _kept(char: str) -> bool:
    return char.isspace() or char.isprintable()


def _sanitized(texts: list[str] | None) -> list[str] | None:
    return None if texts is None else [sanitize(text) for text in texts]


def _validate_identity(metadata: Metadata, major: int) -> None:
    if not metadata.api_version:
        raise _invalid("chart.metadata.apiVersion is required")
    if not metadata.name:
        raise _invalid("chart.metadata.name is required")
    if major > 3 and metadata.name in {".", ".."}:
        raise _invalid(f'chart.metadata.name "{metadata.name}" is not allowed')
    if metadata.name in {".", ".."} or metadata.name != posixpath.basename(metadata.name):
        raise _invalid(f'chart.metadata.name "{metadata.name}" is invalid')
    if not metadata.version:
        raise _invalid("chart.metadata.version is required")
    if not is_version(metadata.version, major=major):
        raise _invalid(f'chart.metadata.version "{metadata.version}" is invalid')
    if metadata.type not in _TYPES:
        raise _invalid("chart.metadata.type must be application or library")


def _validate_dependencies(metadata: Metadata) -> None:
    seen: set[str] = set()
    for dependency in metadata.dependencies or ():
        if dependency is None:
            raise _invalid("dependencies must not contain empty or null nodes")
        for name in ("name", "version", "repository", "condition"):
            setattr(dependency, name, sanitize(getattr(dependency, name)))
        dependency.tags = [sanitize(tag) for tag in dependency.tags]
        if dependency.alias and not _ALIAS.fullmatch(dependency.alias):
            raise _invalid(f'dependency "{dependency.name}" has disallowed characters in the alias')
        key = dependency.alias or dependency.name
        if key in seen:
            raise _invalid(f'more than one dependency with name or alias "{key}"')
        seen.add(key)


def _invalid(problem: str) -> ChartError:
    return ChartError(f"validation: {problem}")


def _maintainer(value: dict[str, Any], at: str) -> Maintainer:
    at = at.replace("Metadata", "Maintainer", 1)
    texts = {
        name: text_of(item, f"{at}.{name}")
        for key, item in value.items()
        if (name := field_named(key, ("name", "email", "url")))
    }
    return Maintainer(**texts)


def _dependency(value: dict[str, Any], at: str) -> Dependency:
    at = at.replace("Metadata", "Dependency", 1)
    dependency = Dependency()
    for key, item in value.items():
        name = field_named(key, (*_DEPENDENCY_TEXTS, "tags", "enabled", "import-values"))
        if name in _DEPENDENCY_TEXTS:
            setattr(dependency, name, text_of(item, f"{at}.{name}"))
        elif name == "tags":
            dependency.tags = texts_of(item, f"{at}.tags") or []
        elif name == "enabled":
            dependency.enabled = flag_of(item, f"{at}.enabled")
        elif name == "import-values":
            dependency.import_values = items_of(item, f"{at}.import-values")
    return dependency


_FIELDS: Final = (*_TEXTS, *_LISTS, "deprecated", "annotations", "maintainers", "dependencies")
