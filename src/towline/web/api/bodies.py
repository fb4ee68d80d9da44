"""Reading request bodies: typed, bounded, with errors that name the field."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from starlette.requests import Request

from towline.errors import InputError

T = TypeVar("T")


async def read_json(request: Request, type_: type[T]) -> T:
    """Decodes the body.

    Raises:
        InputError: When it is not JSON of that shape; the message names the field.
    """
    body = await request.body()
    try:
        return msgspec.json.decode(body or b"{}", type=type_)
    except msgspec.DecodeError as error:
        raise InputError(f"request body: {error}") from error
    except RecursionError as error:
        raise InputError("request body: nested too deeply") from error
