"""Judges custom objects: schema, uniqueness in lists, then rules. Pure."""

from __future__ import annotations

from typing import Any

from towline.kube.cel.validation import Verdict, check_rules
from towline.kube.crd.rules import CustomRules
from towline.kube.schema.correlation import Correlation
from towline.kube.schema.fielderror import (
    DUPLICATE,
    NOT_SUPPORTED,
    REQUIRED,
    TOO_LONG,
    TOO_MANY,
    TYPE_INVALID,
    FieldError,
    invalid,
)
from towline.kube.schema.node import SchemaNode
from towline.kube.schema.validate import validate

Obj = dict[str, Any]

_BLOCKING = frozenset({REQUIRED, TOO_LONG, TOO_MANY, TYPE_INVALID, NOT_SUPPORTED})
_UNCHECKED = (
    "some validation rules were not checked because the object was invalid; correct the existing"
    " errors to complete validation"
)


def check_custom(obj: Obj, old: Obj | None, schema: SchemaNode, rules: CustomRules) -> Verdict:
    """What is wrong with a custom object.

    Args:
        obj: As it would be stored.
        old: What it replaces, or None: what did not change is not refused.
        schema: Of its version.
        rules: Of its version.
    """
    correlation = None if old is None else Correlation(obj, old, schema, root=True)
    errors = validate(obj, schema, correlation)
    if old is not None and any(error.kind == DUPLICATE for error in errors):
        stored = validate(old, schema)
        if any(error.kind == DUPLICATE for error in stored):
            errors = [error for error in errors if error.kind != DUPLICATE]
    compiled = rules.compiled()
    if compiled is None:
        return Verdict(tuple(errors), ())
    if any(error.kind in _BLOCKING for error in errors):
        blocked = [*errors, _blocked()]
        return Verdict(tuple(blocked), ())
    verdict = check_rules(compiled, obj, old, correlation=correlation)
    return Verdict((*errors, *verdict.errors), verdict.warnings)


def _blocked() -> FieldError:
    return invalid("<nil>", None, _UNCHECKED)
