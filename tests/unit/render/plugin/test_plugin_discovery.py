"""Which folders a plugin recognises as its own."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.errors import LimitError, NotFoundError
from towline.render.plugin.discovery import has_file, has_match
from towline.render.tree import RecordingTree, unchanged


class Files:
    """A tree of empty files; `links` are folders that lead back to the top."""

    def __init__(self, files: list[str], links: tuple[str, ...] = ()) -> None:
        self._files = files
        self._links = links

    def _real(self, path: str) -> str:
        return "/".join(part for part in path.split("/") if part not in self._links)

    def listdir(self, path: str) -> list[tuple[str, bool, str]]:
        real = self._real(path)
        prefix = f"{real}/" if real else ""
        found = {name: True for name in self._links if not real}
        for file in self._files:
            if file.startswith(prefix):
                name, slash, _ = file[len(prefix) :].partition("/")
                found[name] = bool(slash)
        if not found:
            raise NotFoundError(path)
        return [(name, is_dir, name) for name, is_dir in found.items()]

    def read(self, path: str) -> bytes:
        return b""

    def oid(self, path: str) -> str:
        return path


def tree(*files: str) -> RecordingTree:
    return RecordingTree(Files([f"app/{file}" for file in files]))


@pytest.mark.parametrize(
    ("files", "pattern", "found"),
    [
        (["tool.yaml"], "tool.yaml", True),
        (["tool.yaml"], "./tool.yaml", True),
        (["tool.yaml"], "*.yaml", True),
        (["tool.yaml"], "tool.y?ml", True),
        (["tool.yaml"], "tool.[xy]aml", True),
        (["sub/tool.yaml"], "tool.yaml", False),
        (["sub/tool.yaml"], "*/tool.yaml", True),
        (["sub/tool.yaml"], "sub/*.yaml", True),
        (["sub/deep/tool.yaml"], "**/tool.yaml", False),
        (["sub/tool.yaml"], "sub", True),
        (["sub"], "sub/tool.yaml", False),
        (["a.yaml"], "{a,b}.yaml", False),
        (["{a,b}.yaml"], "{a,b}.yaml", True),
        (["a.yaml"], "[a.yaml", False),
    ],
)
def test_file_names_are_shell_patterns(files: list[str], pattern: str, found: bool) -> None:
    assert has_file(tree(*files), "app", pattern) is found


@pytest.mark.parametrize(
    ("files", "pattern", "found"),
    [
        (["tool.yaml"], "**/tool.yaml", True),
        (["a/b/c/tool.yaml"], "**/tool.yaml", True),
        (["a/b/c/tool.yaml"], "a/**/tool.yaml", True),
        (["a/tool.yaml"], "a/**/tool.yaml", True),
        (["b/tool.yaml"], "a/**/tool.yaml", False),
        (["a/b/tool.yaml"], "*/tool.yaml", False),
        (["x/tool.yml"], "**/*.{yaml,yml}", True),
        (["x/tool.json"], "**/*.{yaml,yml}", False),
        (["dev/x.toml"], "{dev,prod/eu}/*.toml", True),
        (["prod/eu/x.toml"], "{dev,prod/eu}/*.toml", True),
        (["a/b"], "**", True),
    ],
)
def test_globs_cross_folders_with_two_stars(files: list[str], pattern: str, found: bool) -> None:
    assert has_match(tree(*files), "app", pattern) is found


NAMES = st.sampled_from(["a", "b", "ab", "a.yaml", "b.yml"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PATTERNS = st.lists(st.sampled_from(["*", "a*", "?", "[ab]", "*.y*", "b"]), min_size=1, max_size=3)


@given(files=st.lists(PATHS, min_size=1, max_size=5), segments=PATTERNS)
def test_patterns_agree_with_a_segment_by_segment_match(
    files: list[str], segments: list[str]
) -> None:
    files = [one for one in files if not any(other.startswith(f"{one}/") for other in files)]
    prefixes = {
        tuple(file.split("/")[:depth]) for file in files for depth in range(1, 1 + file.count("/"))
    } | {tuple(file.split("/")) for file in files}
    expected = any(
        len(parts) == len(segments)
        and all(fnmatch.fnmatchcase(part, seg) for part, seg in zip(parts, segments, strict=True))
        for parts in prefixes
    )
    pattern = "/".join(segments)
    assert has_file(tree(*files), "app", pattern) is expected
    assert has_match(tree(*files), "app", pattern) is expected


def test_a_file_that_appears_or_goes_changes_what_was_recorded() -> None:
    recording = tree("a/x.txt", "other.txt")
    assert not has_match(recording, "app", "**/tool.yaml")
    assert unchanged(Files(["app/a/x.txt", "app/other.txt", "elsewhere"]), recording.reads)
    assert not unchanged(
        Files(["app/a/x.txt", "app/a/tool.yaml", "app/other.txt"]), recording.reads
    )


def test_s64_links_back_and_patterns_without_end_are_bounded() -> None:
    looped = RecordingTree(Files(["a.txt"], links=("again",)))
    assert not has_match(looped, "", "**/tool.yaml")
    with pytest.raises(LimitError, match="more than 10000 folders"):
        has_match(RecordingTree(Files(["a"], links=("x", "y"))), "", "**/tool.yaml")
    with pytest.raises(LimitError, match="too many alternatives"):
        has_match(tree("a"), "app", "{a,b}" * 12)
