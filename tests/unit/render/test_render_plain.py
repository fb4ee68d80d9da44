"""Folders of plain manifests, renders remembered by what they read, paths that try to escape."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from towline.argo.application import Directory, Source
from towline.argo.manifest import Manifest
from towline.errors import InputError, NotFoundError
from towline.render.cache import RenderCache
from towline.render.plain import render_directory
from towline.render.source import BUILT_IN, RenderRequest, choose_tool, render_source
from towline.render.tree import clean_path


class Files:
    """A tree in memory that counts reads."""

    def __init__(self, files: Any) -> None:
        self.files = files
        self.reads = 0

    def listdir(self, path: Any) -> Any:
        prefix = f"{path}/" if path else ""
        rest = [file[len(prefix) :] for file in self.files if file.startswith(prefix)]
        if not rest:
            raise NotFoundError(path)
        return list(
            {n.partition("/")[0]: (n.partition("/")[0], "/" in n, "") for n in rest}.values()
        )

    def read(self, path: Any) -> Any:
        self.reads += 1
        if path not in self.files:
            raise NotFoundError(path)
        return self.files[path].encode()

    def oid(self, path: Any) -> Any:
        if path not in self.files:
            raise NotFoundError(path)
        return hashlib.sha1(self.files[path].encode()).hexdigest()


def config(name: Any) -> Any:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"


FILES = {
    "app/a.yaml": config("one") + "---\n" + config("two"),
    "app/sub/b.yml": config("three"),
    "app/sub/c.json": '{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1",'
    '"kind":"Secret","metadata":{"name":"four"}}]}',
    "app/x/d.yaml": config("five"),
    "app/values.yaml": "image: a\n",
    "app/README.md": "no",
    "app/skipped.yaml": "# +argocd:skip-file-rendering\n" + config("six"),
    "other/e.yaml": config("seven"),
}


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (Directory(), ["one", "two"]),
        (Directory(recurse=True), ["one", "two", "three", "four", "five"]),
        (Directory(recurse=True, exclude="x/*"), ["one", "two", "three", "four"]),
        (Directory(recurse=True, include="*.yml"), ["three"]),
        (Directory(recurse=True, include="{sub/*,x/*}", exclude="*.json"), ["three", "five"]),
    ],
)
def test_which_files_count(options: Any, names: Any) -> None:
    result = render_directory(Files(FILES), "./app/", options)
    assert [m.object["metadata"]["name"] for m in result.manifests] == names


def test_manifests_know_file_and_line() -> None:
    result = render_directory(Files(FILES), "app", Directory(recurse=True))
    assert [manifest.origin for manifest in result.manifests] == [
        "app/a.yaml:1",
        "app/a.yaml:5",
        "app/sub/b.yml:1",
        "app/sub/c.json:1",
        "app/x/d.yaml:1",
    ]


def test_a_file_name_cannot_forge_the_lines_of_a_message() -> None:
    assert Manifest({}, "a\nb\udcff\u202e.yaml", 3).origin == "a?b??.yaml:3"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one\n", "yaml: line 3: did not find"),
        ("kind: ConfigMap\nmetadata: {name: a}\n# apiVersion:\n", "line 1: apiVersion: Object"),
        ("apiVersion: v1\nkind: X\nmetadata: {name: 5}\n", "metadata.name: X: 5 is not a text"),
        ("apiVersion: v1\nkind: X\nmetadata: {}\n", "metadata.name: X: an object needs a name"),
        (
            config("a") + "---\napiVersion: v1\nkind: X\nmetadata: {name: a, labels: {on: yes}}\n",
            "line 5: metadata.labels.true: X: True is not a text",
        ),
        (config("a") + "---\n- 1\n", "line 5: a manifest must be a mapping"),
    ],
)
def test_a_broken_manifest_names_file_line_and_field(text: Any, words: Any) -> None:
    with pytest.raises(InputError) as error:
        render_directory(Files({"a.yaml": text}), "", Directory())
    assert str(error.value).startswith('Failed to unmarshal "a.yaml": ')
    assert words in str(error.value)


def test_yaml_that_is_not_about_kubernetes_is_left_alone() -> None:
    files = Files({"values.yaml": "a: [", "list.yaml": "- 1\n", "a.yaml": config("one")})
    assert len(render_directory(files, "", Directory()).manifests) == 1


ESCAPES = ["..", "../x", "a/../../b", "/etc", "a\0b", "..\\x", "app/../../repo-evil", "./../app"]


@pytest.mark.parametrize("path", ESCAPES)
def test_s53_s54_paths_cannot_leave_the_tree(path: Any) -> None:
    with pytest.raises(InputError):
        clean_path(path)
    request = RenderRequest(source={"path": path}, app_name="a", namespace="n", revision="r")
    with pytest.raises(InputError) as error:
        render_source(Files(FILES), request)
    assert error.value.field == "spec.source.path"


def request(path: Any = "app", **source: Any) -> Any:
    source = {"repoURL": "u", "path": path, **source}
    return RenderRequest(source=source, app_name="web", namespace="n", revision="r")


def test_a_missing_folder_is_said_in_argos_words() -> None:
    with pytest.raises(NotFoundError, match=r"^nowhere: app path does not exist$"):
        render_source(Files(FILES), request("nowhere"))


def test_parameter_files_override_but_cannot_move_the_source() -> None:
    files = {
        **FILES,
        "app/.argocd-source.yaml": "directory: {recurse: true}\npath: other\n",
        "app/.argocd-source-web.yaml": "directory: {include: '*.yml'}\n",
        "app/.argocd-source-db.yaml": "directory: {include: nothing}\n",
    }
    result = render_source(Files(files), request())
    assert [m.object["metadata"]["name"] for m in result.manifests] == ["three"]


@pytest.mark.parametrize(
    ("source", "names", "tool"),
    [
        (Source(), {"Chart.yaml"}, "Helm"),
        (Source(), {"kustomization.yml"}, "Kustomize"),
        (Source(), {"a.yaml"}, "Directory"),
        (Source(directory=Directory(recurse=True)), {"Chart.yaml"}, "Directory"),
        (Source(directory=Directory(include="x")), {"Kustomization"}, "Kustomize"),
        (Source(helm={"values": "a: 1"}), set(), "Helm"),
    ],
)
def test_choice_of_the_tool(source: Any, names: Any, tool: Any) -> None:
    assert choose_tool(source, names) == tool


def test_two_tools_at_once_are_refused() -> None:
    with pytest.raises(InputError, match="multiple application sources defined: Kustomize,Helm"):
        choose_tool(Source(helm={"a": 1}, kustomize={"b": 1}), set())


@pytest.mark.parametrize(
    ("change", "renders"),
    [
        ({"other/e.yaml": config("changed")}, 1),
        ({"new/f.yaml": config("new")}, 1),
        ({"app/README.md": "changed"}, 1),
        ({"app/a.yaml": config("changed")}, 2),
        ({"app/new.yaml": config("new")}, 2),
        ({"app/new.txt": "the listing was read, so it counts"}, 2),
    ],
)
def test_a_commit_costs_a_render_only_if_it_changed_what_was_read(
    change: Any, renders: Any
) -> None:
    made: list[str] = []

    def counted(tree: Any, source: Any, request: Any) -> Any:
        made.append(source.path)
        return BUILT_IN["Directory"](tree, source, request)

    cache = RenderCache(renderers={"Directory": counted})
    first = cache.render(Files(FILES), request())
    tree = Files({**FILES, **change})
    second = cache.render(tree, request())
    assert len(made) == renders
    if renders == 1:
        assert second is first
        assert tree.reads == 0


@pytest.mark.parametrize(
    "moved",
    [
        {"app/b.yaml": FILES["app/a.yaml"]},
        {"app/a.yaml": "# a comment more\n" + FILES["app/a.yaml"]},
        {"app/a.yaml": config("one"), "app/b.yaml": config("two")},
    ],
)
def test_objects_that_only_moved_are_the_same_objects_at_another_place(moved: Any) -> None:
    cache = RenderCache()
    first = cache.render(Files({"app/a.yaml": FILES["app/a.yaml"]}), request())
    second = cache.render(Files(moved), request())
    cold = render_source(Files(moved), request())
    assert second.digest == first.digest
    pairs = zip(first.manifests, second.manifests, strict=True)
    assert all(before.object is after.object for before, after in pairs)
    assert second.manifests == cold.manifests
    assert second.places == cold.places != first.places


def test_r12_a_remembered_render_equals_a_cold_one_after_any_change() -> None:
    cache = RenderCache()
    trees = [FILES, {**FILES, "app/a.yaml": config("x")}, {"app/a.yaml": config("z")}, FILES]
    for files in trees:
        warm = cache.render(Files(files), request(directory={"recurse": True}))
        cold = render_source(Files(files), request(directory={"recurse": True}))
        assert warm.manifests == cold.manifests
