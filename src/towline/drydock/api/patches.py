"""The three patches that edit an object, by media type; server-side apply has its own way. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from towline.drydock.api.json_patches import apply_leniently, check_json_patch
from towline.drydock.refusals import bad_request
from towline.drydock.registry import ServedKind
from towline.kube.patch.merge import apply_merge_patch
from towline.kube.patch.strategic import apply_strategic_patch
from towline.kube.schema.node import SchemaNode
from towline.kube.status import ApiError

Obj = dict[str, Any]

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


def check_type(kind: ServedKind, media: str) -> None:
    """Refuses patch types that the kind does not take.

    Raises:
        ApiError: UnsupportedMediaType.
    """
    known = [JSON_PATCH, MERGE_PATCH, APPLY_PATCH]
    if media in known or (media == STRATEGIC_PATCH and not kind.custom):
        return
    if kind.custom:
        raise ApiError(
            "the body of the request was in an unknown format - accepted media types include:"
            f" {', '.join(known)}",
            reason="UnsupportedMediaType",
        )
    raise ApiError("415: Unsupported Media Type", reason="UnsupportedMediaType", details={})


def editor(media: str, patch: Any, schema: SchemaNode | None) -> Callable[[Obj], Obj]:
    """A function that makes the patched object of the present one.

    Args:
        media: One of the three media types.
        patch: The decoded body.
        schema: For strategic merge patches.

    Raises:
        ApiError: BadRequest or RequestEntityTooLarge, the patch is not one.
    """
    if media == JSON_PATCH:
        operations = check_json_patch(patch)
        return lambda obj: _object(apply_leniently(obj, operations))
    if not isinstance(patch, dict):
        raise bad_request("error decoding patch: a merge patch is an object")
    if media == MERGE_PATCH:
        return lambda obj: _object(apply_merge_patch(obj, patch))
    return lambda obj: _object(apply_strategic_patch(obj, patch, schema))


def _object(value: Any) -> Obj:
    if not isinstance(value, dict):
        raise bad_request("the patch does not leave an object")
    return value
