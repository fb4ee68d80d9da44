"""A chart in memory: its files sorted by purpose, its metadata and its subcharts."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from towline.render.helm.metadata import Metadata

_MANIFEST_EXTENSIONS: Final = frozenset({".yaml", ".yml", ".json"})


class ChartFile(msgspec.Struct, frozen=True, array_like=True):
    """One file of a chart.

    Attributes:
        name: Path within the chart, with `/`.
        data: Content without a byte order mark.
    """

    name: str
    data: bytes


@dataclass(slots=True, eq=False)
class Chart:
    """A chart. Renaming aliases and dropping disabled subcharts changes it in place.

    Attributes:
        metadata: Chart.yaml, with requirements.yaml merged in for charts of the first version.
        templates: Files of `templates/`.
        values: Default values; None without a values.yaml.
        schema: values.schema.json, or None.
        files: All other files.
        parent: The chart that this one is a subchart of.
        dependencies: Subcharts.
    """

    metadata: Metadata
    templates: list[ChartFile] = field(default_factory=list)
    values: dict[str, Any] | None = None
    schema: bytes | None = None
    files: list[ChartFile] = field(default_factory=list)
    parent: Chart | None = None
    dependencies: list[Chart] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its name, or the alias it was given."""
        return self.metadata.name

    @property
    def is_root(self) -> bool:
        """Whether it is nobody's subchart."""
        return self.parent is None

    @property
    def is_library(self) -> bool:
        """Whether it only lends its partial templates."""
        return self.metadata.type.lower() == "library"

    @property
    def full_path(self) -> str:
        """`root/charts/sub`: where its templates are said to be."""
        if self.parent is None:
            return self.name
        return f"{self.parent.full_path}/charts/{self.name}"

    def set_dependencies(self, charts: Iterable[Chart]) -> None:
        """Replaces the subcharts and becomes their parent."""
        self.dependencies = list(charts)
        for chart in self.dependencies:
            chart.parent = self

    def crds(self) -> Iterator[tuple[str, ChartFile]]:
        """Files of `crds/` with the full path of each, those of subcharts after its own."""
        for file in self.files:
            extension = posixpath.splitext(file.name)[1].lower()
            if file.name.startswith("crds/") and extension in _MANIFEST_EXTENSIONS:
                yield posixpath.join(self.full_path, file.name), file
        for chart in self.dependencies:
            yield from chart.crds()
