"""The key that signs ServiceAccount tokens, and JSON web tokens made with it."""

from __future__ import annotations

import base64
import binascii
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from towline.drydock.api.pki import write_private
from towline.errors import SettingsError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

ALGORITHM = "ES256"
MAX_TOKEN = 16 * 1024
_NUMBER_BYTES = 32


class SigningKey:
    """An elliptic curve key in a file, made when the first token needs it.

    Args:
        path: The file, PEM, readable by its owner only.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loaded: EllipticCurvePrivateKey | None = None
        self._id = ""

    def sign(self, claims: dict[str, Any]) -> str:
        """A signed token.

        Raises:
            SettingsError: The file holds no such key.
        """
        # Deferred here and below: the library costs megabytes, and many clusters sign nothing.
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec, utils  # noqa: PLC0415

        key = self._key()
        head = _encoded(orjson.dumps({"alg": ALGORITHM, "kid": self._id, "typ": "JWT"}))
        signed = f"{head}.{_encoded(orjson.dumps(claims))}"
        pair = utils.decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        signature = b"".join(number.to_bytes(_NUMBER_BYTES, "big") for number in pair)
        return f"{signed}.{_encoded(signature)}"

    def claims(self, token: str) -> dict[str, Any] | None:
        """The claims of a token that this key has signed; None for anything else."""
        parts = token.split(".")
        if len(parts) != 3 or len(token) > MAX_TOKEN:
            return None
        try:
            head, body, signature = (_decoded(part) for part in parts)
            said, claims = orjson.loads(head), orjson.loads(body)
        except (ValueError, binascii.Error):
            return None
        if not isinstance(said, dict) or not isinstance(claims, dict):
            return None
        # The algorithm is ours, not the token's: what else it names is not looked at.
        if said.get("alg") != ALGORITHM or len(signature) != 2 * _NUMBER_BYTES:
            return None
        return claims if self._verified(f"{parts[0]}.{parts[1]}", signature) else None

    def _verified(self, signed: str, signature: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec, utils  # noqa: PLC0415

        half = int.from_bytes(signature[:_NUMBER_BYTES], "big")
        other = int.from_bytes(signature[_NUMBER_BYTES:], "big")
        encoded = utils.encode_dss_signature(half, other)
        public = self._key().public_key()
        try:
            public.verify(encoded, signed.encode(), ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    def public_set(self) -> dict[str, Any]:
        """The JSON web key set that others verify tokens with."""
        numbers = self._key().public_key().public_numbers()
        key = {
            "use": "sig",
            "kty": "EC",
            "kid": self._id,
            "crv": "P-256",
            "alg": ALGORITHM,
            "x": _encoded(numbers.x.to_bytes(_NUMBER_BYTES, "big")),
            "y": _encoded(numbers.y.to_bytes(_NUMBER_BYTES, "big")),
        }
        return {"keys": [key]}

    def _key(self) -> EllipticCurvePrivateKey:
        if self._loaded is None:
            self._loaded = self._load()
            self._id = _identifier(self._loaded)
        return self._loaded

    def _load(self) -> EllipticCurvePrivateKey:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

        if not self._path.exists():
            made = ec.generate_private_key(ec.SECP256R1())
            pem = made.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(self._path, pem)
            return made
        try:
            key = serialization.load_pem_private_key(self._path.read_bytes(), None)
        except ValueError as error:
            raise SettingsError(f"{self._path}: not a private key: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise SettingsError(f"{self._path}: not a P-256 key")
        return key


def _identifier(key: EllipticCurvePrivateKey) -> str:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return _encoded(hashlib.sha256(public).digest())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
