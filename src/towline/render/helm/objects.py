"""`.Chart` and `.Values` as templates see them."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from towline.render.gotemplate.kinds import GoMap, GoObject, GoSlice, StringList, StringMap
from towline.render.helm.metadata import Dependency, Maintainer, Metadata


class Values(GoMap):
    """A chart's values, or another map that Helm itself builds."""

    __slots__ = ()
    go_type: ClassVar[str] = "chartutil.Values"


class Values4(Values):
    """The same type in Helm 4."""

    __slots__ = ()
    go_type: ClassVar[str] = "common.Values"


class _Struct(GoObject):
    """A struct whose JSON leaves out empty fields.

    Attributes:
        json_names: Go name to JSON name.
        json_always: Go names that are written even when empty.
    """

    __slots__ = ()
    json_names: ClassVar[dict[str, str]] = {}
    json_always: ClassVar[frozenset[str]] = frozenset()

    def go_json(self) -> dict[str, Any]:
        """The fields as Go's JSON has them."""
        result = {}
        for field, attribute in self.go_fields.items():
            value = getattr(self, attribute)
            if value or field in self.json_always:
                result[self.json_names.get(field, field)] = value
        return result


class MaintainerObject(_Struct):
    """One entry of `.Chart.Maintainers`."""

    __slots__ = ("email", "name", "url")
    go_type = "*chart.Maintainer"
    go_fields: ClassVar[dict[str, str]] = {"Name": "name", "Email": "email", "URL": "url"}
    json_names: ClassVar[dict[str, str]] = {"Name": "name", "Email": "email", "URL": "url"}

    def __init__(self, maintainer: Maintainer) -> None:
        self.name = maintainer.name
        self.email = maintainer.email
        self.url = maintainer.url


class Maintainers(GoSlice):
    """`.Chart.Maintainers`."""

    __slots__ = ()
    go_type = "[]*chart.Maintainer"
    go_element_type = "*chart.Maintainer"


class DependencyObject(_Struct):
    """One entry of `.Chart.Dependencies`."""

    __slots__ = (
        "alias",
        "condition",
        "enabled",
        "import_values",
        "name",
        "repository",
        "tags",
        "version",
    )
    go_type = "*chart.Dependency"
    go_fields: ClassVar[dict[str, str]] = {
        "Name": "name",
        "Version": "version",
        "Repository": "repository",
        "Condition": "condition",
        "Tags": "tags",
        "Enabled": "enabled",
        "ImportValues": "import_values",
        "Alias": "alias",
    }
    json_names: ClassVar[dict[str, str]] = {
        "Name": "name",
        "Version": "version",
        "Repository": "repository",
        "Condition": "condition",
        "Tags": "tags",
        "Enabled": "enabled",
        "ImportValues": "import-values",
        "Alias": "alias",
    }
    json_always = frozenset({"Name", "Repository"})

    def __init__(self, dependency: Dependency) -> None:
        self.name = dependency.name
        self.version = dependency.version
        self.repository = dependency.repository
        self.condition = dependency.condition
        self.tags = StringList(dependency.tags)
        self.enabled = dependency.enabled
        self.import_values = dependency.import_values
        self.alias = dependency.alias


class Dependencies(GoSlice):
    """`.Chart.Dependencies`."""

    __slots__ = ()
    go_type = "[]*chart.Dependency"
    go_element_type = "*chart.Dependency"


_FIELDS: Final = {
    "Name": "name",
    "Home": "home",
    "Sources": "sources",
    "Version": "version",
    "Description": "description",
    "Keywords": "keywords",
    "Maintainers": "maintainers",
    "Icon": "icon",
    "APIVersion": "api_version",
    "Condition": "condition",
    "Tags": "tags",
    "AppVersion": "app_version",
    "Deprecated": "deprecated",
    "Annotations": "annotations",
    "KubeVersion": "kube_version",
    "Dependencies": "dependencies",
    "Type": "type",
}


class MetadataObject(_Struct):
    """Chart.yaml: what `.Chart` embeds."""

    __slots__ = tuple(_FIELDS.values())
    go_type = "chart.Metadata"
    go_fields: ClassVar[dict[str, str]] = _FIELDS
    json_names: ClassVar[dict[str, str]] = {
        field: "apiVersion" if field == "APIVersion" else field[0].lower() + field[1:]
        for field in _FIELDS
    }

    def __init__(self, metadata: Metadata) -> None:
        for attribute in _FIELDS.values():
            setattr(self, attribute, getattr(metadata, attribute))
        self.sources = StringList(metadata.sources or ())
        self.keywords = StringList(metadata.keywords or ())
        self.annotations = StringMap(metadata.annotations or {})
        self.maintainers = Maintainers(
            MaintainerObject(entry) for entry in metadata.maintainers or () if entry is not None
        )
        self.dependencies = Dependencies(
            DependencyObject(entry) for entry in metadata.dependencies or () if entry is not None
        )


class ChartObject(MetadataObject):
    """`.Chart` of Helm 3."""

    __slots__ = ("embedded", "is_root")
    go_type = "struct { chart.Metadata; IsRoot bool }"
    go_fields: ClassVar[dict[str, str]] = {**_FIELDS, "IsRoot": "is_root", "Metadata": "embedded"}
    go_layout: ClassVar[dict[str, str]] = {"Metadata": "embedded", "IsRoot": "is_root"}
    json_always = frozenset({"IsRoot"})

    def __init__(self, metadata: Metadata, *, is_root: bool) -> None:
        super().__init__(metadata)
        self.embedded = MetadataObject(metadata)
        self.is_root = is_root

    def go_json(self) -> dict[str, Any]:
        """The fields as Go's JSON has them: those of the embedded struct as its own."""
        return {**self.embedded.go_json(), "IsRoot": self.is_root}


def chart_map(metadata: Metadata, *, is_root: bool) -> dict[str, Any]:
    """`.Chart` of Helm 4: a map by Go's names of the fields."""
    chart = MetadataObject(metadata)
    result: dict[str, Any] = {
        field: getattr(chart, attribute) for field, attribute in _FIELDS.items()
    }
    for field in ("Sources", "Keywords"):
        result[field] = list(result[field])
    for field in ("Maintainers", "Dependencies"):
        result[field] = [
            {name: getattr(entry, attribute) for name, attribute in entry.go_fields.items()}
            for entry in result[field]
        ]
    for entry in result["Dependencies"]:
        entry["Tags"] = list(entry["Tags"])
    return {**result, "IsRoot": is_root}
