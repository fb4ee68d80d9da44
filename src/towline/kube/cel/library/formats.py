"""Named formats: `format.dns1123Label().validate(text)`. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from towline.kube.cel.costs import matching
from towline.kube.cel.functions import Functions
from towline.kube.cel.library.urls import parse_url
from towline.kube.cel.moments import read_date, read_timestamp
from towline.kube.cel.types import CelType, opaque
from towline.kube.cel.values import NONE, HostValue, Optional, some
from towline.kube.names import (
    dns1035_problems,
    label_key_problems,
    label_problems,
    label_value_problems,
    subdomain_problems,
)

FUNCTIONS = Functions()
_UUID = re.compile(r"(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_REGEX_SIZE = "x" * 60
Problems = Callable[[str], list[str]]


class FormatValue(HostValue):
    """A format in an expression."""

    TYPE: CelType = opaque("kubernetes.NamedFormat")

    def __init__(self, name: str, problems: Problems) -> None:
        self.name = name
        self.problems = problems

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FormatValue) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)


def _prefix(problems: Problems) -> Problems:
    """A prefix for generated names may end with a dash."""
    return lambda text: problems(f"{text[:-1]}a" if len(text) > 1 and text.endswith("-") else text)


def _when_unread(read: Callable[[str], object], message: str) -> Problems:
    def problems(text: str) -> list[str]:
        try:
            read(text)
        except (ValueError, binascii.Error):
            return [message]
        return []

    return problems


def _uri(text: str) -> list[str]:
    try:
        parse_url(text)
    except ValueError as error:
        return [str(error)]
    return []


def _uuid(text: str) -> list[str]:
    return [] if _UUID.fullmatch(text) else ["does not match the UUID format"]


def _read_base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


_FORMATS: dict[str, Problems] = {
    "dns1123Label": label_problems,
    "dns1123Subdomain": subdomain_problems,
    "dns1035Label": dns1035_problems,
    "qualifiedName": label_key_problems,
    "dns1123LabelPrefix": _prefix(label_problems),
    "dns1123SubdomainPrefix": _prefix(subdomain_problems),
    "dns1035LabelPrefix": _prefix(dns1035_problems),
    "labelValue": label_value_problems,
    "uri": _uri,
    "uuid": _uuid,
    "byte": _when_unread(_read_base64, "invalid base64"),
    "date": _when_unread(read_date, "invalid date"),
    "datetime": _when_unread(read_timestamp, "invalid datetime"),
}


def _constant(name: str) -> Callable[[], FormatValue]:
    value = FormatValue(name, _FORMATS[name])
    return lambda: value


for _name in _FORMATS:
    FUNCTIONS.overload(f"format.{_name}", "() -> kubernetes.NamedFormat")(_constant(_name))


@FUNCTIONS.overload("format.named", "(string) -> optional_type(kubernetes.NamedFormat)")
def _named(name: str) -> Optional:
    return some(FormatValue(name, _FORMATS[name])) if name in _FORMATS else NONE


def _cost(_: FormatValue, text: str) -> int:
    return matching(text, _REGEX_SIZE)


@FUNCTIONS.overload(
    "validate", "kubernetes.NamedFormat.(string) -> optional_type(list(string))", cost=_cost
)
def _validate(format_: FormatValue, text: str) -> Optional:
    found = format_.problems(text)
    return some(found) if found else NONE
