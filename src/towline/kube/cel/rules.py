"""`x-kubernetes-validations` of a schema, compiled. Pure.

A `RuleNode` stands for a place in the schema that has rules at it or below it. What is wrong with a
rule is part of its compiled form: it is reported when the definition is written, and each object
is refused should such a definition be stored all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from towline.kube.cel import types
from towline.kube.cel.escaping import escape
from towline.kube.cel.fieldpath import FieldPathError, field_path
from towline.kube.cel.issues import CompileError, EvaluationError
from towline.kube.cel.program import Program, compile_expression
from towline.kube.cel.schemas import (
    Raw,
    Shape,
    declared_fields,
    is_resource,
    shape_of,
    with_resource_fields,
)
from towline.kube.cel.types import CelType, optional_of

ROOT_TYPE = "selfType"


class Rule(msgspec.Struct, frozen=True, eq=False):
    """One rule.

    Attributes:
        rule: The expression.
        message: What users are told, or empty.
        reason: Cause of the field error, or empty.
        path: Where below the node the error is reported, such as `.spec.x`, or empty.
        optional_old: Whether `oldSelf` is an optional, so that the rule also runs on creation.
        program: The compiled expression; None when it is empty or wrong.
        message_program: Makes the message; None without one.
        error: Why the expression cannot be used, or empty.
        message_error: Why the message's expression cannot be used, or empty.
        uses_old: Whether it compares with the stored object.
    """

    rule: str
    message: str
    reason: str
    path: str
    optional_old: bool
    program: Program | None
    message_program: Program | None
    error: str
    message_error: str
    uses_old: bool


class RuleNode(msgspec.Struct, frozen=True, eq=False):
    """Rules at one place of a schema and below it.

    Attributes:
        type: The schema's JSON type.
        shape: The schema as expressions see it; None when they do not.
        rules: At this place.
        properties: Below named fields.
        items: Below a list's items.
        additional: Below the values of free keys.
        all_of: From the parts of `allOf`, on the same data.
        correlates: Whether values can be matched with stored ones by key.
        list_keys: Keys that identify the items of a list of type `map`.
    """

    type: str
    shape: Shape | None
    rules: tuple[Rule, ...] = ()
    properties: Mapping[str, RuleNode] = {}
    items: RuleNode | None = None
    additional: RuleNode | None = None
    all_of: tuple[RuleNode, ...] = ()
    correlates: bool = True
    list_keys: tuple[str, ...] = ()


def has_rules(raw: Raw) -> bool:
    """Whether a schema has rules anywhere."""
    pending: list[Any] = [raw]
    while pending:
        each = pending.pop()
        if not isinstance(each, Mapping):
            continue
        if each.get("x-kubernetes-validations"):
            return True
        pending += [each.get("items"), each.get("additionalProperties")]
        pending += (each.get("properties") or {}).values()
        pending += each.get("allOf") or ()
    return False


def compile_rules(raw: Raw) -> RuleNode | None:
    """The rules of a resource's schema, or None when there are none."""
    if not has_rules(raw):
        return None
    return _node(raw, raw, shape_of(raw, ROOT_TYPE, resource=True), resource=True)


def _node(rules: Raw, raw: Raw, shape: Shape | None, *, resource: bool) -> RuleNode | None:
    """The node of a schema.

    Args:
        rules: Where the rules stand: the schema itself, or a part of its `allOf`.
        raw: The schema.
        shape: As expressions see it.
        resource: Whether it is a whole resource.
    """
    compiled = compile_node(rules, raw, shape, resource=resource)
    properties = _properties(rules, raw, shape)
    items = _below(rules.get("items"), raw.get("items"), shape)
    additional = _below(rules.get("additionalProperties"), raw.get("additionalProperties"), shape)
    parts = (
        _node(part, raw, shape, resource=resource)
        for part in rules.get("allOf") or ()
        if isinstance(part, Mapping)
    )
    all_of = tuple(part for part in parts if part is not None)
    if not (compiled or properties or items or additional or all_of):
        return None
    return RuleNode(
        type=raw.get("type") or "",
        shape=shape,
        rules=compiled,
        properties=properties,
        items=items,
        additional=additional,
        all_of=all_of,
        correlates=raw.get("x-kubernetes-map-type") in {None, "granular", "atomic"},
        list_keys=tuple(raw.get("x-kubernetes-list-map-keys") or ())
        if raw.get("x-kubernetes-list-type") == "map"
        else (),
    )


