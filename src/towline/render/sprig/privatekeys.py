"""Private keys and their PEM forms."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from towline.render.sprig.conversion import to_bytes

PrivateKey: TypeAlias = (
    rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | dsa.DSAPrivateKey
)
_BEGIN: Final = re.compile(r"^-----BEGIN ([^-\n]*)-----\s*$", re.MULTILINE)
_ALGORITHMS: Final = frozenset(["RSA", "EC", "DSA"])
_ENDING: Final = " PRIVATE KEY"


def new_key(bits: int) -> rsa.RSAPrivateKey:
    """A new RSA key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def key_text(key: PrivateKey) -> str:
    """The key as PEM: PKCS #8 for Ed25519, else the traditional form of its algorithm."""
    modern = isinstance(key, ed25519.Ed25519PrivateKey)
    form = PrivateFormat.PKCS8 if modern else PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode("ascii")


def parse_key(text: str) -> PrivateKey:
    """The key of a PEM text.

    Raises:
        ValueError: There is none, or of another algorithm.
    """
    match = _BEGIN.search(text)
    if match is None:
        raise ValueError("no PEM data in input")
    kind = match[1]
    if kind != "PRIVATE KEY":
        if not kind.endswith(_ENDING):
            raise ValueError(f"no private key data in PEM block of type {kind}")
        if kind.removesuffix(_ENDING) not in _ALGORITHMS:
            raise ValueError(f"invalid private key type {kind}")
    try:
        key = load_pem_private_key(to_bytes(text[match.start() :]), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(f"{_doing(kind)}: {error}") from error
    if not isinstance(
        key,
        rsa.RSAPrivateKey
        | ec.EllipticCurvePrivateKey
        | ed25519.Ed25519PrivateKey
        | dsa.DSAPrivateKey,
    ):
        raise ValueError(f"{_doing(kind)}: unknown algorithm")  # noqa: TRY004 - it is not a type
    return key


def _doing(kind: str) -> str:
    if kind == "PRIVATE KEY":
        return "decoding PEM as PKCS#8"
    return f"parsing {kind.removesuffix(_ENDING)} private key from PEM"
