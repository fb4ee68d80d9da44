"""Remembered renders equal fresh ones, whatever was edited, moved or restarted (R12)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towline.argo.manifest import Manifest
from towline.errors import NotFoundError
from towline.render.cache import RenderCache
from towline.render.environment import substitute
from towline.render.inputs import Foreign, Inputs, MissingInputError
from towline.render.result import RenderResult, result_of
from towline.render.source import BUILT_IN, RenderRequest, render_source
from towline.render.tree import RecordingTree, join


class Files:
    """A tree in memory."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def listdir(self, path: str) -> list[tuple[str, bool, str]]:
        prefix = f"{path}/" if path else ""
        found: dict[str, tuple[bool, str]] = {}
        for file in self.files:
            if file.startswith(prefix):
                name, slash, _ = file[len(prefix) :].partition("/")
                found[name] = (bool(slash), self.oid(prefix + name))
        if not found and path:
            raise NotFoundError(path)
        return [(name, is_dir, oid) for name, (is_dir, oid) in found.items()]

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise NotFoundError(path)
        return self.files[path].encode()

    def oid(self, path: str) -> str:
        if path in self.files:
            return f"blob {self.files[path]}"
        below = {file: text for file, text in self.files.items() if file.startswith(f"{path}/")}
        if not below and path:
            raise NotFoundError(path)
        return f"tree {sorted(below.items())}"


