"""Links in a repository: followed within the kustomization's folder only, as kustomize does."""

from __future__ import annotations

from pathlib import Path

import pygit2
import pytest
from pygit2.enums import FileMode

from towline.errors import InputError
from towline.git.tree import GitTree
from towline.render.source import RenderRequest, render_source

AUTHOR = pygit2.Signature("Dana", "dana@example.com", 1700000000, 0)
OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: found}\n"


def tree(folder: Path, files: dict[str, str], links: dict[str, str]) -> GitTree:
    repository = pygit2.init_repository(str(folder), bare=True)
    index = pygit2.Index()
    for mode, entries in ((FileMode.BLOB, files), (FileMode.LINK, links)):
        for path, text in entries.items():
            index.add(pygit2.IndexEntry(path, repository.create_blob(text.encode()), mode))
    made = repository.create_commit(None, AUTHOR, AUTHOR, "c", index.write_tree(repository), [])
    return GitTree(repository, str(made))


def render(tree: GitTree) -> list[str]:
    request = RenderRequest(
        source={"repoURL": "u", "path": "app"}, app_name="x", namespace="n", revision="1" * 40
    )
    return [m.object["metadata"]["name"] for m in render_source(tree, request).manifests]


KUSTOMIZATION = {"app/kustomization.yaml": "resources: [link.yaml]\n"}


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    files = {**KUSTOMIZATION, "app/deep/real.yaml": OBJECT}
    assert render(tree(tmp_path, files, {"app/link.yaml": "deep/real.yaml"})) == ["found"]


@pytest.mark.parametrize("target", ["../elsewhere/real.yaml", "../app-evil/real.yaml"])
def test_s54_a_link_out_of_the_folder_is_refused(tmp_path: Path, target: str) -> None:
    files = {
        **KUSTOMIZATION,
        "elsewhere/real.yaml": OBJECT,
        "app-evil/real.yaml": OBJECT,
    }
    with pytest.raises(InputError, match="is not in or below"):
        render(tree(tmp_path, files, {"app/link.yaml": target}))


@pytest.mark.parametrize("target", ["/etc/hostname", "../../etc/hostname"])
def test_s53_a_link_out_of_the_repository_is_refused(tmp_path: Path, target: str) -> None:
    with pytest.raises(InputError, match="leaves the repository"):
        render(tree(tmp_path, KUSTOMIZATION, {"app/link.yaml": target}))
