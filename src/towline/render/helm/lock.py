"""Chart.lock, and what is needed to fill `charts/` from elsewhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from towline.render.helm.chart import Chart, ChartFile
from towline.render.helm.decoding import (
    field_named,
    load_struct,
    structs_of,
    text_of,
)
from towline.render.helm.dependencies import missing_dependencies
from towline.render.helm.errors import ChartError
from towline.render.helm.metadata import Dependency

_LOCKS: Final = ("Chart.lock", "requirements.lock")


class LockedDependency(msgspec.Struct, frozen=True):
    """One line of a lock file, or a dependency without one.

    Attributes:
        name: The chart.
        version: Its exact version; a constraint when there is no lock file.
        repository: Where it comes from.
    """

    name: str
    version: str
    repository: str


class Lock(msgspec.Struct, frozen=True):
    """Chart.lock.

    Attributes:
        digest: Over the dependencies it was made from and those it names.
        dependencies: What it names.
    """

    digest: str
    dependencies: tuple[LockedDependency, ...]


def read_lock(files: Iterable[ChartFile]) -> Lock | None:
    """The lock file of a chart, or None when it has none.

    Raises:
        ChartError: It is malformed.
    """
    named = {file.name: file.data for file in files if file.name in _LOCKS}
    for name in _LOCKS:
        if name in named:
            return _parse(named[name].decode("utf-8", "replace"))
    return None


def _parse(text: str) -> Lock:
    digest = ""
    entries: list[LockedDependency | None] = []
    for key, value in sorted(load_struct(text, "chart.Lock").items()):
        match field_named(key, ("digest", "dependencies")):
            case "digest":
                digest = text_of(value, "Lock.digest")
            case "dependencies":
                at = "Lock.dependencies"
                entries = structs_of(value, at, "chart.Dependency", _entry) or []
    return Lock(digest, tuple(entry for entry in entries if entry is not None))


def _entry(value: dict[str, Any], at: str) -> LockedDependency:
    names = ("name", "version", "repository")
    texts = {
        name: text_of(item, f"{at}.{name}")
        for key, item in sorted(value.items())
        if (name := field_named(key, names))
    }
    return LockedDependency(*(texts.get(name, "") for name in names))


def missing(chart: Chart, lock: Lock | None) -> list[LockedDependency]:
    """What has to be fetched so that the chart's dependencies are complete.

    Args:
        chart: The chart as it was loaded.
        lock: Its lock file.

    Raises:
        ChartError: The lock file does not belong to the chart's dependencies, or lacks one.
    """
    absent = missing_dependencies(chart)
    if not absent:
        return []
    wanted = [entry for entry in chart.metadata.dependencies or () if entry is not None]
    if lock is None:
        return [
            LockedDependency(entry.name, entry.version, entry.repository)
            for entry in wanted
            if entry.name in absent
        ]
    if chart.metadata.api_version != "v1" and lock.digest != lock_digest(wanted, lock.dependencies):
        raise ChartError(
            "the lock file (Chart.lock) is out of sync with the dependencies file (Chart.yaml). "
            "Please update the dependencies"
        )
    found = [entry for entry in lock.dependencies if entry.name in absent]
    lacking = set(absent) - {entry.name for entry in found}
    if lacking:
        raise ChartError(f"Chart.lock does not name {', '.join(sorted(lacking))}")
    return found


def lock_digest(wanted: Sequence[Dependency], locked: Sequence[LockedDependency]) -> str:
    """The digest that a lock file has for these dependencies: over their JSON as Go writes it."""
    document = [
        [_fields(entry) for entry in wanted],
        [
            {"name": entry.name, "version": entry.version, "repository": entry.repository}
            for entry in locked
        ],
    ]
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _fields(entry: Dependency) -> dict[str, Any]:
    imports = [_sorted(item) for item in entry.import_values]
    optional = {
        "condition": entry.condition,
        "tags": entry.tags,
        "enabled": entry.enabled,
        "import-values": imports,
        "alias": entry.alias,
    }
    version = {"version": entry.version} if entry.version else {}
    given = {name: value for name, value in optional.items() if value}
    return {"name": entry.name, **version, "repository": entry.repository, **given}


def _sorted(value: Any) -> Any:
    return dict(sorted(value.items())) if isinstance(value, dict) else value


def as_subchart(folder: str, files: Iterable[ChartFile]) -> list[ChartFile]:
    """The files of a chart as files of the `charts/` folder of another one."""
    return [ChartFile(f"charts/{folder}/{file.name}", file.data) for file in files]


Fetch = Callable[[LockedDependency], Iterable[ChartFile]]


def fetch_missing(chart: Chart, files: Sequence[ChartFile], fetch: Fetch) -> list[ChartFile]:
    """Files for `charts/` that make the chart complete.

    Args:
        chart: The chart as it was loaded.
        files: Its files.
        fetch: Gives the files of one dependency.

    Raises:
        ChartError: The lock file does not fit.
    """
    return [
        file
        for number, entry in enumerate(missing(chart, read_lock(files)))
        for file in as_subchart(f"{entry.name}-{number}", fetch(entry))
    ]
