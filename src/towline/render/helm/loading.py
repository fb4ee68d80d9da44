"""Builds a chart from its files, subcharts included."""

from __future__ import annotations

import functools
import hashlib
import posixpath
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from towline.errors import LimitError
from towline.render.helm.archive import DEFAULT_LIMITS, ArchiveLimits, read_archive
from towline.render.helm.bounded import BoundedCache
from towline.render.helm.chart import Chart, ChartFile
from towline.render.helm.decoding import load_mapping, load_struct
from towline.render.helm.errors import ChartError
from towline.render.helm.metadata import Metadata, decode_metadata, validate_metadata
from towline.render.helm.values import copy_values, merge_maps

_MAX_DEPTH: Final = 20
_API_VERSIONS: Final = frozenset({"v1", "v2", "v3"})
_LEGACY: Final = frozenset({"requirements.yaml", "requirements.lock"})
_KEPT_BYTES: Final = 8 * 1024 * 1024
_VALUES: Final[BoundedCache[dict[str, Any]]] = BoundedCache(512)
_ARCHIVES: Final[BoundedCache[tuple[ChartFile, ...]]] = BoundedCache(32)


def load_chart(
    files: Iterable[ChartFile], *, major: int = 3, limits: ArchiveLimits = DEFAULT_LIMITS
) -> Chart:
    """Builds a chart.

    Args:
        files: All its files; names are relative to the chart.
        major: Which Helm reads it: 3 or 4.
        limits: Bounds on packed subcharts.

    Raises:
        ChartError: A file is broken; with Helm's message.
        LimitError: A packed subchart is too large, or subcharts are nested too deeply.
    """
    return _Loader(major, limits).chart(list(files), 0)


def load_archive(data: bytes, *, major: int = 3, limits: ArchiveLimits = DEFAULT_LIMITS) -> Chart:
    """Builds a chart from a packed one.

    Raises:
        ChartError: It is broken; with Helm's message.
        LimitError: It is too large.
    """
    files = _unpacked(data, limits_of(limits, major))
    return load_chart(files, major=major, limits=limits)


def limits_of(limits: ArchiveLimits, major: int) -> ArchiveLimits:
    """The bounds as each Helm has them: Helm 4 bounds no single file."""
    if major < 4:
        return limits
    return msgspec.structs.replace(limits, file_bytes=limits.total_bytes)


def load_values(data: bytes, *, major: int = 3) -> dict[str, Any]:
    """Values out of a YAML file; Helm 4 merges several documents, Helm 3 reads the first.

    The result is private to the caller; parsing happens once for each content.

    Raises:
        ChartError: It is not YAML, or not a mapping.
    """
    key = hashlib.blake2b(data, digest_size=20).hexdigest() + str(major)
    values = _VALUES.get(key)
    if values is None:
        values = _parse_values(_text(data), major)
        _VALUES.put(key, values)
    copied: dict[str, Any] = copy_values(values)
    return copied


def _parse_values(text: str, major: int) -> dict[str, Any]:
    if major < 4:
        return load_mapping(text)
    values: dict[str, Any] = {}
    for document in yaml_documents(text):
        try:
            values = merge_maps(values, load_mapping(document))
        except ChartError as error:
            raise ChartError(f"cannot unmarshal yaml document: {error.message}") from error
    return values


def yaml_documents(text: str) -> list[str]:
    """The documents of a stream as Kubernetes' reader splits it: at lines that begin with `---`."""
    documents: list[str] = []
    lines: list[str] = []
    for line in text.split("\n"):
        if line.startswith("---") and not line[3:].strip():
            if lines:
                documents.append("\n".join(lines))
            lines = []
        else:
            lines.append(line)
    if lines:
        documents.append("\n".join(lines))
    return documents


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _unpacked(data: bytes, limits: ArchiveLimits) -> tuple[ChartFile, ...]:
    key = hashlib.blake2b(data, digest_size=20).hexdigest() + repr(limits)
    files = _ARCHIVES.get(key)
    if files is None:
        files = tuple(read_archive(data, limits=limits))
        if sum(len(file.data) for file in files) <= _KEPT_BYTES:
            _ARCHIVES.put(key, files)
    return files