def _below(rules: Any, raw: Any, shape: Shape | None) -> RuleNode | None:
    if not isinstance(rules, Mapping) or not isinstance(raw, Mapping):
        return None
    below = None if shape is None else shape.below
    return _node(rules, raw, below, resource=is_resource(raw))


def _properties(rules: Raw, raw: Raw, shape: Shape | None) -> dict[str, RuleNode]:
    found: dict[str, RuleNode] = {}
    structure = raw.get("properties") or {}
    for name, part in (rules.get("properties") or {}).items():
        field = structure.get(name)
        if not isinstance(field, Mapping) or not isinstance(part, Mapping):
            continue
        below = _field_shape(name, field, shape)
        if below is None:
            continue
        node = _node(part, field, below, resource=is_resource(field))
        if node is not None:
            found[name] = node
    return found


def _field_shape(name: str, field: Raw, shape: Shape | None) -> Shape | None:
    escaped = escape(name)
    if not escaped:
        return shape_of(field, ROOT_TYPE, resource=is_resource(field))
    return None if shape is None else shape.fields.get(escaped)


def compile_node(rules: Raw, raw: Raw, shape: Shape | None, *, resource: bool) -> tuple[Rule, ...]:
    """The rules that stand at one place, without those below it."""
    given = rules.get("x-kubernetes-validations") or ()
    if not given:
        return ()
    if shape is None:
        error = "failed to convert to declType for CEL validation rules"
        return tuple(_compiled(each, {}, {}, raw, error) for each in given)
    seen = with_resource_fields(raw) if resource else raw
    # Types are named after the place of the rule, not after the root.
    shape = shape_of(raw, ROOT_TYPE, resource=resource) or shape
    fields = declared_fields(shape)
    made = []
    for each in given:
        old: CelType = optional_of(shape.type) if each.get("optionalOldSelf") else shape.type
        made.append(_compiled(each, {"self": shape.type, "oldSelf": old}, fields, seen, ""))
    return tuple(made)


def _compiled(
    given: Raw,
    variables: Mapping[str, CelType],
    fields: Mapping[str, Mapping[str, CelType]],
    raw: Raw,
    error: str,
) -> Rule:
    source = given.get("rule") or ""
    program = message_program = None
    message_error = ""
    if source.strip() and not error:
        program, error = _program(source, variables, fields, types.BOOL)
    expression = given.get("messageExpression") or ""
    if expression and program is not None:
        message_program, message_error = _program(expression, variables, fields, types.STRING)
    path = ""
    if given.get("fieldPath"):
        try:
            path = field_path(given["fieldPath"], raw)
        except FieldPathError:
            path = ""
    return Rule(
        rule=source,
        message=given.get("message") or "",
        reason=given.get("reason") or "",
        path=path,
        optional_old=bool(given.get("optionalOldSelf")),
        program=program,
        message_program=message_program,
        error=error,
        message_error=message_error,
        uses_old=program is not None and "oldSelf" in program.variables,
    )


_WANTED = {
    "bool": ("", "cel expression must evaluate to a bool"),
    "string": ("messageExpression ", "messageExpression must evaluate to a string"),
}


def _program(
    source: str,
    variables: Mapping[str, CelType],
    fields: Mapping[str, Mapping[str, CelType]],
    wanted: CelType,
) -> tuple[Program | None, str]:
    prefix, other = _WANTED[wanted.name]
    try:
        program = compile_expression(source, variables, fields)
    except CompileError as error:
        return None, f"{prefix}compilation failed: {error.message}"
    except EvaluationError as error:
        return None, f"{prefix or 'program '}instantiation failed: {error.message}"
    return (program, "") if program.type == wanted else (None, other)
