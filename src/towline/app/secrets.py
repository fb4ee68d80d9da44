"""Values of Secret objects, whatever state the objects are in."""

from __future__ import annotations

import base64
import binascii
from typing import Any


def secret_values(secret: dict[str, Any]) -> dict[str, bytes]:
    """The decoded `data` of a Secret; what cannot be decoded is left out.

    One Secret that somebody broke must not hide the others.
    """
    data = secret.get("data")
    values: dict[str, bytes] = {}
    for key, text in data.items() if isinstance(data, dict) else ():
        if isinstance(text, str):
            try:
                values[key] = base64.b64decode(text)
            except (binascii.Error, ValueError):
                continue
    return values
