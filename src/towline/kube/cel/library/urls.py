"""URLs: `url`, `isURL` and their parts. Pure.

Read as Go's net/url reads a request URI: absolute, or a path that begins with a slash.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

import msgspec

from towline.kube.cel import costs
from towline.kube.cel.functions import Functions
from towline.kube.cel.issues import EvaluationError
from towline.kube.cel.types import CelType, opaque
from towline.kube.cel.values import HostValue

FUNCTIONS = Functions()
_overload = FUNCTIONS.overload
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})(.{0,2})", re.DOTALL)
_HOST = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:<>\"]|[^\x00-\x7f]|%[0-9A-Fa-f]{2})*")


class Url(msgspec.Struct, frozen=True):
    """A URL's parts, as texts."""

    scheme: str
    host: str
    path: str
    query: str


class UrlValue(HostValue):
    """A URL in an expression."""

    TYPE: CelType = opaque("kubernetes.URL")

    def __init__(self, text: str, parts: Url) -> None:
        self.text = text
        self.parts = parts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UrlValue) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


def parse_url(text: str) -> Url:
    """Takes a URL apart.

    Raises:
        ValueError: It is no absolute URL; the text says why as Go does.
    """
    why = _problem(text)
    if why:
        raise ValueError(f'parse "{text}": {why}')
    rest = text.partition("#")[0]
    match = _SCHEME.match(rest)
    scheme = match[1].lower() if match else ""
    rest = rest[match.end() :] if match else rest
    rest, _, query = rest.partition("?")
    host = ""
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        rest = slash + path
        host = host.rpartition("@")[2]
    if (bad := _ESCAPE.search(rest)) is not None:
        raise ValueError(f'parse "{text}": invalid URL escape "{bad.group()}"')
    _check_host(text, host)
    return Url(scheme, host, rest, query)


def _problem(text: str) -> str:
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in text):
        return "net/url: invalid control character in URL"
    if not text:
        return "empty url"
    if text.startswith(":"):
        return "missing protocol scheme"
    match = _SCHEME.match(text)
    rest = text[match.end() :] if match else text
    if not rest.startswith("/"):
        return "invalid URI for request"
    return ""


def _check_host(text: str, host: str) -> None:
    port = host.rpartition(":")[2] if ":" in host else ""
    if host.startswith("["):
        inside, closing, after = host.partition("]")
        if not closing:
            raise ValueError(f"parse \"{text}\": missing ']' in host")
        port = after[1:]
        host = inside[1:]
    elif _HOST.fullmatch(host) is None:
        bad = next(char for char in host if _HOST.fullmatch(char) is None)
        raise ValueError(f'parse "{text}": invalid character "{bad}" in host name')
    if port and not (port.isascii() and port.isdigit()):
        raise ValueError(f'parse "{text}": invalid port ":{port}" after host')


@_overload("url", "(string) -> kubernetes.URL", cost=costs.traversal)
def _url(text: str) -> UrlValue:
    try:
        return UrlValue(text, parse_url(text))
    except ValueError as error:
        raise EvaluationError(f"URL parse error during conversion from string: {error}") from None


@_overload("isURL", "(string) -> bool", cost=costs.traversal)
def _is_url(text: str) -> bool:
    try:
        parse_url(text)
    except ValueError:
        return False
    return True


@_overload("getScheme", "kubernetes.URL.() -> string")
def _scheme(url: UrlValue) -> str:
    return url.parts.scheme


@_overload("getHost", "kubernetes.URL.() -> string")
def _host(url: UrlValue) -> str:
    return url.parts.host


@_overload("getHostname", "kubernetes.URL.() -> string")
def _hostname(url: UrlValue) -> str:
    host = url.parts.host
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


@_overload("getPort", "kubernetes.URL.() -> string")
def _port(url: UrlValue) -> str:
    return url.parts.host.rpartition("]")[2].partition(":")[2]


_KEPT_IN_PATHS = re.compile(r"[A-Za-z0-9\-_.~$&+,/:;=@!'()*\[\]%]")


@_overload("getEscapedPath", "kubernetes.URL.() -> string")
def _escaped_path(url: UrlValue) -> str:
    return "".join(
        char
        if _KEPT_IN_PATHS.fullmatch(char)
        else "".join(f"%{byte:02X}" for byte in char.encode())
        for char in url.parts.path
    )


@_overload("getQuery", "kubernetes.URL.() -> map(string, list(string))")
def _query(url: UrlValue) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for pair in url.parts.query.split("&"):
        if not pair or ";" in pair:
            continue
        key, _, value = pair.partition("=")
        found.setdefault(unquote_plus(key), []).append(unquote_plus(value))
    return found
