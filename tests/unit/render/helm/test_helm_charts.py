"""Chart.yaml, .helmignore, packed charts and how they become one chart."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.errors import LimitError
from towline.render.archives import open_archive
from towline.render.helm.archive import ArchiveLimits, read_archive
from towline.render.helm.chart import Chart, ChartFile
from towline.render.helm.directory import read_directory
from towline.render.helm.errors import ChartError
from towline.render.helm.ignore import parse_rules
from towline.render.helm.loading import load_archive, load_chart, load_values, yaml_documents
from towline.render.helm.metadata import Metadata, decode_metadata, sanitize
from towline.render.helm.paths import PatternError, match_path

CHART = "apiVersion: v2\nname: web\nversion: 1.2.3\n"


def packed(files: dict[str, bytes], *, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data) if kind == tarfile.REGTYPE else 0
            member.type, member.linkname = kind, link
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("apiVersion: v2\nversion: 1.0.0", "chart.metadata.name is required"),
        ("apiVersion: v2\nname: web", "chart.metadata.version is required"),
        (f"{CHART}type: other", "chart.metadata.type must be application or library"),
        ("apiVersion: v2\nname: a/b\nversion: 1.0.0", 'chart.metadata.name "a/b" is invalid'),
        ("apiVersion: v2\nname: web\nversion: x", 'chart.metadata.version "x" is invalid'),
        (f"{CHART}maintainers: [null]", "maintainers must not contain empty or null nodes"),
        (f"{CHART}dependencies: [null]", "dependencies must not contain empty or null nodes"),
        (
            f"{CHART}dependencies: [{{name: a, alias: 'x y'}}]",
            'dependency "a" has disallowed characters in the alias',
        ),
        (
            f"{CHART}dependencies: [{{name: a}}, {{name: b, alias: a}}]",
            'more than one dependency with name or alias "a"',
        ),
    ],
)
def test_metadata_is_checked_with_helms_words(
    chart: Callable[..., Chart], text: str, message: str
) -> None:
    with pytest.raises(ChartError) as caught:
        chart({"Chart.yaml": text})
    assert caught.value.message == f"validation: {message}"


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.10", "1.1"),
        ("'1.10'", "1.10"),
        ("1", "1"),
        ("20240101", "20240101"),
        ("1234.5678901", "1234.5679"),
        ("1e10", "10000000000"),
        ("true", "true"),
        ("0x1F", "31"),
    ],
)
def test_numbers_become_the_texts_that_go_makes_of_them(text: str, version: str) -> None:
    metadata = Metadata()
    decode_metadata(f"appVersion: {text}", metadata)
    assert metadata.app_version == version


def test_fields_are_found_whatever_their_case() -> None:
    metadata = Metadata()
    decode_metadata("NAME: first\nappversion: 2\nname: web\nKeywords: [a, 1]", metadata)
    assert (metadata.name, metadata.app_version, metadata.keywords) == ("web", "2", ["a", "1"])


def test_requirements_of_old_charts_are_read(chart: Callable[..., Chart]) -> None:
    made = chart(
        {
            "Chart.yaml": "name: web\nversion: 1.0.0\n",
            "requirements.yaml": "dependencies: [{name: sub, version: 1.x}]",
            "charts/sub/Chart.yaml": "name: sub\nversion: 1.0.0\n",
        }
    )
    assert made.metadata.api_version == "v1"
    assert made.metadata.dependencies is not None
    assert [file.name for file in made.files] == ["requirements.yaml"]


def test_sanitizing_keeps_printable_text() -> None:
    assert sanitize("a\tb\nc\x00d\u200be é") == "a b cde é"


def test_a_folder_without_chart_yaml_is_no_chart() -> None:
    with pytest.raises(ChartError, match=r"Chart\.yaml file is missing"):
        load_chart([ChartFile("values.yaml", b"")])


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.txt", "a.txt", True),
        ("*.txt", "a/b.txt", False),
        ("a/*/c", "a/b/c", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        (r"\*", "*", True),
        (r"\*", "a", False),
        ("**", "abc", True),
    ],
)
def test_paths_match_as_in_go(pattern: str, path: str, matches: bool) -> None:
    assert match_path(pattern, path) is matches


@pytest.mark.parametrize("pattern", ["[", "[a", "[]a]", "[-]", "a\\", "[a-]", "[^]"])
def test_malformed_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        match_path(pattern, "x")


@pytest.mark.parametrize(
    ("rules", "path", "folder", "ignored"),
    [
        ("*.md", "docs/a.md", False, True),
        ("/a.md", "a.md", False, True),
        ("/a.md", "docs/a.md", False, False),
        ("docs/", "docs", True, True),
        ("docs/", "docs", False, False),
        ("docs/*.md", "docs/a.md", False, True),
        ("# note\n\n*.md", "a.md", False, True),
        ("!*.yaml", "a.txt", False, True),
        ("!*.yaml", "a.yaml", False, False),
        ("", "templates/.hidden", False, True),
        ("", "templates/shown", False, False),
    ],
)
def test_ignore_rules_decide(rules: str, path: str, folder: bool, ignored: bool) -> None:
    assert parse_rules(rules).ignores(path, folder=folder) is ignored


def test_double_stars_are_refused_in_ignore_rules() -> None:
    with pytest.raises(ChartError, match="double-star"):
        parse_rules("**/x")


def test_a_folder_is_read_without_what_is_ignored(tree: Callable[..., object]) -> None:
    files = {
        "c/Chart.yaml": b"\xef\xbb\xbfname: x",
        "c/.helmignore": "*.bak\nold/\n",
        "c/a.bak": "",
        "c/old/x": "",
        "c/templates/a.yaml": "x",
    }
    found = {file.name: file.data for file in read_directory(tree(files), "c")}
    assert sorted(found) == [".helmignore", "Chart.yaml", "templates/a.yaml"]
    assert found["Chart.yaml"] == b"name: x"


def test_one_file_is_bounded_in_helm_3(tree: Callable[..., object]) -> None:
    files = {"big": b"x" * (5 * 1024 * 1024 + 1)}
    with pytest.raises(LimitError, match="larger than the maximum file size"):
        read_directory(tree(files), "")
    assert len(read_directory(tree(files), "", major=4)) == 1


def test_packed_charts_and_subcharts_load() -> None:
    inner = packed({"sub/Chart.yaml": b"apiVersion: v2\nname: sub\nversion: 1.0.0\n"})
    data = packed({"web/Chart.yaml": CHART.encode(), "web/charts/sub-1.0.0.tgz": inner})
    chart = load_archive(data)
    assert [subchart.full_path for subchart in chart.dependencies] == ["web/charts/sub"]
    tree = open_archive(data)
    assert [entry[:2] for entry in tree.listdir("")] == [("Chart.yaml", False), ("charts", True)]
    assert tree.read("Chart.yaml") == CHART.encode()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("web/../../evil", "parent directory"),
        ("web//etc/passwd", "absolute paths"),
        ("web/", "outside the base directory"),
        ("Chart.yaml", "outside the base directory"),
        ("web/C:/windows", "illegally named"),
        ("web\\..\\..\\evil", "parent directory"),
        ("web/./..", "parent directory"),
    ],
)
def test_s60_archive_entries_that_leave_the_chart_are_refused(name: str, message: str) -> None:
    with pytest.raises(ChartError, match=message):
        read_archive(packed({name: b"x"}))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_s60_links_and_devices_in_archives_are_refused(kind: bytes) -> None:
    data = packed({"web/templates/a.yaml": b""}, kind=kind, link="/etc/passwd")
    with pytest.raises(ChartError, match="link or special file"):
        read_archive(data)


def test_s60_an_entry_cannot_come_twice() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name in ("web/a", "web/./a"):
            tar.addfile(tarfile.TarInfo(name), io.BytesIO(b""))
    with pytest.raises(ChartError, match="twice"):
        read_archive(out.getvalue())


@pytest.mark.parametrize("name", [".", ".."])
def test_s60_a_chart_cannot_be_named_like_a_folder_above(
    chart: Callable[..., Chart], name: str
) -> None:
    for major in (3, 4):
        with pytest.raises(ChartError, match=r"chart\.metadata\.name"):
            chart({"Chart.yaml": f"apiVersion: v2\nname: {name!r}\nversion: 1.0.0"}, major=major)


def test_s59_an_archive_that_unfolds_too_far_is_refused_early() -> None:
    bomb = gzip.compress(b"\0" * (64 * 1024 * 1024))
    with pytest.raises(LimitError, match="times its size"):
        read_archive(bomb)
    limits = ArchiveLimits(total_bytes=1024 * 1024)
    with pytest.raises(LimitError, match="larger than the maximum file size 1048576"):
        read_archive(gzip.compress(b"\0" * 2 * 1024 * 1024), limits=limits)


def test_s59_entries_names_and_files_of_archives_are_bounded() -> None:
    many = packed({f"web/{number}": b"" for number in range(30)})
    with pytest.raises(LimitError, match="more than 20 entries"):
        read_archive(many, limits=ArchiveLimits(entries=20))
    with pytest.raises(LimitError, match="path longer"):
        read_archive(packed({f"web/{'x' * 90}": b""}), limits=ArchiveLimits(name_length=50))
    with pytest.raises(LimitError, match='file "web/a" is larger'):
        read_archive(packed({"web/a": b"x" * 100}), limits=ArchiveLimits(file_bytes=50))
    with pytest.raises(LimitError, match="archive is larger"):
        read_archive(packed({"web/a": b""}), limits=ArchiveLimits(packed_bytes=10))


def test_s58_alias_bombs_in_values_are_refused() -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12))
    with pytest.raises(ChartError, match="excessive aliasing"):
        load_values(f"l0: &l0 [x]\n{levels}".encode())
    with pytest.raises(ChartError, match="nested deeper"):
        load_values(("{a: " * 500 + "x" + "}" * 500).encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_read_as_an_archive_or_refused(data: bytes) -> None:
    for candidate in (data, b"\x1f\x8b\x08" + data, gzip.compress(data)):
        try:
            read_archive(candidate)
        except (ChartError, LimitError):
            continue


def test_subcharts_are_not_nested_without_end(chart: Callable[..., Chart]) -> None:
    files = {f"{'charts/x/' * depth}Chart.yaml": CHART for depth in range(1, 30)}
    with pytest.raises(LimitError, match="nested deeper"):
        chart(files)


def test_helm_4_merges_several_documents_of_values() -> None:
    text = b"a: {b: 1}\n---\na: {c: 2}\n"
    assert load_values(text) == {"a": {"b": 1.0}}
    assert load_values(text, major=4) == {"a": {"b": 1.0, "c": 2.0}}
    assert yaml_documents("---\na: 1\n--- \nb: 2") == ["a: 1", "b: 2"]


def test_values_are_parsed_once_and_handed_out_privately() -> None:
    first = load_values(b"a: {b: [1]}")
    first["a"]["b"].append("changed")
    assert load_values(b"a: {b: [1]}") == {"a": {"b": [1.0]}}
