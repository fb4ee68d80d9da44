"""Whether a live object differs from the desired one, and in what.

The question is put as Argo CD puts it: would applying the desired object change anything? The
prediction is a three-way merge against what was applied last, a server-side apply computed here, or
the answer of the server to a dry run.

Taking out ignored fields may need jq, which is not run here. So a comparison has two halves:
`prepare` gives documents and what is to be removed from them, `conclude` takes the documents
without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec
import orjson

from towline.argo.application import without_nulls
from towline.argo.names import COMPARE_OPTIONS, FIELD_MANAGER, LAST_APPLIED, SYNC_OPTIONS
from towline.errors import TowlineError
from towline.gitops.ignore import IgnorePolicy, Removal, without_managed, without_pointers
from towline.gitops.known_types import NOTHING_CONFIGURED, KnownTypes
from towline.gitops.live import LiveObject
from towline.gitops.normalize import members, normalize, reduced
from towline.gitops.options import annotation_options
from towline.gitops.server_side_diff import without_foreign_changes
from towline.gitops.targets import Target
from towline.gitops.tracking_methods import Tracking
from towline.kube.patch.merge import apply_merge_patch, three_way_merge
from towline.kube.patch.strategic import apply_strategic_patch, create_three_way_strategic
from towline.kube.refs import GroupVersionKind
from towline.kube.schema.defaults import default_builtin
from towline.kube.schema.node import SchemaNode
from towline.kube.ssa.apply import server_side_apply

Obj = dict[str, Any]

Schemas = Callable[[GroupVersionKind], SchemaNode | None]
"""The schema of a built-in kind; None for custom resources."""


def no_schema(_: GroupVersionKind) -> SchemaNode | None:
    """Knows no schema."""
    return None


_EPOCH: Final = "1970-01-01T00:00:00Z"


class Strategy(StrEnum):
    """How the outcome of an apply is predicted."""

    THREE_WAY = "three-way"
    STRUCTURED = "structured-merge"
    SERVER_SIDE = "server-side"


class DiffRules(msgspec.Struct, frozen=True, kw_only=True):
    """How to compare.

    Attributes:
        ignore: Differences that do not count.
        strategy: How to predict.
        include_webhooks: Whether a server-side prediction keeps what admission webhooks did.
        ignore_aggregated_roles: Whether the rules of aggregated roles do not count.
        known_types: Fields of custom resources that hold types of Kubernetes.
        tracking: How objects are marked as an application's own.
        custom: Schemas of custom resources, by which their lists and maps merge.
    """

    ignore: IgnorePolicy = IgnorePolicy()
    strategy: Strategy = Strategy.THREE_WAY
    include_webhooks: bool = False
    ignore_aggregated_roles: bool = False
    known_types: KnownTypes = NOTHING_CONFIGURED
    tracking: Tracking = Tracking()
    custom: Schemas = no_schema


class Sides(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """An object and its target, normalised, before ignored fields are taken out.

    Attributes:
        documents: The desired object (or the server's prediction), the live one, and what was
            applied last if that counts.
        removals: What is to be taken out of each of them.
        managed: `managedFields` of the live object.
    """

    documents: tuple[Obj, ...]
    removals: tuple[Removal, ...]
    managed: Any


class Prediction(msgspec.Struct, frozen=True, eq=False):
    """What an apply would do.

    Attributes:
        predicted: The live object after it, normalised.
        live: The live object before it, normalised.
    """

    predicted: Obj
    live: Obj

    @property
    def modified(self) -> bool:
        """Whether it would change anything."""
        return _canonical(self.predicted) != _canonical(self.live)


def strategy_of(
    target: Target,
    *,
    sync_options: Iterable[str],
    compare_options: Iterable[str],
    server_side: bool = False,
) -> tuple[Strategy, bool]:
    """How a target is to be compared, and whether effects of webhooks are kept.

    Args:
        target: The desired object; its annotations may say how.
        sync_options: Sync options of the application.
        compare_options: Items of the application's `compare-options` annotation.
        server_side: Whether server-side diff is on for everything.
    """
    own = annotation_options(target.annotations, COMPARE_OPTIONS)
    for options in (frozenset(compare_options), own):
        if "ServerSideDiff=true" in options:
            server_side = True
        if "ServerSideDiff=false" in options:
            server_side = False
    webhooks = "IncludeMutationWebhook=true" in {*compare_options, *own}
    if server_side:
        return Strategy.SERVER_SIDE, webhooks
    wanted = {*sync_options, *annotation_options(target.annotations, SYNC_OPTIONS)}
    structured = "ServerSideApply=true" in wanted
    return (Strategy.STRUCTURED if structured else Strategy.THREE_WAY), webhooks


def is_modified(target: Target, live: LiveObject, rules: DiffRules, schemas: Schemas) -> bool:
    """Whether applying the target would change the live object; rules without jq.

    Raises:
        ValueError: A rule needs jq.
        TowlineError: The two cannot be compared.
    """
    return predict(target, live.body(), rules, schemas).modified


def predict(
    target: Target, live: Obj, rules: DiffRules, schemas: Schemas, answer: Obj | None = None
) -> Prediction:
    """Both halves of a comparison, for rules without jq.

    Raises:
        ValueError: A rule needs jq, or a server-side diff has no answer of the server.
        TowlineError: The two cannot be compared.
    """
    sides = prepare(target, live, rules, schemas, answer)
    documents = without_pointers(sides.documents, sides.removals)
    return conclude(target, sides, documents, rules, schemas)


def prepare(
    target: Target, live: Obj, rules: DiffRules, schemas: Schemas, answer: Obj | None = None
) -> Sides:
    """Normalises both sides.

    Args:
        target: What should be.
        live: The live object, in the target's API version; not changed.
        rules: How to compare.
        schemas: Schemas of built-in kinds.
        answer: The server's answer to a dry run, for the server-side strategy.
    """
    schema = schemas(target.gvk)
    merging = schema or rules.custom(target.gvk)
    managed = members(live.get("metadata")).get("managedFields")
    live = rules.tracking.migrated(live, target.object)
    original = last_applied(live) if rules.strategy is Strategy.THREE_WAY else None
    wanted = target.object
    if rules.strategy is Strategy.SERVER_SIDE:
        if answer is None:
            raise ValueError("a server-side diff needs the server's answer")
        keep = rules.include_webhooks
        wanted = answer if keep else without_foreign_changes(answer, live, merging)
    given = [wanted, live] if original is None else [wanted, live, original]
    documents = [_normal(document, target.gvk, rules, schema) for document in given]
    managers = rules.ignore.managers(target.key)
    if managers:
        documents[:2] = without_managed(documents[0], documents[1], managed, managers, merging)
    return Sides(
        documents=tuple(documents), removals=rules.ignore.removals(target.key), managed=managed
    )


def submitted(target: Target, rules: DiffRules, schemas: Schemas) -> Obj:
    """What a server is asked to apply in a dry run: the target as its type holds it."""
    plain = normalize(
        target.object, target.gvk, ignore_aggregated_roles=rules.ignore_aggregated_roles
    )
    return plain if schemas(target.gvk) is None else without_nulls(plain)


def conclude(
    target: Target, sides: Sides, documents: Sequence[Obj], rules: DiffRules, schemas: Schemas
) -> Prediction:
    """Predicts what applying the target would do.

    Args:
        target: What should be.
        sides: What `prepare` gave.
        documents: Its documents without ignored fields.
        rules: How to compare.
        schemas: Schemas of built-in kinds.

    Raises:
        ApiError: The target does not fit its schema.
    """
    gvk, schema = target.gvk, schemas(target.gvk)
    wanted, current = documents[0], documents[1]
    match rules.strategy:
        case Strategy.SERVER_SIDE:
            return Prediction(wanted, current)
        case Strategy.STRUCTURED:
            merging = schema or rules.custom(gvk)
            predicted = _applied(wanted, current, sides.managed, gvk, merging)
        case Strategy.THREE_WAY:
            original = documents[2] if len(documents) > 2 else None
            predicted = _merged(original, wanted, current, target, schema)
    if schema is None:
        return Prediction(predicted, current)
    return Prediction(default_builtin(gvk, predicted), default_builtin(gvk, current))


def last_applied(live: Obj) -> Obj | None:
    """What client-side apply recorded on the object; None when absent or unreadable."""
    text = members(members(live.get("metadata")).get("annotations")).get(LAST_APPLIED)
    if not isinstance(text, str):
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def three_way_patch(original: Obj, wanted: Obj, current: Obj, schema: SchemaNode | None) -> Obj:
    """The patch of a client-side apply: strategic for built-in kinds, JSON merge for others."""
    if schema is None:
        return three_way_merge(original, wanted, current)
    return create_three_way_strategic(original, wanted, current, schema)


def _applied(
    wanted: Obj, current: Obj, managed: Any, gvk: GroupVersionKind, schema: SchemaNode | None
) -> Obj:
    live = current
    if managed:
        live = {**current, "metadata": {**current["metadata"], "managedFields": managed}}
    predicted = server_side_apply(
        live,
        wanted,
        FIELD_MANAGER,
        schema=schema,
        force=True,
        api_version=gvk.api_version,
        now=_EPOCH,
    )
    meta = {k: v for k, v in members(predicted.get("metadata")).items() if k != "managedFields"}
    return {**predicted, "metadata": meta}


def _merged(
    original: Obj | None, wanted: Obj, current: Obj, target: Target, schema: SchemaNode | None
) -> Obj:
    wanted = _without_namespace(wanted)
    if original is not None:
        try:
            return _three_way(_without_namespace(original), wanted, current, target, schema)
        except TowlineError:
            pass  # the record is no object of this kind; what is wanted stands in for it
    return _three_way(wanted, wanted, current, target, schema)


def _three_way(
    before: Obj, wanted: Obj, current: Obj, target: Target, schema: SchemaNode | None
) -> Obj:
    if target.gvk.kind == "StatefulSet":
        current = _reduced_claims(current, before)
    if schema is not None:
        patch = create_three_way_strategic(before, wanted, current, schema)
        return apply_strategic_patch(current, patch, schema)
    patch = three_way_merge(before, wanted, reduced(current, before))
    merged: Obj = apply_merge_patch(current, patch)
    return merged


def _normal(obj: Obj, gvk: GroupVersionKind, rules: DiffRules, schema: SchemaNode | None) -> Obj:
    plain = normalize(obj, gvk, ignore_aggregated_roles=rules.ignore_aggregated_roles)
    if schema is not None:
        plain = without_nulls(plain)  # in built-in kinds null is absent
    return rules.known_types.apply(plain, gvk.group_kind)


def _without_namespace(obj: Obj) -> Obj:
    meta = {
        name: value
        for name, value in members(obj.get("metadata")).items()
        if name != "namespace" and not (name == "annotations" and not value)
    }
    return {**obj, "metadata": meta}


def _reduced_claims(current: Obj, original: Obj) -> Obj:
    claims = members(current.get("spec")).get("volumeClaimTemplates")
    pattern = members(original.get("spec")).get("volumeClaimTemplates")
    if not isinstance(claims, list) or not isinstance(pattern, list):
        return current
    spec = {**current["spec"], "volumeClaimTemplates": reduced(claims, pattern)}
    return {**current, "spec": spec}


def _canonical(value: Obj) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
