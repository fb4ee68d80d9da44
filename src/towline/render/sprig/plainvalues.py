"""Template values as JSON has them: what encoding/json makes of structs, bytes and times."""

from __future__ import annotations

import base64
from typing import Any, Final, Protocol, runtime_checkable

from towline.errors import InputError
from towline.render.gotemplate.kinds import GoObject
from towline.render.sprig.times import GoDuration, GoTime
from towline.render.sprig.work import Work

_CHARACTERS_PER_STEP: Final = 64


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
        LimitError: It is too large.
    """
    try:
        return _plain(value, Work(), keep_times)
    except RecursionError as error:
        raise InputError("json: nested too deeply") from error


def _plain(value: Any, work: Work, keep_times: bool) -> Any:
    if isinstance(value, str):
        work.spend(len(value) // _CHARACTERS_PER_STEP)
        return value
    if isinstance(value, dict):
        work.spend(len(value))
        return {key: _plain(item, work, keep_times) for key, item in value.items()}
    if isinstance(value, list):
        work.spend(len(value))
        return [_plain(item, work, keep_times) for item in value]
    if keep_times and isinstance(value, GoDuration):
        return value.go_string()
    if value is None or isinstance(value, int | float):
        return value
    return _plain_object(value, work, keep_times)


def _plain_object(value: Any, work: Work, keep_times: bool) -> Any:
    match value:
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case GoTime() if keep_times:
            return value.moment
        case JsonValue():
            return _plain(value.go_json(), work, keep_times)
        case GoObject():
            return {
                name: _plain(getattr(value, held), work, keep_times)
                for name, held in value.go_fields.items()
            }
    raise InputError(f"json: unsupported type: {type(value).__name__}")
