"""Template values as JSON has them: what encoding/json makes of structs, bytes and times."""

from __future__ import annotations

import base64
from typing import Any, Protocol, runtime_checkable

from towline.errors import InputError
from towline.render.gotemplate.kinds import GoObject
from towline.render.sprig.times import GoDuration, GoTime


@runtime_checkable
class JsonValue(Protocol):
    """A value of a declared Go type that says itself what it is in JSON."""

    def go_json(self) -> Any:
        """What JSON can hold."""
        ...


def plain(value: Any, *, keep_times: bool = False) -> Any:
    """A copy of the value made of what JSON can hold.

    Args:
        value: The value.
        keep_times: For formats that know times: they become moments, and durations their text.

    Raises:
        InputError: Something in it has no JSON form.
    """
    match value:
        case GoDuration() if keep_times:
            return value.go_string()
        case None | str() | int() | float():
            return value
        case dict():
            return {key: plain(item, keep_times=keep_times) for key, item in value.items()}
        case list():
            return [plain(item, keep_times=keep_times) for item in value]
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case GoTime() if keep_times:
            return value.moment
        case JsonValue():
            return plain(value.go_json())
        case GoObject():
            return {
                name: plain(getattr(value, held), keep_times=keep_times)
                for name, held in value.go_fields.items()
            }
    raise InputError(f"json: unsupported type: {type(value).__name__}")
