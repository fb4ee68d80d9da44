"""The `format` keyword: a test for each name, which says what is wrong."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from towline.render.helm.versions import is_version
from towline.text.re2 import RegexError, compile_pattern

Check = Callable[[str], str]
_TIME: Final = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[zZ]|([+-])(\d\d):(\d\d))\Z", re.ASCII)
_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")
_LOCAL: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}\Z")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_DURATION: Final = re.compile(
    r"P(?:\d+W|(?=[\dT])(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)\Z",
    re.ASCII,
)
_POINTER: Final = re.compile(r"(?:/(?:[^~/]|~[01])*)*\Z")
_RELATIVE: Final = re.compile(r"(?:0|[1-9][0-9]*)(#\Z|.*)", re.DOTALL)
_TEMPLATE: Final = re.compile(r"(?:[^{}]|\{[^{}]+\})*\Z")


def problem_with(name: str, value: Any) -> str:
    """What is wrong with a value of a format; empty when nothing is, or the name is unknown."""
    check = _CHECKS.get(name)
    return check(value) if check is not None and isinstance(value, str) else ""


def _matches(pattern: re.Pattern[str], problem: str) -> Check:
    return lambda text: "" if pattern.match(text) else problem


def _date(text: str) -> str:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return f'parsing time "{text}" as "2006-01-02": cannot parse it'
    return "" if len(text) == 10 else f'parsing time "{text}": extra text'


def _time(text: str) -> str:
    match = _TIME.match(text)
    if match is None:
        return "invalid hour/min/sec"
    hour, minute, second = (int(match[index]) for index in (1, 2, 3))
    if hour > 23 or minute > 59 or second > 60:
        return "hour/min/sec out of range"
    shift = 0
    if match[4]:
        if int(match[5]) > 23 or int(match[6]) > 59:
            return "hour/min in offset out of range"
        shift = (int(match[5]) * 60 + int(match[6])) * (-1 if match[4] == "+" else 1)
    utc = (hour * 60 + minute + shift) % 1440
    return "invalid leap second" if second == 60 and utc != 1439 else ""


def _date_time(text: str) -> str:
    if len(text) < 20:
        return "less than 20 characters long"
    if text[10] not in "tT":
        return "11th character must be t or T"
    if problem := _date(text[:10]):
        return f"invalid date element: {problem}"
    problem = _time(text[11:])
    return f"invalid time element: {problem}" if problem else ""


def _ipv4(text: str) -> str:
    groups = text.split(".")
    if len(groups) != 4:
        return "expected four decimals"
    for group in groups:
        if len(group) > 1 and group[0] == "0":
            return "leading zeros"
        if not group.isascii() or not group.isdigit():
            return f'strconv.Atoi: parsing "{group}": invalid syntax'
        if len(group) > 3 or int(group) > 255:
            return "decimal must be between 0 and 255"
    return ""


def _ipv6(text: str) -> str:
    if ":" not in text:
        return "missing colon"
    if "%" in text:
        return "zone id is not a part of ipv6 address"
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return f'ParseAddr("{text}"): unable to parse IP'
    return ""


def _hostname(text: str) -> str:
    text = text.removesuffix(".")
    if len(text) > 253:
        return "more than 253 characters long"
    for label in text.split("."):
        if not 1 <= len(label) <= 63:
            return "label must be 1 to 63 characters long"
        if label.startswith("-"):
            return "label starts with hyphen"
        if label.endswith("-"):
            return "label ends with hyphen"
        if not _LABEL.match(label):
            return "invalid character"
    return ""


def _email(text: str) -> str:
    if len(text) > 254:
        return "more than 255 characters long"
    local, at, domain = text.rpartition("@")
    if not at:
        return "missing @"
    if not (len(local) > 1 and local.startswith('"')):
        if local.startswith("."):
            return "starts with dot"
        if local.endswith("."):
            return "ends with dot"
        if ".." in local:
            return "consecutive dots"
        if local and not _LOCAL.match(local):
            return "invalid character"
    if domain.startswith("[") and domain.endswith("]"):
        inner = domain[1:-1]
        problem = _ipv6(inner[5:]) if inner.startswith("IPv6:") else _ipv4(inner)
        return f"invalid ip address: {problem}" if problem else ""
    problem = _hostname(domain)
    return f"invalid domain: {problem}" if problem else ""


def _reference(text: str) -> str:
    if "\\" in text:
        return "contains \\"
    if any(char <= " " or char == "\x7f" for char in text):
        return f'parse "{text}": net/url: invalid control character in URL'
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        return f'parse "{text}": {error}'
    return ""


def _uri(text: str) -> str:
    problem = _reference(text)
    return problem or ("" if urlsplit(text).scheme else "relative url")


def _relative_pointer(text: str) -> str:
    match = _RELATIVE.match(text)
    if match is None:
        return "must start with non-negative integer"
    return "" if match[1] == "#" or _POINTER.match(match[1]) else "not starting with /"


def _regex(text: str) -> str:
    try:
        compile_pattern(text)
    except RegexError as error:
        return str(error)
    return ""


def _semver(text: str) -> str:
    return "" if is_version(text) else "invalid semantic version"


_CHECKS: Final[dict[str, Check]] = {
    "json-pointer": _matches(_POINTER, "not starting with /"),
    "relative-json-pointer": _relative_pointer,
    "uuid": _matches(_UUID, "must have 5 elements"),
    "duration": _matches(_DURATION, "must start with P"),
    "ipv4": _ipv4,
    "ipv6": _ipv6,
    "hostname": _hostname,
    "email": _email,
    "date": _date,
    "time": _time,
    "date-time": _date_time,
    "uri": _uri,
    "iri": _uri,
    "uri-reference": _reference,
    "iri-reference": _reference,
    "uri-template": _matches(_TEMPLATE, "malformed template"),
    "regex": _regex,
    "semver": _semver,
}
