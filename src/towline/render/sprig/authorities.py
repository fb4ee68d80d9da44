"""Makes private keys and certificates."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from towline.render.gotemplate.formatting import sprint
from towline.render.gotemplate.functions import (
    FunctionError,
)
from towline.render.sprig.baseencoding import CorruptInputError, decode64_bytes
from towline.render.sprig.certificates import GoCertificate
from towline.render.sprig.conversion import to_bytes, to_text
from towline.render.sprig.environment import Environment
from towline.render.sprig.privatekeys import PrivateKey, key_text, new_key, parse_key

_BILLION: Final = 1_000_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_DAYS: Final = 106_751  # what Go's duration can hold
_PURPOSES: Final = x509.ExtendedKeyUsage(
    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
)
_OTHER_USAGES: Final = (
    *("content_commitment", "data_encipherment", "key_agreement", "crl_sign"),
    *("encipher_only", "decipher_only"),
)


class Subject(msgspec.Struct, frozen=True):
    """What a certificate is for.

    Attributes:
        name: Common name.
        days: How long it is valid.
        addresses: IP addresses, as text.
        names: Host names.
        authority: Whether it may sign others.
    """

    name: str
    days: int
    addresses: list[Any] = []
    names: list[Any] = []
    authority: bool = False


class Certificates:
    """Makes certificates.

    Args:
        environment: Where time and serial numbers come from; keys come from the system's own
            source of randomness.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def self_signed(self, subject: Subject, key: PrivateKey | None = None) -> GoCertificate:
        """A certificate that signs itself."""
        key = key or new_key(2048)
        builder = self._builder(subject)
        if subject.authority:
            identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
            builder = builder.add_extension(identifier, critical=False)
        return _signed(builder, key, _name(subject.name), key)

    def signed(
        self, subject: Subject, authority: GoCertificate, key: PrivateKey | None = None
    ) -> GoCertificate:
        """A certificate signed by an authority.

        Raises:
            FunctionError: The authority's certificate or key cannot be read.
        """
        issuer = _certificate(to_bytes(authority.cert), "decodedSignerCert")
        try:
            issuer_key = parse_key(authority.key)
        except ValueError as error:
            raise FunctionError(f"error parsing private key: {error}") from error
        builder = self._builder(subject)
        try:
            found = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        except x509.ExtensionNotFound:
            pass
        else:
            identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found.value)
            builder = builder.add_extension(identifier, critical=False)
        return _signed(builder, key or new_key(2048), issuer.subject, issuer_key)

    def _builder(self, subject: Subject) -> x509.CertificateBuilder:
        start = _EPOCH + timedelta(seconds=self._environment.now() // _BILLION)
        days = max(-_MOST_DAYS, min(_MOST_DAYS, subject.days))
        alternatives: list[x509.GeneralName] = [
            *(x509.DNSName(_dns_name(item)) for item in subject.names),
            *(x509.IPAddress(_address(item)) for item in subject.addresses),
        ]
        serial = int.from_bytes(self._environment.random_bytes(16), "big") >> 1
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(subject.name))
            .serial_number(max(serial, 1))
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=days))
            .add_extension(_usage(authority=subject.authority), critical=True)
            .add_extension(_PURPOSES, critical=False)
            .add_extension(
                x509.BasicConstraints(ca=subject.authority, path_length=None), critical=True
            )
        )
        if alternatives:
            builder = builder.add_extension(
                x509.SubjectAlternativeName(alternatives), critical=False
            )
        return builder


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        key_cert_sign=authority,
        **dict.fromkeys(_OTHER_USAGES, False),
    )


def given(encoded_certificate: str, encoded_key: str) -> GoCertificate:
    """A certificate and key that are given in Base64 of their PEM.

    Raises:
        FunctionError: One of them cannot be read.
    """
    try:
        certificate = decode64_bytes(encoded_certificate)
    except CorruptInputError:
        raise FunctionError("unable to decode base64 certificate") from None
    try:
        key = to_text(decode64_bytes(encoded_key))
    except CorruptInputError:
        raise FunctionError("unable to decode base64 private key") from None
    _certificate(certificate, "decodedCert")
    try:
        parse_key(key)
    except ValueError as error:
        raise FunctionError(f"error parsing private key: {error}") from error
    return GoCertificate(to_text(certificate), key)


def _certificate(pem: bytes, variable: str) -> x509.Certificate:
    if b"-----BEGIN " not in pem:
        raise FunctionError("unable to decode certificate")
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise FunctionError(
            f"error parsing certificate: {variable}.Bytes: x509: malformed certificate"
        ) from error


def _signed(
    builder: x509.CertificateBuilder, key: PrivateKey, issuer: x509.Name, issuer_key: PrivateKey
) -> GoCertificate:
    if isinstance(key, dsa.DSAPrivateKey) or isinstance(issuer_key, dsa.DSAPrivateKey):
        raise FunctionError(
            "error creating certificate: x509: only RSA, ECDSA and Ed25519 keys supported"
        )
    digest = None if isinstance(issuer_key, ed25519.Ed25519PrivateKey) else _digest(issuer_key)
    try:
        certificate = (
            builder.issuer_name(issuer).public_key(key.public_key()).sign(issuer_key, digest)
        )
    except ValueError as error:
        raise FunctionError(f"error creating certificate: {error}") from error
    return GoCertificate(certificate.public_bytes(Encoding.PEM).decode("ascii"), key_text(key))


def _digest(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if key.curve.key_size > 384:
            return hashes.SHA512()
        return hashes.SHA384() if key.curve.key_size > 256 else hashes.SHA256()
    return hashes.SHA256()


def _name(common_name: str) -> x509.Name:
    try:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    except ValueError:
        # Go sets no bounds to the length of a name.
        return x509.Name(
            [x509.NameAttribute(NameOID.COMMON_NAME, common_name, _validate=False)]
            if common_name
            else []
        )


def _address(value: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    if not isinstance(value, str):
        raise FunctionError(f"error parsing ip: {sprint(value)} is not a string")
    try:
        return ipaddress.ip_address(value)
    except ValueError as error:
        raise FunctionError(f"error parsing ip: {value}") from error


def _dns_name(value: Any) -> str:
    if not isinstance(value, str):
        raise FunctionError(f"error processing alternate dns name: {sprint(value)} is not a string")
    if not value.isascii():
        raise FunctionError(
            f'error creating certificate: x509: "{value}" cannot be encoded as an IA5String'
        )
    return value


def given_key(text: str) -> PrivateKey:
    """The private key of a PEM text.

    Raises:
        FunctionError: There is none.
    """
    try:
        return parse_key(text)
    except ValueError as error:
        raise FunctionError(f"parsing private key: {error}") from error


def generated_key(kind: str) -> str:
    """A new private key, or why there is none."""
    match kind:
        case "" | "rsa":
            return key_text(new_key(4096))
        case "dsa":
            return key_text(dsa.generate_private_key(2048))
        case "ecdsa":
            return key_text(ec.generate_private_key(ec.SECP256R1()))
        case "ed25519":
            return key_text(ed25519.Ed25519PrivateKey.generate())
    return f"Unknown type {kind}"
