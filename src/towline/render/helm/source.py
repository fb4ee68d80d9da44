"""Renders an Application's Helm source: its chart, its values, its parameters."""

from __future__ import annotations

import datetime as dt
import hashlib
import posixpath
import re
import secrets
import zoneinfo
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from towline.argo.application import Source
from towline.argo.manifest import Manifest
from towline.errors import InputError
from towline.render.documents import manifests_of_yaml
from towline.render.environment import substitute
from towline.render.helm.bounded import BoundedCache
from towline.render.helm.chart import Chart, ChartFile
from towline.render.helm.decoding import with_floats
from towline.render.helm.dependencies import check_dependencies, missing_dependencies
from towline.render.helm.directory import read_directory
from towline.render.helm.errors import ChartError
from towline.render.helm.loading import load_chart, load_values
from towline.render.helm.lock import LockedDependency, fetch_missing
from towline.render.helm.options import HelmOptions, helm_options
from towline.render.helm.rendering import Engine
from towline.render.helm.strvals import parse_set, parse_set_file, parse_set_string
from towline.render.helm.template import Release, Rendered, check_installable, render_chart
from towline.render.helm.value_files import ValueFiles
from towline.render.helm.values import Table, merge_maps
from towline.render.inputs import Foreign
from towline.render.result import RenderResult, result_of
from towline.render.sprig import Environment
from towline.render.tree import RecordingTree, clean_path, join

if TYPE_CHECKING:
    from towline.render.source import RenderRequest

SOURCE_TYPE: Final = "Helm"
_COMMA: Final = re.compile(r"(?<!\\),")
_PLAIN_VERSION: Final = re.compile(r"v?(\d+\.\d+(?:\.\d+)?)")
_CRDS: Final[BoundedCache[tuple[Manifest, ...]]] = BoundedCache(256)


class HelmRenderer:
    """Renders Helm sources.

    Args:
        environment: Time and randomness for the templates that ask for them.
    """

    def __init__(self, environment: Environment) -> None:
        self._engines = {major: Engine(environment, major=major) for major in (3, 4)}

    def __call__(self, tree: RecordingTree, source: Source, request: RenderRequest) -> RenderResult:
        """Renders a source.

        Raises:
            InputError: The chart, its values or the options are wrong.
            NotFoundError: A file is not there.
            LimitError: Too much of something.
            MissingInputError: A dependency or a file from elsewhere is needed.
        """
        options = helm_options(source.helm)
        folder = clean_path(source.path, field="spec.source.path")
        values = source_values(tree, folder, options)
        chart = load_complete(tree, folder, options.major)
        check_installable(chart)
        check_dependencies(chart, major=options.major)
        rendered = render_chart(
            chart,
            values,
            _release(options, request),
            engine=self._engines[options.major],
            load_document=lambda url: _document(tree, url),
        )
        return result_of(_manifests(rendered, folder, options), SOURCE_TYPE, tree.reads)


def load_complete(tree: RecordingTree, folder: str, major: int) -> Chart:
    """Loads a chart, with those of its dependencies that `charts/` lacks from elsewhere.

    Raises:
        ChartError: The chart is broken.
        MissingInputError: A dependency has to be fetched first.
    """
    files = read_directory(tree, folder, major=major)
    chart = load_chart(files, major=major)
    if not missing_dependencies(chart):
        return chart

    def fetch(entry: LockedDependency) -> Iterable[ChartFile]:
        if entry.repository.startswith("file://"):
            relative = entry.repository.removeprefix("file://")
            place = clean_path(join(folder, relative), field="dependencies.repository")
            return read_directory(tree, place, major=major)
        if not re.match("https?://|oci://", entry.repository):
            raise ChartError(
                f"dependency {entry.name!r} has the repository {entry.repository!r}, "
                "which is no URL"
            )
        wanted = Foreign("chart", entry.repository, entry.name, entry.version)
        return read_directory(tree.foreign(wanted), "", major=major)

    return load_chart([*files, *fetch_missing(chart, files, fetch)], major=major)