class Store:
    """A store in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.kept.get(key)

    def put(self, key: str, value: bytes) -> None:
        self.kept[key] = value


def config(name: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"


def _linked(tree: RecordingTree, source: Any, request: RenderRequest) -> RenderResult:
    """A tool that follows links to other folders, other sources and charts, and uses variables."""
    found: list[Manifest] = []

    def follow(folder: str) -> None:
        for name, is_dir, _ in tree.listdir(folder):
            if is_dir:
                continue
            text = tree.read(join(folder, name)).decode()
            for line in text.splitlines():
                value = _line(tree, *line.partition(" ")[::2])
                found.append(Manifest({"kind": "X", "value": value}, name, 1))

    follow(source.path)
    return result_of(found, "Plugin", tree.reads)


def _line(tree: RecordingTree, word: str, rest: str) -> str:
    if word == "see":
        return _text(tree, rest)
    if word == "ref":
        return _text(tree.ref("values"), rest)
    if word == "chart":
        return _text(tree.foreign(Foreign("chart", "u", rest)), "a")
    return substitute(rest, tree) if word == "say" else f"{word} {rest}"


def _text(tree: RecordingTree, path: str) -> str:
    try:
        return tree.read(path).decode()
    except NotFoundError:
        return "nothing there"


RENDERERS = {**BUILT_IN, "Plugin": _linked}
WORDS = st.sampled_from(
    ["see base/one", "see base/two", "ref one", "chart c", "say $ARGOCD_APP_REVISION", "plain"]
)
TEXTS = st.one_of(WORDS, st.lists(WORDS, max_size=3).map("\n".join))
PATHS = st.sampled_from(
    ["app/a", "app/b", "app-b/a", "app/.argocd-source-x.yaml", "base/one", "base/two", "other/x"]
)
EDITS = st.lists(st.tuples(PATHS, st.none() | TEXTS), min_size=1, max_size=3)


def request(revision: str, name: str, path: str) -> RenderRequest:
    return RenderRequest(
        source={"repoURL": "https://git.example/r", "path": path, "plugin": {"name": "linked"}},
        app_name=name,
        namespace="prod",
        revision=revision,
    )


def _overrides_are_mappings(files: dict[str, str]) -> dict[str, str]:
    return {
        path: '{"plugin": {"name": "other"}}' if ".argocd-source" in path else text
        for path, text in files.items()
    }


def outcome(render: Any) -> Any:
    """What a render gives, errors included; fetches what it asks for."""
    fetched: dict[Foreign, Files] = {}
    while True:
        try:
            result = render(fetched)
        except MissingInputError as missing:
            fetched[missing.wanted] = Files({"a": f"chart {missing.wanted.name}"})
            continue
        except NotFoundError as error:
            return str(error)
        return [(item.object, item.file) for item in result.manifests], result.digest


@settings(max_examples=120, deadline=None)
@given(
    first=st.dictionaries(PATHS, TEXTS, max_size=6),
    commits=st.lists(EDITS, min_size=1, max_size=6),
    apps=st.lists(
        st.tuples(st.sampled_from(["x", "y"]), st.sampled_from(["app", "app-b"])),
        min_size=1,
        max_size=3,
    ),
    restart_after=st.integers(0, 5),
)
def test_r12_a_remembered_answer_always_equals_a_fresh_render(
    first: dict[str, str], commits: Any, apps: Any, restart_after: int
) -> None:
    store = Store()
    cache = RenderCache(renderers=RENDERERS, store=store)
    files = dict(first)
    for number, edits in enumerate(commits):
        if number == restart_after:
            cache = RenderCache(renderers=RENDERERS, store=store)
        for path, text in edits:
            files.pop(path, None)
            if text is not None:
                files[path] = text
        tree = Files(_overrides_are_mappings(files))
        values = Files({"one": f"values {number // 2}"})
        for name, path in apps:
            asked = request(f"{number:040x}", name, path)

            def inputs(fetched: Any, tree: Any = tree, values: Any = values) -> Inputs:
                return Inputs(tree=tree, refs={"values": values}, foreign=dict(fetched))

            remembered = outcome(lambda fetched: cache.render(inputs(fetched), asked))  # noqa: B023
            fresh = outcome(lambda fetched: render_source(inputs(fetched), asked, RENDERERS))  # noqa: B023
            assert remembered == fresh


def _counting(made: list[str]) -> dict[str, Any]:
    def counted(tree: Any, source: Any, asked: Any) -> Any:
        made.append(source.path)
        return BUILT_IN["Directory"](tree, source, asked)

    return {"Directory": counted}


def plain(path: str, *, name: str = "x", url: str = "https://git.example/r") -> RenderRequest:
    return RenderRequest(
        source={"repoURL": url, "path": path, "targetRevision": "main"},
        app_name=name,
        namespace="prod",
        revision="0" * 40,
    )


def test_a_thousand_applications_in_one_repository_cost_one_render_per_change() -> None:
    made: list[str] = []
    cache = RenderCache(renderers=_counting(made))
    files = {f"apps/{n:04}/config.yaml": config(f"c{n}") for n in range(1000)}
    for n in range(1000):
        cache.render(Files({f"apps/{n:04}/config.yaml": config(f"c{n}")}), plain(f"apps/{n:04}"))
    made.clear()
    tree = Files({**files, "apps/0500/config.yaml": config("changed")})
    for n in range(499, 503):
        cache.render(
            Files({k: v for k, v in tree.files.items() if k.startswith(f"apps/{n:04}/")}),
            plain(f"apps/{n:04}"),
        )
    assert made == ["apps/0500"]


def test_the_same_content_is_one_render_for_all_applications_branches_and_repositories() -> None:
    made: list[str] = []
    cache = RenderCache(renderers=_counting(made))
    tree = Files({"app/a.yaml": config("one")})
    one = cache.render(tree, plain("app"))
    other = cache.render(tree, plain("app", name="y", url="https://git.example/fork"))
    assert other is one
    assert made == ["app"]


def test_a_restart_costs_no_render() -> None:
    made: list[str] = []
    store = Store()
    tree = Files({"app/a.yaml": config("one")})
    first = RenderCache(renderers=_counting(made), store=store).render(tree, plain("app"))
    second = RenderCache(renderers=_counting(made), store=store).render(tree, plain("app"))
    assert made == ["app"]
    assert (second.manifests, second.digest) == (first.manifests, first.digest)


@pytest.mark.parametrize("damage", [b"", b"\x00", b"\xff" * 40])
def test_r13_a_damaged_stored_render_is_rendered_again(damage: bytes) -> None:
    made: list[str] = []
    store = Store()
    tree = Files({"app/a.yaml": config("one")})
    RenderCache(renderers=_counting(made), store=store).render(tree, plain("app"))
    store.kept = dict.fromkeys(store.kept, damage)
    again = RenderCache(renderers=_counting(made), store=store).render(tree, plain("app"))
    assert [m.object["metadata"]["name"] for m in again.manifests] == ["one"]
    assert made == ["app", "app"]


def test_two_branches_are_remembered_side_by_side() -> None:
    made: list[str] = []
    cache = RenderCache(renderers=_counting(made))
    for text in ("one", "two", "one", "two", "one"):
        cache.render(Files({"app/a.yaml": config(text)}), plain("app"))
    assert len(made) == 2


def test_the_revision_counts_only_for_a_source_that_uses_it() -> None:
    cache = RenderCache(renderers=RENDERERS)
    tree = Files({"app/a": "plain"})
    first = cache.render(tree, request("1" * 40, "x", "app"))
    assert cache.render(tree, request("2" * 40, "x", "app")) is first
    used = Files({"app/a": "say $ARGOCD_APP_REVISION_SHORT"})
    values = [
        cache.render(used, request(digit * 40, "x", "app")).manifests[0].object["value"]
        for digit in "12"
    ]
    assert values == ["1111111", "2222222"]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$ARGOCD_APP_NAME", "x"),
        ("a-${ARGOCD_APP_NAMESPACE}-b", "a-prod-b"),
        ("$$ARGOCD_APP_NAME", "$ARGOCD_APP_NAME"),
        ("[$NO_SUCH_NAME]", "[]"),
        ("100$", "100$"),
    ],
)
def test_build_variables_are_filled_in(text: str, result: str) -> None:
    tree = RecordingTree(
        Inputs(tree=Files({}), variables={"ARGOCD_APP_NAME": "x", "ARGOCD_APP_NAMESPACE": "prod"})
    )
    assert substitute(text, tree) == result
