"""Renders an application's source: overrides, choice of the tool, the tool itself.

Tools are handed in as a table, so that a new one is a new file and one more entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from towline.argo.application import Source, decode, without_nulls
from towline.errors import InputError, NotFoundError
from towline.kube.patch.merge import apply_merge_patch
from towline.render.environment import AGE_KEYS, build_variables, note_identity
from towline.render.inputs import FileTree, Inputs
from towline.render.plain import SOURCE_TYPE, render_directory
from towline.render.result import RenderResult
from towline.render.sops.inputs import Opened
from towline.render.tree import RecordingTree, clean_path, join
from towline.text.yaml import load_documents

_OVERRIDE: Final = ".argocd-source.yaml"
_OVERRIDE_OF_ONE: Final = ".argocd-source-"
_FIXED: Final = ("repoURL", "path", "chart", "targetRevision")
_KUSTOMIZATIONS: Final = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})


class RenderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to render, apart from the tree.

    Attributes:
        source: The source as written in the Application.
        app_name: Instance name of the application.
        namespace: Destination namespace.
        revision: Resolved commit, or version of the chart.
        project: Name of the application's project.
        kube_version: Version of the destination cluster; empty for the tool's default.
        api_versions: `group/version` and `group/version/Kind` of the cluster.
    """

    source: dict[str, Any]
    app_name: str
    namespace: str
    revision: str
    project: str = ""
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()


Renderer = Callable[[RecordingTree, Source, RenderRequest], RenderResult]


def _plain(tree: RecordingTree, source: Source, _: RenderRequest) -> RenderResult:
    return render_directory(tree, source.path, source.directory)


def _helm(tree: RecordingTree, source: Source, request: RenderRequest) -> RenderResult:
    # Loaded by the processes that render charts only.
    from towline.render.helm.source import render_helm  # noqa: PLC0415

    return render_helm(tree, source, request)


def _kustomize(tree: RecordingTree, source: Source, request: RenderRequest) -> RenderResult:
    # Loaded by the processes that build kustomizations only.
    from towline.render.kustomize.source import render_kustomize  # noqa: PLC0415

    return render_kustomize(tree, source, request)


BUILT_IN: Final[Mapping[str, Renderer]] = {
    SOURCE_TYPE: _plain,
    "Helm": _helm,
    "Kustomize": _kustomize,
}


def render_source(
    inputs: FileTree | Inputs,
    request: RenderRequest,
    renderers: Mapping[str, Renderer] = BUILT_IN,
) -> RenderResult:
    """Renders a source.

    Args:
        inputs: The repository, and what else may be read; build variables are filled in.
        request: What to render.
        renderers: Tools by source type.

    Raises:
        InputError: The source, an override or a manifest is wrong.
        NotFoundError: The folder is not in the repository.
        LimitError: Too much of something.
        MissingInputError: Something from elsewhere is needed.
    """
    given = inputs if isinstance(inputs, Inputs) else Inputs(tree=inputs)
    variables = {**given.variables, **build_variables(request, given.age_keys)}
    opened = Opened(given)
    recording = RecordingTree(msgspec.structs.replace(opened.inputs, variables=variables))
    source, names = read_source(recording, request)
    tool = choose_tool(source, names)
    renderer = renderers.get(tool)
    if renderer is None:
        raise InputError(
            f"{source.path or '.'} needs {tool}, which this installation does not have",
            hint="plain manifests: " + ", ".join(sorted(renderers)),
        )
    if tool != SOURCE_TYPE:
        note_identity(recording, msgspec.to_builtins(source), variables)
    result = renderer(recording, source, request)
    if not opened.met:
        return result
    # Other keys may give other manifests, so the keys belong to what was read.
    recording.variable(AGE_KEYS)
    return msgspec.structs.replace(result, read=recording.reads, decrypted=opened.used)


def read_source(tree: RecordingTree, request: RenderRequest) -> tuple[Source, set[str]]:
    """The source with the repository's overrides, and the names of the files in its folder.

    Args:
        tree: The repository.
        request: What to render.

    Raises:
        InputError: The source or an override is wrong.
        NotFoundError: The folder is not in the repository.
    """
    source = decode(request.source, Source, at="spec.source")
    folder = clean_path(source.path, field="spec.source.path")
    names = _names(tree, folder, source.path)
    return _with_overrides(tree, folder, names, request), names


def explicit_tool(source: Source) -> str:
    """The tool that a source configures; empty when it leaves the choice to its files.

    Raises:
        InputError: Several tools are configured at once.
    """
    explicit = [
        tool
        for tool, given in (
            ("Kustomize", bool(source.kustomize)),
            ("Helm", bool(source.helm)),
            ("Directory", source.directory.explicit),
            ("Plugin", bool(source.plugin)),
        )
        if given
    ]
    if len(explicit) > 1:
        raise InputError(f"multiple application sources defined: {','.join(explicit)}")
    return explicit[0] if explicit else ""


def choose_tool(source: Source, names: set[str]) -> str:
    """Which tool renders a source: `Helm`, `Kustomize`, `Plugin` or `Directory`.

    Args:
        source: The source after overrides.
        names: Files in its folder.

    Raises:
        InputError: Several tools are configured at once.
    """
    explicit = explicit_tool(source)
    if explicit:
        return explicit
    if source.chart or "Chart.yaml" in names:
        return "Helm"
    return "Kustomize" if names & _KUSTOMIZATIONS else "Directory"


def _names(tree: RecordingTree, folder: str, path: str) -> set[str]:
    try:
        return {name for name, is_dir, _ in tree.listdir(folder) if not is_dir}
    except NotFoundError as error:
        raise NotFoundError(f"{path}: app path does not exist") from error


def _with_overrides(
    tree: RecordingTree, folder: str, names: set[str], request: RenderRequest
) -> Source:
    """The source with the repository's own parameter files merged over it."""
    merged = without_nulls(request.source)
    if any(name.startswith(_OVERRIDE_OF_ONE) for name in names):
        tree.variable("ARGOCD_APP_NAME")
    for name in (_OVERRIDE, f"{_OVERRIDE_OF_ONE}{request.app_name}.yaml"):
        if name not in names:
            continue
        file = join(folder, name)
        documents = load_documents(tree.read(file).decode("utf-8", "replace"), file=file)
        patch = documents[0].value if documents else None
        if patch is not None and not isinstance(patch, dict):
            raise InputError("a parameter file must be a mapping", file=file, line=1)
        merged = apply_merge_patch(merged, patch or {})
    for field in _FIXED:
        merged.pop(field, None)
        if field in request.source:
            merged[field] = request.source[field]
    return decode(merged, Source, at="spec.source")
