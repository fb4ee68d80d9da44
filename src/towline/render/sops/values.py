"""One encrypted value: its text form, its key and what it is bound to.

Format: `ENC[AES256_GCM,data:...,iv:...,tag:...,type:...]`, base64 parts; the additional data is the
path of the value, each name followed by a colon.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from towline.errors import InputError

Leaf: TypeAlias = str | int | float | bool | bytes | None

_ENCRYPTED: Final = re.compile(
    r"ENC\[AES256_GCM,data:(?P<data>[^,]*),iv:(?P<iv>[^,]+),tag:(?P<tag>[^,]+),type:(?P<type>\w+)\]"
)
_WORDS: Final = {"True": True, "true": True, "False": False, "false": False}


class Comment(str):
    """An encrypted comment: it is no value."""


def is_encrypted(text: str) -> bool:
    """Whether a text looks like an encrypted value."""
    return _ENCRYPTED.fullmatch(text) is not None


def decrypt_value(text: str, key: bytes, bound_to: str, *, field: str) -> Leaf:
    """The plain value.

    Args:
        text: The encrypted one; an empty text stands for itself.
        key: The file's data key, 32 bytes.
        bound_to: Additional data.
        field: Dotted path, for errors.

    Raises:
        InputError: It is not encrypted, or it was changed, or the key is another one.
    """
    if not text:
        return ""
    match = _ENCRYPTED.fullmatch(text)
    if match is None:
        raise InputError("the value is not encrypted, but should be", field=field)
    try:
        parts = {n: base64.b64decode(match[n], validate=True) for n in ("data", "iv", "tag")}
        sealed = parts["data"] + parts["tag"]
        plain = AESGCM(key).decrypt(parts["iv"], sealed, bound_to.encode())
    except (InvalidTag, ValueError, binascii.Error) as error:
        raise InputError(
            "the value cannot be decrypted: it was changed, moved, or encrypted with another key",
            field=field,
        ) from error
    return _typed(plain, match["type"], field)


def _typed(plain: bytes, kind: str, field: str) -> Leaf:
    if kind == "bytes":
        return plain
    text = plain.decode("utf-8", "replace")
    try:
        match kind:
            case "str" | "time":
                return text
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "bool":
                return _WORDS[text]
            case "comment":
                return Comment(text)
    except (ValueError, KeyError) as error:
        raise InputError(f"the decrypted value is no {kind}", field=field) from error
    raise InputError(f"unknown type of an encrypted value: {kind}", field=field)


def mac_bytes(value: Leaf) -> bytes:
    """What a value adds to the file's checksum."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"True" if value else b"False"
    if isinstance(value, float):
        return _decimal(value).encode()
    return str(value).encode()


def _decimal(value: float) -> str:
    """The shortest decimal without an exponent."""
    text = repr(value)
    if "e" in text:
        mantissa, _, exponent = text.partition("e")
        digits = mantissa.replace(".", "").lstrip("-")
        point = len(mantissa.lstrip("-").partition(".")[0]) + int(exponent)
        if point <= 0:
            text = "0." + "0" * -point + digits
        else:
            text = digits.ljust(point, "0")
            text = f"{text[:point]}.{text[point:]}" if text[point:] else text
        text = f"-{text}" if value < 0 else text
    return text.removesuffix(".0")