def source_values(tree: RecordingTree, folder: str, options: HelmOptions) -> Table:
    """All values of a source: files, inline values, parameters; later ones win.

    Raises:
        InputError: Some are malformed.
        NotFoundError: A file is not there.
    """
    files = ValueFiles(tree, folder)
    values: Table = {}
    for data in files.read_all(
        options.value_files, ignore_missing=options.ignore_missing_value_files
    ):
        values = merge_maps(values, load_values(data, major=options.major))
    if options.values_object is not None:
        values = merge_maps(values, with_floats(options.values_object))
    elif options.values:
        values = merge_maps(values, load_values(options.values.encode(), major=options.major))
    _set_parameters(values, tree, options)
    for parameter in options.file_parameters:
        path = substitute(parameter.path, tree)
        text = f"{parameter.name}={_escaped(path)}"
        parse_set_file(text, values, lambda at: files.read(at).decode("utf-8", "surrogateescape"))
    return values


def _set_parameters(values: Table, tree: RecordingTree, options: HelmOptions) -> None:
    for forced, parse in ((False, parse_set), (True, parse_set_string)):
        for parameter in options.parameters:
            if parameter.force_string is forced:
                value = _escaped(substitute(parameter.value, tree))
                try:
                    parse(f"{parameter.name}={value}", values)
                except ChartError as error:
                    raise InputError(error.message, field="spec.source.helm.parameters") from error


def _escaped(value: str) -> str:
    """A value with its commas escaped, unless it is a list in braces."""
    if value.startswith("{") and value.endswith("}"):
        return value
    return _COMMA.sub(r"\\,", value)


def _release(options: HelmOptions, request: RenderRequest) -> Release:
    kube_version = options.kube_version or request.kube_version
    plain = _PLAIN_VERSION.match(kube_version)
    return Release(
        name=options.release_name or request.app_name.rpartition("_")[2],
        namespace=options.namespace or request.namespace,
        major=options.major,
        kube_version=plain[1] if plain else kube_version,
        api_versions=options.api_versions or request.api_versions,
        include_crds=not options.skip_crds,
        skip_schema_validation=options.skip_schema_validation,
    )


def _manifests(rendered: Rendered, folder: str, options: HelmOptions) -> list[Manifest]:
    found: list[Manifest] = []
    for path, text in rendered.crds:
        found += _crds(path, text, folder)
    for piece in (*rendered.generic, *rendered.hooks):
        if options.skip_tests and "test" in piece.events:
            continue
        found += _read(piece.path, piece.text, folder)
    return found


def _crds(path: str, text: str, folder: str) -> tuple[Manifest, ...]:
    """The objects of a file of `crds/`, which are large and seldom change: parsed once."""
    content = f"{folder}\0{path}\0{text}".encode("utf-8", "surrogatepass")
    key = hashlib.blake2b(content, digest_size=20).hexdigest()
    known = _CRDS.get(key)
    if known is None:
        known = tuple(_read(path, text, folder))
        _CRDS.put(key, known)
    return known


def _read(path: str, text: str, folder: str) -> list[Manifest]:
    place = posixpath.join(folder, path.partition("/")[2])
    return manifests_of_yaml(text, path, place)


def _document(tree: RecordingTree, url: str) -> bytes:
    if not url.startswith(("https://", "http://")):
        raise ChartError(f"{url} is not part of the chart")
    other = tree.foreign(Foreign("file", url))
    names = [name for name, is_dir, _ in other.listdir("") if not is_dir]
    return other.read(names[0]) if names else b""


def _zone(name: str) -> dt.tzinfo | None:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _now() -> int:
    return int(dt.datetime.now(dt.UTC).timestamp() * 1_000_000) * 1000


render_helm: Final = HelmRenderer(
    Environment(now=_now, random_bytes=secrets.token_bytes, load_zone=_zone)
)
"""Renders Helm sources with the time and the randomness of this process."""
