"""The manifests of a finished build: order, annotations, text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from towline.errors import InputError
from towline.render.kustomize.ids import ORDER_FIRST, ORDER_LAST
from towline.render.kustomize.model import SortLists, SortOptions
from towline.render.kustomize.origins import listed
from towline.render.kustomize.resmap import ResMap
from towline.render.kustomize.resource import ORIGIN, TRANSFORMATIONS, Resource
from towline.render.kustomize.values import finished
from towline.text.goyaml import dump

LEGACY: Final = "legacy"
FIFO: Final = "fifo"
_DEFAULT: Final = SortLists(order_first=list(ORDER_FIRST), order_last=list(ORDER_LAST))


def sort_resources(resources: ResMap, options: SortOptions) -> None:
    """Puts resources into the order that is asked for.

    Raises:
        InputError: The options contradict each other.
    """
    if options.order not in {LEGACY, FIFO}:
        raise InputError("the field 'sortOptions.order' must be one of [fifo, legacy]")
    if options.order == FIFO:
        if options.legacy_sort_options is not None:
            raise InputError(
                "the field 'sortOptions.legacySortOptions' is set but the selected sort order is "
                "'fifo', not 'legacy'"
            )
        return
    lists = options.legacy_sort_options or _DEFAULT
    order = {kind: index - len(lists.order_first) for index, kind in enumerate(lists.order_first)}
    order.update((kind, index + 1) for index, kind in enumerate(lists.order_last))
    resources.resources.sort(key=lambda each: _legacy_key(each, order))


def _legacy_key(resource: Resource, order: dict[str, int]) -> tuple[int, str, str, str]:
    gvk = resource.gvk
    text = f"{gvk.group or '~G'}_{gvk.version or '~V'}_{gvk.kind or '~K'}"
    # A Namespace of the core group comes before one of any other group.
    text = "" if gvk.kind == "Namespace" and not gvk.group else text
    return (
        order.get(gvk.kind, 0),
        text,
        f"{gvk}|{resource.id.namespace or '~X'}|{resource.name or '~N'}",
        "",
    )


def finish(resources: ResMap, build_metadata: Sequence[str]) -> list[dict[str, Any]]:
    """The objects as they are printed.

    Args:
        resources: The resources in order.
        build_metadata: What to say about the build in annotations.

    Raises:
        InputError: An object cannot be written as JSON.
    """
    return [_finished(resource, build_metadata) for resource in resources]


def text_of_all(objects: Sequence[dict[str, Any]]) -> str:
    """The objects as a YAML stream."""
    return "---\n".join(dump(each) for each in objects)


def resource_yaml(resource: Resource) -> str:
    """One resource as it stands, for messages."""
    return dump(finished(resource.value))


def _finished(resource: Resource, build_metadata: Sequence[str]) -> dict[str, Any]:
    metadata = resource.value.get("metadata")
    raw = metadata.get("annotations") if isinstance(metadata, dict) else None
    if isinstance(raw, list):
        raise InputError(f"metadata.annotations of {resource.id} is not a mapping")
    notes: dict[str, str] = {}
    if "originAnnotations" in build_metadata and resource.origin is not None:
        notes[ORIGIN] = resource.origin.text()
    if "transformerAnnotations" in build_metadata and resource.transformations:
        notes[TRANSFORMATIONS] = listed(resource.transformations)
    if raw is not None or notes or (isinstance(metadata, dict) and "annotations" in metadata):
        _set_annotations(resource, notes)
    if not resource.special:
        return resource.value
    try:
        result: dict[str, Any] = finished(resource.value)
    except InputError as error:
        place = f"key {error.field} of " if error.field else ""
        raise InputError(f"{place}{resource.id}: {error.message}") from error
    return result


def _set_annotations(resource: Resource, notes: dict[str, str]) -> None:
    before = resource.without_notes(resource.metadata_map("annotations"))
    before.pop(ORIGIN, None)
    before.pop(TRANSFORMATIONS, None)
    resource.set_metadata("annotations", {**before, **notes})
