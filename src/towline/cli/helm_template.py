"""What `towline helm template` does: finds the chart, gathers values, renders, prints."""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
import posixpath
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from towline.cli.helm_files import LocalTree
from towline.errors import NotFoundError
from towline.render.helm.archive import is_gzip
from towline.render.helm.capabilities import parse_kube_version
from towline.render.helm.chart import Chart
from towline.render.helm.dependencies import check_dependencies
from towline.render.helm.directory import read_directory
from towline.render.helm.errors import ChartError
from towline.render.helm.loading import load_archive, load_chart, load_values
from towline.render.helm.rendering import Engine
from towline.render.helm.strvals import (
    parse_set,
    parse_set_file,
    parse_set_json,
    parse_set_literal,
    parse_set_string,
)
from towline.render.helm.template import (
    Release,
    Rendered,
    check_installable,
    render_chart,
    text_of_release,
)
from towline.render.helm.values import Table, merge_maps
from towline.render.sprig import Environment

_LARGEST_VALUES = 10 * 1024 * 1024


def run_template(
    arguments: Sequence[str], major: int, options: Mapping[str, Any], out: BinaryIO
) -> None:
    """Renders and prints.

    Args:
        arguments: Name of the release, if given, and the chart.
        major: Which Helm: 3 or 4.
        options: The command's options by their names.
        out: Where the manifests go.

    Raises:
        TowlineError: Anything that Helm would print after `Error:`.
    """
    if options["kube_version"]:
        parse_kube_version(options["kube_version"], major=major)
    engine = Engine(local_environment(), major=major, clock=time.monotonic)
    name, reference = _name_and_chart(arguments, options, engine)
    source = _located(reference, options)
    values = gather_values(options, major)
    chart = _loaded(source, options, major)
    check_installable(chart)
    check_dependencies(chart, major=major)
    if chart.metadata.deprecated:
        sys.stderr.write("WARNING: This chart is deprecated\n")
    release = Release(
        name=name,
        namespace=options["namespace"],
        major=major,
        kube_version=options["kube_version"],
        api_versions=tuple(_split_all(options["api_versions"])),
        is_upgrade=options["is_upgrade"],
        include_crds=options["include_crds"],
        skip_schema_validation=options["skip_schema_validation"],
    )
    rendered = render_chart(chart, values, release, engine=engine)
    _print(rendered, release, options, out)


def local_environment() -> Environment:
    """Time, randomness and time zones of this machine."""
    return Environment(now=time.time_ns, random_bytes=os.urandom, load_zone=_zone)


def _zone(name: str) -> dt.tzinfo | None:
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _name_and_chart(
    arguments: Sequence[str], options: Mapping[str, Any], engine: Engine
) -> tuple[str, str]:
    if len(arguments) > 2:
        unexpected = ", ".join(arguments[2:])
        raise ChartError(f"expected at most two arguments, unexpected arguments: {unexpected}")
    if len(arguments) == 2:
        if options["generate_name"]:
            raise ChartError("cannot set --generate-name and also specify a name")
        if options["name_template"]:
            raise ChartError("cannot set --name-template and also specify a name")
        return arguments[0], arguments[1]
    if options["name_template"]:
        return engine.release_name(options["name_template"]), arguments[0]
    return "release-name", arguments[0]


def _located(reference: str, options: Mapping[str, Any]) -> Path | bytes:
    """A folder or file of this machine, or the bytes of a chart from elsewhere."""
    path = Path(reference.strip())
    if path.exists():
        return path
    if path.is_absolute() or reference.startswith("."):
        raise NotFoundError(f'path "{reference}" not found')
    from towline.cli.helm_sources import fetch_chart

    return fetch_chart(reference.strip(), options)


def _loaded(source: Path | bytes, options: Mapping[str, Any], major: int) -> Chart:
    if isinstance(source, Path):
        if source.is_dir():
            return _with_dependencies(source, options, major)
        source = _packed(source)
    return load_archive(source, major=major)


def _with_dependencies(folder: Path, options: Mapping[str, Any], major: int) -> Chart:
    files = read_directory(LocalTree(folder), "", major=major)
    chart = load_chart(files, major=major)
    if not options["dependency_update"]:
        return chart
    from towline.cli.helm_sources import fetch_dependencies

    fetched = fetch_dependencies(chart, files, folder, options)
    return load_chart([*files, *fetched], major=major) if fetched else chart


