"""Reads a kustomization file: strict about fields, old spellings brought to the new ones."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from towline.errors import InputError
from towline.render.kustomize.decode import read_yaml, to_record
from towline.render.kustomize.documents import yaml_place
from towline.render.kustomize.files import Folder
from towline.render.kustomize.model import (
    COMPONENT,
    COMPONENT_VERSION,
    KUSTOMIZATION,
    KUSTOMIZATION_VERSION,
    HelmChart,
    HelmGlobals,
    Kustomization,
    OldHelmChart,
)

_T = TypeVar("_T")
_FIX: Final = "Run 'kustomize edit fix' to update your Kustomization automatically."
_DEPRECATED: Final = (
    ("bases", "bases", "resources", ""),
    ("common_labels", "commonLabels", "labels", ""),
    ("image_tags", "imageTags", "images", ""),
    ("patches_json6902", "patchesJson6902", "patches", ""),
    ("patches_strategic_merge", "patchesStrategicMerge", "patches", ""),
    ("vars", "vars", "replacements", "[EXPERIMENTAL] "),
)


def load_kustomization(folder: Folder, warnings: list[str]) -> tuple[Kustomization, str]:
    """The kustomization of a folder, and the name of its file.

    Args:
        folder: The folder.
        warnings: Gets a line for each deprecated field.

    Raises:
        InputError: There is none, or it is malformed; the message names the field.
    """
    content, name = folder.kustomization()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"invalid Kustomization: {name} is not UTF-8 text") from error
    try:
        value = read_yaml(text, "")
        given = to_record(value, Kustomization, strict=True)
    except InputError as error:
        place = yaml_place(error) if error.line else ""
        raise InputError(f"invalid Kustomization: {place}{error.message}") from error
    warnings.extend(_warnings(given))
    fixed = _fixed(given)
    if _is_empty(fixed):
        raise InputError("kustomization.yaml is empty")
    _check_kind(fixed, folder.shown)
    return fixed, name


def _warnings(given: Kustomization) -> list[str]:
    return [
        f"# Warning: '{old}' is deprecated. Please use '{new}' instead. {mark}{_FIX}"
        for field, old, new, mark in _DEPRECATED
        if getattr(given, field) is not None
    ]


def _fixed(given: Kustomization) -> Kustomization:
    kind = given.kind or KUSTOMIZATION
    version = COMPONENT_VERSION if kind == COMPONENT else KUSTOMIZATION_VERSION
    old = given.helm_chart_inflation_generator or []
    return msgspec.structs.replace(
        given,
        kind=kind,
        api_version=given.api_version or version,
        resources=_joined(given.resources, given.bases),
        bases=None,
        images=_joined(given.images, given.image_tags),
        image_tags=None,
        helm_globals=given.helm_globals or _old_globals(old),
        helm_charts=_joined(given.helm_charts, [_chart(each) for each in old] or None),
        helm_chart_inflation_generator=None,
    )


def _joined(first: list[_T] | None, second: list[_T] | None) -> list[_T] | None:
    if not second:
        return first
    return [*(first or []), *second]


def _old_globals(old: list[OldHelmChart]) -> HelmGlobals | None:
    home = next((each.chart_home for each in reversed(old) if each.chart_home), "")
    config = next((each.helm_home for each in reversed(old) if each.helm_home), "")
    return HelmGlobals(chart_home=home, config_home=config) if home or config else None


def _chart(old: OldHelmChart) -> HelmChart:
    return HelmChart(
        name=old.chart_name,
        version=old.chart_version,
        repo=old.chart_repo_url,
        values_file=old.values,
        values_inline=old.values_local,
        values_merge=old.values_merge,
        release_name=old.release_name,
    )


def _is_empty(kustomization: Kustomization) -> bool:
    bare = Kustomization(api_version=kustomization.api_version, kind=kustomization.kind)
    return kustomization == bare


def _check_kind(kustomization: Kustomization, folder: str) -> None:
    kind, problems = kustomization.kind, []
    if kind not in {KUSTOMIZATION, COMPONENT}:
        problems.append("kind should be Kustomization or Component")
    wanted = COMPONENT_VERSION if kind == COMPONENT else KUSTOMIZATION_VERSION
    if kustomization.api_version != wanted:
        problems.append(f"apiVersion for {kind} should be {wanted}")
    if problems:
        listed = "\n".join(problems)
        raise InputError(f"Failed to read kustomization file under {folder}:\n{listed}")
