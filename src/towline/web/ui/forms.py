"""URL-encoded forms, the only kind that the pages send."""

from __future__ import annotations

from urllib.parse import parse_qsl

from towline.errors import InputError

_MOST_FIELDS = 20


def read_form(body: bytes) -> dict[str, str]:
    """Decodes a form; the last value of a name counts.

    Raises:
        InputError: When it is not such a form or has too many fields.
    """
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise InputError("the form could not be read") from error
