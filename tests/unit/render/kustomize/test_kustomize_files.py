"""What a build may read: its own folder, bases of the same tree, nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from towline.errors import DeniedError, InputError, LimitError, NotFoundError
from towline.render.kustomize.build import BuildOptions, Kustomizer
from towline.render.kustomize.files import is_below
from towline.render.kustomize.repositories import RemoteBase, is_repository, remote_base
from towline.render.kustomize.tree_files import TreeFiles
from towline.render.tree import RecordingTree

CANARY = "canary-7f3a"
SECRET = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {CANARY}}}\ndata: {{k: {CANARY}}}\n"
OUTSIDE = [
    "../../secret.yaml",
    "../../../secret.yaml",
    "../../../../../../secret.yaml",
    "./.././../secret.yaml",
    "sub/../../../secret.yaml",
    "/secret.yaml",
    "/etc/passwd",
    "../app-evil/secret.yaml",
    "..//..//secret.yaml",
    "..\\..\\secret.yaml",
    "link.yaml",
    "linked/secret.yaml",
]
FIELDS = [
    "resources: [{path!r}]",
    "components: [{path!r}]",
    "crds: [{path!r}]",
    "configurations: [{path!r}]",
    "generators: [{path!r}]",
    "transformers: [{path!r}]",
    "validators: [{path!r}]",
    "openapi: {{path: {path!r}}}",
    "patches: [{{path: {path!r}}}]",
    "patchesStrategicMerge: [{path!r}]",
    "patchesJson6902: [{{target: {{version: v1, kind: ConfigMap, name: own}}, path: {path!r}}}]",
    "replacements: [{{path: {path!r}}}]",
    "configMapGenerator: [{{name: g, files: [{path!r}]}}]",
    "configMapGenerator: [{{name: g, envs: [{path!r}]}}]",
    "configMapGenerator: [{{name: g, env: {path!r}}}]",
    "secretGenerator: [{{name: g, files: ['k={path}']}}]",
]


class LinkedFiles(TreeFiles):
    """Files whose links lead where a test says."""

    def __init__(self, tree: RecordingTree, links: dict[str, str]) -> None:
        super().__init__(tree)
        self._links = links

    def real(self, path: str) -> tuple[str, bool] | None:
        for link, target in self._links.items():
            if is_below(path, link):
                path = target + path[len(link) :]
        return super().real(path)


def tree_of(memory_tree: Any, kustomization: str) -> RecordingTree:
    own = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\n"
    return RecordingTree(
        memory_tree(
            {
                "apps/app/kustomization.yaml": f"{kustomization}\nnamePrefix: x-\n",
                "apps/app/own.yaml": own,
                "apps/app-evil/secret.yaml": SECRET,
                "secret.yaml": SECRET,
                "etc/passwd": SECRET,
            }
        )
    )


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("path", OUTSIDE)
def test_s53_no_field_reads_a_file_outside_of_the_folder(
    memory_tree: Any, field: str, path: str
) -> None:
    tree = tree_of(memory_tree, field.format(path=path))
    links = {"apps/app/link.yaml": "secret.yaml", "apps/app/linked": ""}
    with pytest.raises(InputError) as caught:
        Kustomizer().build(LinkedFiles(tree, links), "apps/app")
    assert CANARY not in str(caught.value)
    assert not any(read.oid and "secret" in read.path for read in tree.reads if read.kind == "file")


def test_s53_without_restrictions_the_tree_is_still_the_limit(memory_tree: Any) -> None:
    unrestricted = BuildOptions(restricted=False)
    inside = tree_of(memory_tree, "resources: [../../secret.yaml]")
    assert Kustomizer().build(TreeFiles(inside), "apps/app", unrestricted).objects
    outside = tree_of(memory_tree, "resources: [../../../secret.yaml]")
    with pytest.raises(InputError, match="leads out of the repository"):
        Kustomizer().build(TreeFiles(outside), "apps/app", unrestricted)


@pytest.mark.parametrize(
    ("path", "folder", "below"),
    [
        ("repo/app", "repo", True),
        ("repo", "repo", True),
        ("repo-evil/app", "repo", False),
        ("rep", "repo", False),
        ("anything", "", True),
    ],
)
def test_s54_folders_are_compared_by_whole_names(path: str, folder: str, below: bool) -> None:
    assert is_below(path, folder) is below


def test_s54_a_sibling_whose_name_begins_alike_is_outside(memory_tree: Any) -> None:
    tree = tree_of(memory_tree, "configMapGenerator: [{name: g, files: [link.yaml]}]")
    links = {"apps/app/link.yaml": "apps/app-evil/secret.yaml"}
    with pytest.raises(InputError, match="security; file"):
        Kustomizer().build(LinkedFiles(tree, links), "apps/app")


@pytest.mark.parametrize(
    "kustomization", ["resources: [../b]", "resources: ['.']", "resources: ['..']"]
)
def test_folders_that_lead_back_are_a_cycle(memory_tree: Any, kustomization: str) -> None:
    files = {
        "r/a/kustomization.yaml": kustomization,
        "r/b/kustomization.yaml": "resources: [../a]",
        "r/kustomization.yaml": "resources: [a]",
    }
    with pytest.raises(InputError, match="cycle detected"):
        Kustomizer().build(TreeFiles(RecordingTree(memory_tree(files))), "r/a")


class OneRepository:
    """A remote that has one base."""

    def __init__(self, memory_tree: Any, allowed: str) -> None:
        self._files = TreeFiles(
            RecordingTree(memory_tree({"in/kustomization.yaml": "resources: [a.yaml]",
                                       "in/a.yaml": SECRET, "a.yaml": SECRET}))
        )  # fmt: skip
        self._allowed = allowed
        self.wanted: list[RemoteBase] = []

    def base(self, address: RemoteBase) -> tuple[TreeFiles, str]:
        self.wanted.append(address)
        if address.repository != self._allowed:
            raise DeniedError(f"{address.repository} is not among the project's repositories")
        return self._files, address.path

    def file(self, address: str) -> bytes:
        raise DeniedError(address)


REMOTE = "https://example.com/org/repo//in?ref=v1"


def test_s63_remote_bases_are_off_by_default(memory_tree: Any) -> None:
    for field in ("resources", "components", "bases"):
        tree = tree_of(memory_tree, f"{field}: ['{REMOTE}']")
        with pytest.raises(DeniedError, match="is not allowed"):
            Kustomizer().build(TreeFiles(tree), "apps/app")


def test_s63_remote_files_are_off_by_default(memory_tree: Any) -> None:
    address = "https://example.com/a.yaml"
    for field in ("resources: [{0}]", "patches: [{{path: {0}}}]", "openapi: {{path: {0}}}"):
        tree = tree_of(memory_tree, field.format(f"'{address}'"))
        with pytest.raises(DeniedError, match="is not allowed"):
            Kustomizer().build(TreeFiles(tree), "apps/app")


def test_s63_only_repositories_on_the_list_are_built(memory_tree: Any) -> None:
    remotes = OneRepository(memory_tree, "https://example.com/org/repo")
    tree = tree_of(memory_tree, f"resources: ['{REMOTE}']")
    built = Kustomizer(remotes=remotes).build(TreeFiles(tree), "apps/app")
    assert built.objects[0]["metadata"]["name"] == f"x-{CANARY}"
    assert remotes.wanted[0].ref == "v1"
    other = tree_of(memory_tree, "resources: ['https://evil.example.com/org/repo//in']")
    with pytest.raises(DeniedError, match=r"evil\.example\.com"):
        Kustomizer(remotes=remotes).build(TreeFiles(other), "apps/app")


def test_s63_a_remote_base_reads_its_own_folder_only(memory_tree: Any) -> None:
    remotes = OneRepository(memory_tree, "https://example.com/org/repo")
    remotes._files._tree._tree.files["in/kustomization.yaml"] = "resources: [../a.yaml]"  # type: ignore[attr-defined]
    tree = tree_of(memory_tree, f"resources: ['{REMOTE}']")
    with pytest.raises(InputError, match="security; file"):
        Kustomizer(remotes=remotes).build(
            TreeFiles(tree), "apps/app", BuildOptions(restricted=False)
        )


@pytest.mark.parametrize(
    ("address", "repository", "path", "ref"),
    [
        ("https://github.com/org/repo//p/q?ref=v1", "https://github.com/org/repo", "p/q", "v1"),
        ("github.com/org/repo/p", "https://github.com/org/repo", "p", ""),
        ("git@github.com:org/repo.git/p", "git@github.com:org/repo.git", "/p", ""),
        ("https://host/x/y.git//p?version=b", "https://host/x/y.git", "p", "b"),
        ("ssh://git@host/x/y/p", "ssh://git@host/x/y", "p", ""),
        ("https://dev.example/o/_git/r/p", "https://dev.example/o/_git/r", "p", ""),
        ("file:///srv/repo//p", "file:///srv/repo", "p", ""),
    ],
)
def test_addresses_of_repositories_are_taken_apart(
    address: str, repository: str, path: str, ref: str
) -> None:
    found = remote_base(address)
    assert found is not None
    assert (found.repository, found.path, found.ref) == (repository, path.lstrip("/"), ref)


@pytest.mark.parametrize("address", ["../base", "base", "/abs", "a/b/c", "", "host/x/y//../.."])
def test_paths_are_no_addresses(address: str) -> None:
    assert remote_base(address) is None


def test_a_manifest_on_the_web_is_no_repository() -> None:
    assert not is_repository("https://example.com/x/all.yaml")
    assert is_repository("https://example.com/x/repo?ref=a.yaml")


def test_errors_of_limits_are_not_taken_for_missing_files(memory_tree: Any) -> None:
    class Greedy(memory_tree):  # type: ignore[misc]
        def read(self, path: str) -> bytes:
            if path.endswith("own.yaml"):
                raise LimitError("too large")
            content: bytes = super().read(path)
            return content

    files = {"a/kustomization.yaml": "resources: [own.yaml]", "a/own.yaml": "x"}
    with pytest.raises(LimitError):
        Kustomizer().build(TreeFiles(RecordingTree(Greedy(files))), "a")
    with pytest.raises(NotFoundError):
        TreeFiles(RecordingTree(Greedy(files))).read("nothing")
