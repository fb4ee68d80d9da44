"""Passwords: hashes of them, and ones derived or encrypted by others."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from towline.render.gotemplate.functions import STRING, UINT64, Function, FunctionError
from towline.render.sprig.baseencoding import CorruptInputError, decode64_bytes
from towline.render.sprig.conversion import to_bytes, to_text
from towline.render.sprig.environment import Environment

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher, modes

_COST: Final = 10
_LONGEST_PASSWORD: Final = 72
_BCRYPT_DIGITS: Final = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_DIGITS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_SALT_LENGTH: Final = 22
_BLOCK: Final = 16
_KEY_LENGTH: Final = 32
_SEED: Final = b"com.lyndir.masterpassword"
_TEMPLATES: Final[Mapping[str, tuple[str, ...]]] = {
    "maximum": ("anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"),
    "long": (
        *("CvcvnoCvcvCvcv", "CvcvCvcvnoCvcv", "CvcvCvcvCvcvno", "CvccnoCvcvCvcv"),
        *("CvccCvcvnoCvcv", "CvccCvcvCvcvno", "CvcvnoCvccCvcv", "CvcvCvccnoCvcv"),
        *("CvcvCvccCvcvno", "CvcvnoCvcvCvcc", "CvcvCvcvnoCvcc", "CvcvCvcvCvccno"),
        *("CvccnoCvccCvcv", "CvccCvccnoCvcv", "CvccCvccCvcvno", "CvcvnoCvccCvcc"),
        *("CvcvCvccnoCvcc", "CvcvCvccCvccno", "CvccnoCvcvCvcc", "CvccCvcvnoCvcc"),
        "CvccCvcvCvccno",
    ),
    "medium": ("CvcnoCvc", "CvcCvcno"),
    "short": ("Cvcn",),
    "basic": ("aaanaaan", "aannaaan", "aaannaaa"),
    "pin": ("nnnn",),
}
_CHARACTERS: Final[Mapping[str, str]] = {
    "V": "AEIOU",
    "C": "BCDFGHJKLMNPQRSTVWXYZ",
    "v": "aeiou",
    "c": "bcdfghjklmnpqrstvwxyz",
    "A": "AEIOUBCDFGHJKLMNPQRSTVWXYZ",
    "a": "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
    "n": "0123456789",
    "o": "@&%?,=[]_:-+*$#!'^~;()/.",
    "x": "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
}


def derive_password(counter: int, kind: str, password: str, user: str, site: str) -> str:
    """The password for a site, by the Master Password algorithm.

    Args:
        counter: Which password of the site.
        kind: Its form: `maximum`, `long`, `medium`, `short`, `basic` or `pin`.
        password: The master password.
        user: The user's name.
        site: The site's name.
    """
    templates = _TEMPLATES.get(kind)
    if templates is None:
        return f"cannot find password template {kind}"
    key = hashlib.scrypt(
        to_bytes(password),
        salt=_SEED + _counted(user),
        n=32768,
        r=8,
        p=2,
        dklen=64,
        maxmem=64 * 1024 * 1024,
    )
    message = _SEED + _counted(site) + int(counter).to_bytes(4, "big")
    seed = hmac.digest(key, message, "sha256")
    template = templates[seed[0] % len(templates)]
    return "".join(
        _CHARACTERS[place][seed[index] % len(_CHARACTERS[place])]
        for index, place in enumerate(template, 1)
    )


def _counted(text: str) -> bytes:
    data = to_bytes(text)
    return len(data).to_bytes(4, "big") + data


class Secrets:
    """The functions that need random salts.

    Args:
        environment: Where these come from.
    """

    def __init__(self, environment: Environment) -> None:
        self._random = environment.random_bytes

    def bcrypt(self, password: str) -> str:
        """The bcrypt hash of a password, or why there is none."""
        import bcrypt  # noqa: PLC0415 - few charts need it

        data = to_bytes(password)
        if len(data) > _LONGEST_PASSWORD:
            return (
                "failed to encrypt string with bcrypt:"
                f" bcrypt: password length exceeds {_LONGEST_PASSWORD} bytes"
            )
        digits = base64.b64encode(self._random(16))[:_SALT_LENGTH]
        salt = digits.translate(bytes.maketrans(_DIGITS, _BCRYPT_DIGITS))
        return bcrypt.hashpw(data, b"$2a$%02d$%s" % (_COST, salt)).decode("ascii")

    def htpasswd(self, user: str, password: str) -> str:
        """A line for a file of passwords, or why there is none."""
        return f"invalid username: {user}" if ":" in user else f"{user}:{self.bcrypt(password)}"

    def encrypt(self, password: str, text: str) -> str:
        """The text encrypted with AES-256 in CBC mode, in Base64; an empty text stays empty."""
        if not text:
            return ""
        data = to_bytes(text)
        padding = _BLOCK - len(data) % _BLOCK
        start = self._random(_BLOCK)
        encryptor = _cipher(password, start).encryptor()
        sealed = encryptor.update(data + bytes([padding]) * padding) + encryptor.finalize()
        return base64.b64encode(start + sealed).decode("ascii")


def decrypt(password: str, text: str) -> str:
    """The text of what `encrypt` gave.

    Raises:
        FunctionError: It is not Base64, or has the wrong length.
    """
    if not text:
        return ""
    try:
        data = decode64_bytes(text)
    except CorruptInputError as error:
        raise FunctionError(str(error)) from error
    if len(data) < _BLOCK:
        raise FunctionError(
            f"runtime error: slice bounds out of range [:{_BLOCK}] with capacity {len(data)}"
        )
    start, sealed = data[:_BLOCK], data[_BLOCK:]
    if len(sealed) % _BLOCK:
        raise FunctionError("crypto/cipher: input not full blocks")
    if not sealed:
        raise FunctionError("runtime error: index out of range [-1]")
    decryptor = _cipher(password, start).decryptor()
    plain = decryptor.update(sealed) + decryptor.finalize()
    end = len(plain) - plain[-1]
    if end < 0:
        raise FunctionError(f"runtime error: slice bounds out of range [:{end}]")
    return to_text(plain[:end])


def _cipher(password: str, start: bytes) -> Cipher[modes.CBC]:
    from cryptography.hazmat.primitives.ciphers import (  # noqa: PLC0415 - few charts need it
        Cipher,
        algorithms,
        modes,
    )

    key = to_bytes(password)[:_KEY_LENGTH].ljust(_KEY_LENGTH, b"\0")
    return Cipher(algorithms.AES(key), modes.CBC(start))


def functions(environment: Environment) -> Mapping[str, Function]:
    """The functions by name."""
    secrets = Secrets(environment)
    return {
        "bcrypt": Function(secrets.bcrypt, (STRING,), result=STRING),
        "htpasswd": Function(secrets.htpasswd, (STRING, STRING), result=STRING),
        "derivePassword": Function(
            derive_password, (UINT64, STRING, STRING, STRING, STRING), result=STRING
        ),
        "encryptAES": Function(secrets.encrypt, (STRING, STRING), result=STRING),
        "decryptAES": Function(decrypt, (STRING, STRING), result=STRING),
    }
