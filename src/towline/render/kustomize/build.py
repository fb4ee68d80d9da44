"""Builds a kustomization: the entry point of the package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from towline.render.kustomize.fieldspecs import FieldSpec
from towline.render.kustomize.files import (
    Access,
    Charts,
    Files,
    Folder,
    NoRemotes,
    Remotes,
    directory,
)
from towline.render.kustomize.ids import Gvk
from towline.render.kustomize.labelling import set_entries
from towline.render.kustomize.model import Kustomization, SortOptions
from towline.render.kustomize.naming import add_hashes
from towline.render.kustomize.output import LEGACY, finish, sort_resources, text_of_all
from towline.render.kustomize.reading import ParsedFiles
from towline.render.kustomize.references import fix_references
from towline.render.kustomize.resmap import ResMap
from towline.render.kustomize.schema import Schemas
from towline.render.kustomize.target import Build, Gathered, Target
from towline.render.kustomize.variables import resolve_variables

VERSION: Final = "v5.8.2"
_LOCAL: Final = "config.kubernetes.io/local-config"
_MANAGED_BY: Final = "app.kubernetes.io/managed-by"


class BuildOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to build.

    Attributes:
        restricted: Whether files must be in or below the folder of the kustomization.
        managed_by: Whether a label names the tool.
        order: Order of the output when the kustomization names none.
    """

    restricted: bool = True
    managed_by: bool = False
    order: str = LEGACY


class Built(msgspec.Struct, frozen=True, eq=False):
    """What a build gives.

    Attributes:
        objects: The objects in order, JSON values.
        warnings: Lines about deprecated fields.
    """

    objects: list[dict[str, Any]]
    warnings: list[str]

    @property
    def text(self) -> str:
        """The objects as a YAML stream."""
        return text_of_all(self.objects)


class Kustomizer:
    """Builds kustomizations; keeps what it has parsed.

    Args:
        remotes: Other repositories and the web; nothing by default.
        charts: Charts; none by default.
        parsed: Parsed texts to share with others.
    """

    def __init__(
        self,
        *,
        remotes: Remotes | None = None,
        charts: Charts | None = None,
        parsed: ParsedFiles | None = None,
    ) -> None:
        self._remotes: Remotes = NoRemotes() if remotes is None else remotes
        self._charts = charts
        self._parsed = ParsedFiles() if parsed is None else parsed

    def build(
        self,
        files: Files,
        path: str,
        options: BuildOptions = BuildOptions(),  # noqa: B008  # immutable
        edit: Callable[[Kustomization], Kustomization] | None = None,
    ) -> Built:
        """Builds one folder.

        Args:
            files: The tree.
            path: The folder within it.
            options: How to build.
            edit: A change of the root kustomization, as the `edit` commands make it.

        Raises:
            InputError: Something is wrong; the message names file and field.
            DeniedError: Something remote is not allowed.
            LimitError: A bound is reached.
        """
        access = Access(self._remotes, self._charts, options.restricted)
        build = Build(Schemas(), self._parsed, [])
        target = Target(Folder(files, directory(files, path), access), build, edit)
        gathered = target.gather_root()
        resources = gathered.resources
        _complete(gathered)
        sort_resources(
            resources, target.kustomization.sort_options or SortOptions(order=options.order)
        )
        notes = target.kustomization.build_metadata or []
        if options.managed_by or "managedByLabel" in notes:
            labels = {_MANAGED_BY: f"kustomize-{VERSION}"}
            set_entries(labels, [FieldSpec(Gvk(), "metadata/labels", create=True)])(resources)
        return Built(finish(resources, notes), build.warnings)


def _complete(gathered: Gathered) -> None:
    resources = gathered.resources
    add_hashes(resources)
    fix_references(resources, gathered.config.references)
    resolve_variables(resources, gathered.variables, gathered.config.table("var_reference"))
    resources.resources = [each for each in resources if not _is_local(resources, each)]


def _is_local(_: ResMap, resource: Any) -> bool:
    mark = resource.metadata_map("annotations").get(_LOCAL)
    return mark is not None and mark != "false"
