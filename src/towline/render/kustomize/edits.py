"""The edits that an Application's `kustomize` block makes in the kustomization it renders.

They are those of kustomize's `edit` commands, in Argo CD's order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from towline.argo.application import decode
from towline.errors import InputError
from towline.render.kustomize.model import (
    Image,
    Kustomization,
    Label,
    Patch,
    PatchOptions,
    Replica,
    Selector,
)

_AT: Final = "spec.source.kustomize"
_TAGGED: Final = re.compile(r"(.*):([a-zA-Z0-9._-]*|\*)\Z")
_KEEP: Final = "*"


class _Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class PatchEntry(_Wire, frozen=True, kw_only=True):
    """A patch of the block."""

    path: str = ""
    patch: str = ""
    target: Selector | None = None
    options: dict[str, bool] | None = None


class ReplicaEntry(_Wire, frozen=True, kw_only=True):
    """A number of replicas of the block."""

    name: str = ""
    count: int | str = 0


class KustomizeOptions(_Wire, frozen=True, kw_only=True):
    """The `kustomize` block of an Application's source."""

    name_prefix: str = ""
    name_suffix: str = ""
    images: tuple[str, ...] = ()
    replicas: tuple[ReplicaEntry, ...] = ()
    common_labels: dict[str, str] = {}
    force_common_labels: bool = False
    label_without_selector: bool = False
    label_include_templates: bool = False
    common_annotations: dict[str, str] = {}
    force_common_annotations: bool = False
    common_annotations_envsubst: bool = False
    namespace: str = ""
    patches: tuple[PatchEntry, ...] = ()
    components: tuple[str, ...] = ()
    ignore_missing_components: bool = False
    version: str = ""
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()


def kustomize_options(block: dict[str, Any]) -> KustomizeOptions:
    """Reads the block.

    Raises:
        InputError: A field is wrong.
    """
    return decode(block, KustomizeOptions, at=_AT)


def edited_kustomization(
    kustomization: Kustomization, options: KustomizeOptions, components: Sequence[str]
) -> Kustomization:
    """The kustomization with the block's edits.

    Args:
        kustomization: As the file has it.
        options: The block, variables replaced.
        components: Those of the block's components that are to be added.

    Raises:
        InputError: An edit is malformed, or a label is there already.
    """
    changes: dict[str, Any] = {}
    if options.name_prefix:
        changes["name_prefix"] = options.name_prefix
    if options.name_suffix:
        changes["name_suffix"] = options.name_suffix
    if options.images:
        changes["images"] = _with_images(kustomization.images or [], options.images)
    if options.replicas:
        changes["replicas"] = _with_replicas(kustomization.replicas or [], options.replicas)
    if options.common_labels:
        changes.update(_with_labels(kustomization, options))
    if options.common_annotations:
        changes["common_annotations"] = _with_entries(
            kustomization.common_annotations or {},
            options.common_annotations,
            "annotation",
            force=options.force_common_annotations,
        )
    if options.namespace:
        changes["namespace"] = options.namespace
    if options.patches:
        added = [_patch(entry) for entry in options.patches]
        changes["patches"] = [*(kustomization.patches or []), *added]
    known = kustomization.components or []
    new = [path for path in dict.fromkeys(components) if path not in known]
    if new:
        changes["components"] = [*known, *new]
    return msgspec.structs.replace(kustomization, **changes)


def image_of(text: str) -> Image:
    """An image as `edit set image` reads it: `[old=]new[:tag][@digest]`.

    Raises:
        InputError: The text names no change.
    """
    pieces = text.split("=")
    if len(pieces) == 2:
        name, tag, digest = _overwrite(pieces[1], text, bare=True)
        return Image(name=pieces[0], new_name=name, new_tag=tag, digest=digest)
    name, tag, digest = _overwrite(text, text, bare=False)
    return Image(name=name, new_tag=tag, digest=digest)


def _overwrite(text: str, whole: str, *, bare: bool) -> tuple[str, str, str]:
    name, at, digest = text.partition("@")
    match = _TAGGED.match(name)
    if match:
        return match[1], match[2], digest.partition("@")[0]
    if at or (name and bare):
        return name, "", digest.partition("@")[0]
    raise InputError(
        f"invalid format of image {whole!r}",
        field=f"{_AT}.images",
        hint="[old=]new[:tag][@digest]",
    )


def _with_images(known: Sequence[Image], texts: Sequence[str]) -> list[Image]:
    new = {image.name: image for image in map(image_of, texts)}
    kept = []
    for image in known:
        given = new.get(image.name)
        if given is None:
            kept.append(image)
            continue
        new[image.name] = Image(
            name=given.name,
            new_name=image.new_name if given.new_name == _KEEP else given.new_name,
            new_tag=image.new_tag if given.new_tag == _KEEP else given.new_tag,
            digest=image.digest if given.digest == _KEEP else given.digest,
        )
    plain = [
        msgspec.structs.replace(
            image,
            new_name="" if image.new_name == _KEEP else image.new_name,
            new_tag="" if image.new_tag == _KEEP else image.new_tag,
            digest="" if image.digest == _KEEP else image.digest,
        )
        for image in new.values()
    ]
    return sorted([*kept, *plain], key=lambda image: image.name)


def _with_replicas(known: Sequence[Replica], entries: Sequence[ReplicaEntry]) -> list[Replica]:
    new = {}
    for entry in entries:
        try:
            new[entry.name] = Replica(name=entry.name, count=int(entry.count))
        except ValueError as error:
            raise InputError(
                f"{entry.count!r} is no number of replicas", field=f"{_AT}.replicas"
            ) from error
    kept = [replica for replica in known if replica.name not in new]
    return sorted([*kept, *new.values()], key=lambda replica: replica.name)


def _with_labels(kustomization: Kustomization, options: KustomizeOptions) -> dict[str, Any]:
    force = options.force_common_labels
    if not options.label_without_selector:
        before = kustomization.common_labels or {}
        labels = _with_entries(before, options.common_labels, "label", force=force)
        return {"common_labels": labels}
    entries = list(kustomization.labels or [])
    templates = options.label_include_templates
    for index, entry in enumerate(entries):
        if not entry.include_selectors and entry.include_templates == templates:
            pairs = _with_entries(entry.pairs or {}, options.common_labels, "label", force=force)
            entries[index] = msgspec.structs.replace(entry, pairs=pairs)
            return {"labels": entries}
    entries.append(Label(pairs=dict(options.common_labels), include_templates=templates))
    return {"labels": entries}


def _with_entries(
    before: Mapping[str, str], new: Mapping[str, str], what: str, *, force: bool
) -> dict[str, str]:
    if not force:
        for key in sorted(new):
            if key in before:
                raise InputError(f"{what} {key} already in kustomization file", field=_AT)
    return {**before, **new}


def _patch(entry: PatchEntry) -> Patch:
    given = entry.options or {}
    unknown = sorted(set(given) - {"allowNameChange", "allowKindChange"})
    if unknown:
        raise InputError(f'json: unknown field "{unknown[0]}"', field=f"{_AT}.patches.options")
    options = PatchOptions(
        allow_name_change=given.get("allowNameChange", False),
        allow_kind_change=given.get("allowKindChange", False),
    )
    return Patch(
        path=entry.path,
        patch=entry.patch,
        target=entry.target,
        options=options if entry.options else None,
    )
