"""Renders an Application's Kustomize source."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

import msgspec

from towline.argo.application import Source
from towline.argo.manifest import Manifest
from towline.render.environment import substitute
from towline.render.inputs import Foreign
from towline.render.kustomize.build import Kustomizer
from towline.render.kustomize.edits import (
    KustomizeOptions,
    edited_kustomization,
    kustomize_options,
)
from towline.render.kustomize.files import Files
from towline.render.kustomize.model import Kustomization
from towline.render.kustomize.reading import ParsedFiles
from towline.render.kustomize.repositories import RemoteBase, remote_base
from towline.render.kustomize.tree_files import TreeFiles
from towline.render.result import RenderResult, result_of
from towline.render.tree import RecordingTree, clean_path

if TYPE_CHECKING:
    from towline.render.source import RenderRequest

SOURCE_TYPE: Final = "Kustomize"
_PARSED: Final = ParsedFiles()


class TreeRemotes:
    """Remote bases and files that the engine has fetched, or is asked to fetch.

    What may be fetched is decided there: the project's repositories, nothing else.

    Args:
        tree: The application's tree, which records what it leads to.
    """

    def __init__(self, tree: RecordingTree) -> None:
        self._tree = tree

    def base(self, address: RemoteBase) -> tuple[Files, str]:
        """The files of a repository, and the folder to build within them.

        Raises:
            MissingInputError: It was not fetched yet.
        """
        wanted = Foreign("repository", address.repository, version=address.ref)
        folder = clean_path(address.path, field="resources")
        return TreeFiles(self._tree.foreign(wanted)), folder

    def file(self, address: str) -> bytes:
        """A file from the web.

        Raises:
            MissingInputError: It was not fetched yet.
        """
        other = self._tree.foreign(Foreign("file", address))
        names = [name for name, is_folder, _ in other.listdir("") if not is_folder]
        return other.read(names[0]) if names else b""


def render_kustomize(tree: RecordingTree, source: Source, request: RenderRequest) -> RenderResult:
    """Renders a source.

    Args:
        tree: The repository at one commit.
        source: The source, overrides included.
        request: What to render.

    Raises:
        InputError: The kustomization, something below it or the options are wrong.
        LimitError: Too much of something.
        MissingInputError: A remote base is needed.
    """
    del request
    folder = clean_path(source.path, field="spec.source.path")
    options = _substituted(kustomize_options(source.kustomize), tree)
    files = TreeFiles(tree)
    components = _components(files, folder, options)

    def edit(kustomization: Kustomization) -> Kustomization:
        return edited_kustomization(kustomization, options, components)

    kustomizer = Kustomizer(remotes=TreeRemotes(tree), parsed=_PARSED)
    built = kustomizer.build(files, folder, edit=edit)
    place = posixpath.join(folder, "kustomization.yaml")
    manifests = [Manifest(each, place, 1) for each in built.objects]
    return result_of(manifests, SOURCE_TYPE, tree.reads)


def _substituted(options: KustomizeOptions, tree: RecordingTree) -> KustomizeOptions:
    annotations = options.common_annotations
    if options.common_annotations_envsubst:
        annotations = {key: substitute(text, tree) for key, text in annotations.items()}
    return msgspec.structs.replace(
        options,
        images=tuple(substitute(image, tree) for image in options.images),
        common_labels={key: substitute(text, tree) for key, text in options.common_labels.items()},
        common_annotations=annotations,
    )


def _components(files: TreeFiles, folder: str, options: KustomizeOptions) -> list[str]:
    """The components of the block; those that are missing may be left out."""
    if not options.ignore_missing_components:
        return list(options.components)
    return [
        path
        for path in options.components
        if remote_base(path) is not None
        or files.real(clean_path(posixpath.join(folder, path), field="components")) is not None
    ]
