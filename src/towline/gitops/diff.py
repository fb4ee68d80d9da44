"""Whether a live object differs from the desired one.

The question is put as Argo CD puts it: would applying the desired object change anything? The
prediction is a three-way merge against what was applied last, or a server-side apply.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import orjson

from towline.argo.application import IgnoreRule, without_nulls
from towline.argo.names import FIELD_MANAGER, LAST_APPLIED
from towline.gitops.live import LiveObject
from towline.gitops.normalize import normalize, without_ignored
from towline.gitops.targets import Target
from towline.kube.patch.merge import apply_merge_patch, three_way_merge
from towline.kube.patch.strategic import apply_strategic_patch, create_three_way_strategic
from towline.kube.refs import GroupVersionKind
from towline.kube.schema.defaults import default_builtin
from towline.kube.schema.node import SchemaNode
from towline.kube.ssa.apply import server_side_apply

Schemas = Callable[[GroupVersionKind], SchemaNode | None]
"""The schema of a built-in kind; None for custom resources."""

_EPOCH: Final = "1970-01-01T00:00:00Z"


class DiffRules(msgspec.Struct, frozen=True, kw_only=True):
    """How to compare.

    Attributes:
        ignore: Differences that do not count.
        server_side: Predict by server-side apply instead of a three-way merge.
    """

    ignore: tuple[IgnoreRule, ...] = ()
    server_side: bool = False


def is_modified(target: Target, live: LiveObject, rules: DiffRules, schemas: Schemas) -> bool:
    """Whether applying the target would change the live object."""
    predicted, current = predict(target, live.body(), rules, schemas)
    return _canonical(predicted) != _canonical(current)


def predict(
    target: Target, live: dict[str, Any], rules: DiffRules, schemas: Schemas
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The live object after and before applying the target, both normalised.

    Args:
        target: What should be.
        live: The live object, in the target's API version.
        rules: How to compare.
        schemas: Schemas of built-in kinds.
    """
    gvk, schema = target.gvk, schemas(target.gvk)
    wanted = _clean(target.object, target, rules.ignore, schema)
    current = _clean(live, target, rules.ignore, schema)
    if rules.server_side:
        predicted = server_side_apply(
            _with_managers(current, live),
            wanted,
            FIELD_MANAGER,
            schema=schema,
            force=True,
            api_version=gvk.api_version,
            now=_EPOCH,
        )
        predicted = _without_managers(predicted)
    else:
        original = last_applied(live)
        predicted = _merged(original, wanted, current, target, schema)
    if schema is None:
        return predicted, current
    return default_builtin(gvk, predicted), default_builtin(gvk, current)


def last_applied(live: dict[str, Any]) -> dict[str, Any] | None:
    """What client-side apply recorded on the object; None when absent or unreadable."""
    text = ((live.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED)
    if not isinstance(text, str):
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def three_way_patch(
    original: dict[str, Any],
    wanted: dict[str, Any],
    current: dict[str, Any],
    schema: SchemaNode | None,
) -> dict[str, Any]:
    """The patch of a client-side apply: strategic for built-in kinds, JSON merge for others."""
    if schema is None:
        return three_way_merge(original, wanted, current)
    return create_three_way_strategic(original, wanted, current, schema)


def _merged(
    original: dict[str, Any] | None,
    wanted: dict[str, Any],
    current: dict[str, Any],
    target: Target,
    schema: SchemaNode | None,
) -> dict[str, Any]:
    wanted = _without_namespace(wanted)
    before = _without_namespace(without_ignored(original, target.key, ())) if original else wanted
    if target.gvk.kind == "StatefulSet":
        current = _reduced_claims(current, before)
    if schema is not None:
        patch = create_three_way_strategic(before, wanted, current, schema)
        return apply_strategic_patch(current, patch, schema)
    reduced: dict[str, Any] = _reduced(current, before)
    patch = three_way_merge(before, wanted, reduced)
    merged: dict[str, Any] = apply_merge_patch(current, patch)
    return merged


def _clean(
    obj: dict[str, Any],
    target: Target,
    ignore: Sequence[IgnoreRule],
    schema: SchemaNode | None,
) -> dict[str, Any]:
    plain = normalize(obj, target.gvk)
    if schema is not None:
        plain = without_nulls(plain)  # in built-in kinds null is absent
    return without_ignored(plain, target.key, ignore)


def _without_namespace(obj: dict[str, Any]) -> dict[str, Any]:
    meta = {
        name: value
        for name, value in (obj.get("metadata") or {}).items()
        if name != "namespace" and not (name == "annotations" and not value)
    }
    return {**obj, "metadata": meta}


def _reduced(value: Any, pattern: Any) -> Any:
    """The value without members that the pattern does not have, recursively."""
    if isinstance(value, dict) and isinstance(pattern, dict):
        return {k: _reduced(v, pattern[k]) for k, v in value.items() if k in pattern}
    return value


def _reduced_claims(current: dict[str, Any], original: dict[str, Any]) -> dict[str, Any]:
    claims = (current.get("spec") or {}).get("volumeClaimTemplates")
    pattern = (original.get("spec") or {}).get("volumeClaimTemplates")
    if not isinstance(claims, list) or not isinstance(pattern, list) or len(claims) != len(pattern):
        return current
    reduced = [_reduced(claim, was) for claim, was in zip(claims, pattern, strict=True)]
    return {**current, "spec": {**current["spec"], "volumeClaimTemplates": reduced}}


def _with_managers(current: dict[str, Any], live: dict[str, Any]) -> dict[str, Any]:
    managed = (live.get("metadata") or {}).get("managedFields")
    if not managed:
        return current
    return {**current, "metadata": {**current["metadata"], "managedFields": managed}}


def _without_managers(obj: dict[str, Any]) -> dict[str, Any]:
    meta = {k: v for k, v in (obj.get("metadata") or {}).items() if k != "managedFields"}
    return {**obj, "metadata": meta}


def _canonical(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
