"""Private keys and certificates in templates.

What makes them is loaded when it is first needed: few charts do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from towline.render.gotemplate.functions import INT, LIST, STRING, Function, GoType, object_type
from towline.render.gotemplate.kinds import GoObject
from towline.render.sprig.environment import Environment

if TYPE_CHECKING:
    from towline.render.sprig.authorities import Certificates


class GoCertificate(GoObject):
    """A certificate and its private key, as PEM."""

    __slots__ = ("cert", "key")
    go_type: ClassVar[str] = "sprig.certificate"
    go_fields: ClassVar[Mapping[str, str]] = {"Cert": "cert", "Key": "key"}

    def __init__(self, cert: str, key: str) -> None:
        self.cert = cert
        self.key = key


CERTIFICATE: Final = object_type(GoCertificate)


class _Issuing:
    """The bodies of the functions."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def authority(self, name: str, days: int, *key: str) -> GoCertificate:
        make = _authorities()
        subject = make.Subject(name, days, authority=True)
        return self._make().self_signed(subject, *map(make.given_key, key))

    def self_signed(
        self, name: str, addresses: list[Any], names: list[Any], days: int, *key: str
    ) -> GoCertificate:
        make = _authorities()
        subject = make.Subject(name, days, addresses, names)
        return self._make().self_signed(subject, *map(make.given_key, key))

    def signed(
        self,
        name: str,
        addresses: list[Any],
        names: list[Any],
        days: int,
        *issuer: Any,
    ) -> GoCertificate:
        make = _authorities()
        authority, *key = issuer
        subject = make.Subject(name, days, addresses, names)
        return self._make().signed(subject, authority, *map(make.given_key, key))

    def _make(self) -> Certificates:
        made: Certificates = _authorities().Certificates(self._environment)
        return made


def functions(environment: Environment) -> Mapping[str, Function]:
    """The functions by name."""
    issuing = _Issuing(environment)
    parts = (STRING, LIST, LIST, INT)
    bodies: dict[str, tuple[Callable[..., Any], tuple[GoType, ...]]] = {
        "genCA": (issuing.authority, (STRING, INT)),
        "genCAWithKey": (issuing.authority, (STRING, INT, STRING)),
        "genSelfSignedCert": (issuing.self_signed, parts),
        "genSelfSignedCertWithKey": (issuing.self_signed, (*parts, STRING)),
        "genSignedCert": (issuing.signed, (*parts, CERTIFICATE)),
        "genSignedCertWithKey": (issuing.signed, (*parts, CERTIFICATE, STRING)),
        "buildCustomCert": (
            lambda certificate, key: _authorities().given(certificate, key),
            (STRING, STRING),
        ),
    }
    return {
        **{
            name: Function(body, params, result=CERTIFICATE)
            for name, (body, params) in bodies.items()
        },
        "genPrivateKey": Function(
            lambda kind: _authorities().generated_key(kind), (STRING,), result=STRING
        ),
    }


def _authorities() -> Any:
    from towline.render.sprig import authorities  # noqa: PLC0415 - see the head of the module

    return authorities
