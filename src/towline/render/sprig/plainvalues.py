"""Template values as JSON has them: what encoding/json makes of structs, bytes and times."""

from __future__ import annotations

import base64
from typing import Any, Protocol, runtime_checkable

from towline.errors import InputError
from towline.render.gotemplate.kinds import GoObject


@runtime_checkable
class JsonValue(Protocol):
    """A value of a declared Go type that says itself what it is in JSON."""

    def go_json(self) -> Any:
        """What JSON can hold."""
        ...


def plain(value: Any) -> Any:
    """A copy of the value made of what JSON can hold.

    Raises:
        InputError: Something in it has no JSON form.
    """
    match value:
        case None | str() | int() | float():
            return value
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case JsonValue():
            return plain(value.go_json())
        case GoObject():
            fields = value.go_fields
            return {name: plain(getattr(value, held)) for name, held in fields.items()}
    raise InputError(f"json: unsupported type: {type(value).__name__}")
