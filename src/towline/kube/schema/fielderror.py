"""Validation errors of single fields, in Kubernetes's wording, and the Status made of them.

Pure values. `FieldError.message` is the text after the path; `invalid_status` joins several into
the 422 answer that clients match on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from towline.kube.refs import GroupKind
from towline.kube.status import ApiError

REQUIRED = "FieldValueRequired"
INVALID = "FieldValueInvalid"
NOT_SUPPORTED = "FieldValueNotSupported"
DUPLICATE = "FieldValueDuplicate"
FORBIDDEN = "FieldValueForbidden"
NOT_FOUND = "FieldValueNotFound"
TOO_LONG = "FieldValueTooLong"
TOO_MANY = "FieldValueTooMany"
TYPE_INVALID = "FieldValueTypeInvalid"


class FieldError(msgspec.Struct, frozen=True):
    """One field that is wrong.

    Attributes:
        path: Where, such as `spec.template.spec.containers[0].image`; `<nil>` for the whole object.
        kind: Machine-readable cause such as `FieldValueRequired`.
        message: The text after the path, such as `Required value: name is required`.
    """

    path: str
    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def show(value: Any) -> str:
    """A value as messages print it: JSON without spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)


def required(path: str, detail: str = "") -> FieldError:
    """The field must be given."""
    return FieldError(path, REQUIRED, f"Required value: {detail}" if detail else "Required value")


def invalid(path: str, value: Any, detail: str) -> FieldError:
    """The value is wrong for a reason."""
    return FieldError(path, INVALID, f"Invalid value: {show(value)}: {detail}")


def type_invalid(path: str, value: Any, detail: str) -> FieldError:
    """The value has the wrong type."""
    return FieldError(path, TYPE_INVALID, f"Invalid value: {show(value)}: {detail}")


def not_supported(path: str, value: Any, supported: Iterable[str]) -> FieldError:
    """The value is not one of a closed set."""
    choices = ", ".join(show(choice) for choice in supported)
    text = f"Unsupported value: {show(value)}"
    return FieldError(path, NOT_SUPPORTED, f"{text}: supported values: {choices}")


def duplicate(path: str, value: Any) -> FieldError:
    """The value stands twice in a list whose items must differ."""
    return FieldError(path, DUPLICATE, f"Duplicate value: {show(value)}")


def forbidden(path: str, detail: str) -> FieldError:
    """The field must not be given, or not be changed."""
    return FieldError(path, FORBIDDEN, f"Forbidden: {detail}")


def too_long(path: str, limit: int) -> FieldError:
    """A text exceeds a limit in bytes."""
    return FieldError(path, TOO_LONG, f"Too long: may not be more than {limit} bytes")


def too_many(path: str, count: int, limit: int) -> FieldError:
    """A list exceeds a limit in items."""
    return FieldError(path, TOO_MANY, f"Too many: {count}: must have at most {limit} items")


def invalid_status(kind: GroupKind, name: str, errors: Sequence[FieldError]) -> ApiError:
    """The 422 answer for an object with these errors."""
    # The same text is not said twice, though its causes are listed.
    texts = list(dict.fromkeys(str(error) for error in errors))
    joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details: dict[str, Any] = {}
    if name:
        details["name"] = name
    if kind.group:
        details["group"] = kind.group
    if kind.kind:
        details["kind"] = kind.kind
    details["causes"] = [
        {"reason": error.kind, "message": error.message, "field": error.path} for error in errors
    ]
    return ApiError(f'{kind} "{name}" is invalid: {joined}', reason="Invalid", details=details)