class _Loader:
    """Loads one chart and everything in its `charts/`."""

    def __init__(self, major: int, limits: ArchiveLimits) -> None:
        self._major = major
        self._limits = limits_of(limits, major)

    def chart(self, files: list[ChartFile], depth: int) -> Chart:
        if depth > _MAX_DEPTH:
            raise LimitError(f"subcharts are nested deeper than {_MAX_DEPTH}")
        metadata = _metadata(files)
        known = metadata is None or depth > 0 or metadata.api_version in _API_VERSIONS
        if self._major > 3 and not known:
            raise ChartError("unsupported chart version")
        chart = Chart(metadata if metadata is not None else Metadata())
        subcharts: dict[str, list[ChartFile]] = {}
        for file in files:
            self._place(chart, subcharts, file)
        if metadata is None and not _LEGACY.intersection(file.name for file in files):
            raise ChartError("Chart.yaml file is missing")
        validate_metadata(chart.metadata, major=self._major)
        dependencies = [
            subchart
            for name, group in sorted(subcharts.items())
            if (subchart := self._subchart(chart.name, name, group, depth)) is not None
        ]
        chart.set_dependencies(dependencies)
        return chart

    def _place(self, chart: Chart, subcharts: dict[str, list[ChartFile]], file: ChartFile) -> None:
        name = file.name
        special = _SPECIAL.get(name)
        if special is not None:
            special(self, chart, file)
        elif name.startswith("templates/"):
            chart.templates.append(file)
        elif name.startswith("charts/") and posixpath.splitext(name)[1] != ".prov":
            inner = name.removeprefix("charts/")
            subcharts.setdefault(inner.partition("/")[0], []).append(ChartFile(inner, file.data))
        else:
            chart.files.append(file)

    def _subchart(self, parent: str, name: str, files: list[ChartFile], depth: int) -> Chart | None:
        if name[:1] in {"_", "."}:
            return None
        try:
            if posixpath.splitext(name)[1] == ".tgz":
                return self._packed(parent, name, files[0], depth)
            inner = [
                ChartFile(file.name.partition("/")[2], file.data)
                for file in files
                if "/" in file.name
            ]
            return self.chart(inner, depth + 1)
        except ChartError as error:
            problem = error.message
            if not problem.startswith("error unpacking subchart tar in"):
                problem = f"error unpacking subchart {name} in {parent}: {problem}"
            raise ChartError(problem) from error

    def _packed(self, parent: str, name: str, file: ChartFile, depth: int) -> Chart:
        if file.name != name:
            raise ChartError(
                f"error unpacking subchart tar in {parent}: expected {name}, got {file.name}"
            )
        return self.chart(list(_unpacked(file.data, self._limits)), depth + 1)

    def values(self, chart: Chart, file: ChartFile) -> None:
        chart.values = _wrapped(
            "cannot load values.yaml", functools.partial(load_values, major=self._major), file.data
        )

    def schema(self, chart: Chart, file: ChartFile) -> None:
        chart.schema = file.data

    def requirements(self, chart: Chart, file: ChartFile) -> None:
        _wrapped("cannot load requirements.yaml", _decode_into(chart.metadata), file.data)
        self.legacy(chart, file)

    def lock(self, chart: Chart, file: ChartFile) -> None:
        del chart
        _wrapped(f"cannot load {file.name}", _check_lock, file.data)

    def requirements_lock(self, chart: Chart, file: ChartFile) -> None:
        self.lock(chart, file)
        self.legacy(chart, file)

    def legacy(self, chart: Chart, file: ChartFile) -> None:
        if chart.metadata.api_version == "v1":
            chart.files.append(file)

    def chart_file(self, chart: Chart, file: ChartFile) -> None:
        """Chart.yaml was read before everything else."""


_SPECIAL: Final[dict[str, Callable[[_Loader, Chart, ChartFile], None]]] = {
    "Chart.yaml": _Loader.chart_file,
    "Chart.lock": _Loader.lock,
    "values.yaml": _Loader.values,
    "values.schema.json": _Loader.schema,
    "requirements.yaml": _Loader.requirements,
    "requirements.lock": _Loader.requirements_lock,
}


def _metadata(files: list[ChartFile]) -> Metadata | None:
    metadata: Metadata | None = None
    for file in files:
        if file.name == "Chart.yaml":
            metadata = metadata or Metadata()
            _wrapped("cannot load Chart.yaml", _decode_into(metadata), file.data)
            metadata.api_version = metadata.api_version or "v1"
    return metadata


def _decode_into(metadata: Metadata) -> Callable[[bytes], None]:
    return lambda data: decode_metadata(_text(data), metadata)


def _check_lock(data: bytes) -> None:
    load_struct(_text(data), "chart.Lock")


def _wrapped(what: str, read: Callable[[bytes], Any], data: bytes) -> Any:
    try:
        return read(data)
    except ChartError as error:
        raise ChartError(f"{what}: {error.message}") from error
