"""Remembered renders of real commits equal fresh ones, links included (R12)."""

from __future__ import annotations

import tempfile
from typing import Any

import pygit2
from hypothesis import given, settings
from hypothesis import strategies as st

from towline.errors import TowlineError
from towline.git.tree import GitTree
from towline.render.cache import RenderCache
from towline.render.source import RenderRequest, render_source

AUTHOR = pygit2.Signature("Dana", "dana@example.com", 1700000000, 0)
LINK, BLOB = pygit2.enums.FileMode.LINK, pygit2.enums.FileMode.BLOB
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: n%s}\n"
LINKED = {"app/link.yaml": ("link", "../lib/x.yaml"), "lib/x.yaml": ("file", "1")}
PLACES = ("app/a.yaml", "app/b.yaml", "app/sub/c.yaml", "lib/x.yaml", "lib/y.yaml", "app/sub")
TARGETS = ("../lib/x.yaml", "../lib/y.yaml", "../lib", "sub/c.yaml", "../app/a.yaml", "../none")
CONTENT = st.one_of(
    st.sampled_from("123").map(lambda n: ("file", n)),
    st.sampled_from(TARGETS).map(lambda target: ("link", target)),
)
FILES = st.dictionaries(st.sampled_from(PLACES), CONTENT, min_size=1, max_size=5)
EDITS = st.lists(st.tuples(st.sampled_from(PLACES), st.none() | CONTENT), max_size=3)


def commit(repository: pygit2.Repository, files: dict[str, tuple[str, str]]) -> GitTree:
    index = pygit2.Index()
    for path, (kind, text) in files.items():
        written = CONFIG % text if kind == "file" else text
        oid = repository.create_blob(written.encode())
        index.add(pygit2.IndexEntry(path, oid, LINK if kind == "link" else BLOB))
    tree = index.write_tree(repository)
    made = repository.create_commit(None, AUTHOR, AUTHOR, "one", tree, [])
    return GitTree(repository, str(made))


def outcome(render: Any) -> Any:
    try:
        result = render()
    except TowlineError as error:
        return type(error).__name__
    return [(item.object, item.file) for item in result.manifests]


@settings(max_examples=50, deadline=None)
@given(first=FILES, commits=st.lists(EDITS, min_size=1, max_size=5), recurse=st.booleans())
def test_r12_links_to_other_folders_are_followed_at_every_commit(
    first: dict[str, tuple[str, str]], commits: Any, recurse: bool
) -> None:
    cache = RenderCache()
    files = {**LINKED, **first}
    with tempfile.TemporaryDirectory() as folder:
        repository = pygit2.init_repository(folder, bare=True)
        for edits in [[], *commits]:
            for path, content in edits:
                files.pop(path, None)
                if content is not None:
                    files[path] = content
            kept = {
                path: content
                for path, content in files.items()
                if path != "app/sub" or "app/sub/c.yaml" not in files
            }
            tree = commit(repository, kept)
            source = {"repoURL": "r", "path": "app", "directory": {"recurse": recurse}}
            request = RenderRequest(
                source=source, app_name="x", namespace="n", revision=tree.commit
            )
            fresh = outcome(lambda: render_source(tree, request))  # noqa: B023  # called at once
            assert outcome(lambda: cache.render(tree, request)) == fresh  # noqa: B023
        repository.free()