def _packed(file: Path) -> bytes:
    data = file.read_bytes()
    if is_gzip(data):
        return data
    if file.suffix in {".yml", ".yaml"}:
        raise ChartError(f"file '{file}' seems to be a YAML file, but expected a gzipped archive")
    raise ChartError(f"file '{file}' does not appear to be a gzipped archive")


def gather_values(options: Mapping[str, Any], major: int) -> Table:
    """Values of all options in Helm's order: files, JSON, plain, text, files, literal.

    Raises:
        ChartError: One of them is malformed.
        NotFoundError: A file is not there.
    """
    values: Table = {}
    for name in _split_all(options["values"]):
        try:
            values = merge_maps(values, load_values(_read(name), major=major))
        except ChartError as error:
            raise ChartError(f"failed to parse {name}: {error.message}") from error
    for text in options["set_json_values"]:
        values = _with_json(text, values, major)
    for text in options["set_values"]:
        _apply("--set", lambda at: parse_set(at, values), text)
    for text in options["set_string_values"]:
        _apply("--set-string", lambda at: parse_set_string(at, values), text)
    for text in options["set_file_values"]:
        _apply("--set-file", lambda at: parse_set_file(at, values, _read_text), text)
    for text in options["set_literal_values"]:
        _apply("--set-literal", lambda at: parse_set_literal(at, values), text)
    return values


def _apply(flag: str, parse: Callable[[str], None], text: str) -> None:
    try:
        parse(text)
    except ChartError as error:
        raise ChartError(f"failed parsing {flag} data: {error.message}") from error


def _with_json(text: str, values: Table, major: int) -> Table:
    if major > 3 and text.strip().startswith("{"):
        try:
            return merge_maps(values, json.loads(text, parse_int=float))
        except ValueError as error:
            raise ChartError(f"failed parsing --set-json data JSON: {text}") from error
    try:
        parse_set_json(text, values)
    except ChartError as error:
        raise ChartError(f"failed parsing --set-json data {text}") from error
    return values


def _split_all(texts: Sequence[str]) -> list[str]:
    """Entries of options that may hold several of them, separated by commas as in CSV."""
    return [entry for text in texts for line in csv.reader([text]) for entry in line]


def _read(name: str) -> bytes:
    if name.strip() == "-":
        return sys.stdin.buffer.read(_LARGEST_VALUES)
    if name.startswith(("http://", "https://")):
        from towline.cli.helm_sources import fetch_file

        return fetch_file(name)
    try:
        return Path(name).read_bytes()
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise NotFoundError(f"open {name}: {reason}") from error


def _read_text(name: str) -> str:
    return _read(name).decode("utf-8", "surrogateescape")


def _print(rendered: Rendered, release: Release, options: Mapping[str, Any], out: BinaryIO) -> None:
    if options["output_dir"]:
        folder = Path(options["output_dir"])
        if options["release_name"]:
            folder /= release.name
        lines = write_release(rendered, folder, options)
        out.write("".join(f"wrote {line}\n" for line in lines).encode())
        return
    text = text_of_release(
        rendered,
        hooks=not options["no_hooks"],
        tests=not options["skip_tests"],
        show_only=tuple(options["show_only"]),
        major=release.major,
    )
    out.write(text.encode("utf-8", "surrogateescape"))


def write_release(rendered: Rendered, folder: Path, options: Mapping[str, Any]) -> list[str]:
    """Writes the output as files named for the templates, and says which, once for each piece."""
    pieces = [*rendered.crds, *((one.path, one.text) for one in rendered.generic)]
    if not options["no_hooks"]:
        pieces += [
            (hook.path, hook.text)
            for hook in rendered.hooks
            if not (options["skip_tests"] and "test" in hook.events)
        ]
    written: list[str] = []
    for path, text in pieces:
        if posixpath.normpath(path) != path or path.startswith(("/", "../")):
            raise ChartError(f"template {path} would be written outside of {folder}")
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab" if str(file) in written else "wb") as stream:
            piece = f"---\n# Source: {path}\n{text}\n"
            stream.write(piece.encode("utf-8", "surrogateescape"))
        written.append(str(file))
    return written
