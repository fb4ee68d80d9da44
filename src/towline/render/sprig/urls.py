"""URLs taken apart and put together by the rules of Go's net/url."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from towline.render.gotemplate.functions import MAP, STRING, Function, FunctionError
from towline.render.gotemplate.kinds import kind_name
from towline.render.gotemplate.quoting import quote
from towline.render.sprig.casing import lower
from towline.render.sprig.conversion import NIL_DEREFERENCE, to_bytes, to_text

_KEPT: Final = {
    "host": re.compile(rb"[^A-Za-z0-9\-_.~!$&'()*+,;=:\[\]<>\"]"),
    "zone": re.compile(rb"[^A-Za-z0-9\-_.~!$&'()*+,;=:\[\]<>\"]"),
    "path": re.compile(rb"[^A-Za-z0-9\-_.~$&+,/:;=@]"),
    "user": re.compile(rb"[^A-Za-z0-9\-_.~$&+,;=]"),
    "fragment": re.compile(rb"[^A-Za-z0-9\-_.~$&+,/:;=?@!()*]"),
}
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+\-.]*):")
_PORT: Final = re.compile(r"(?::[0-9]*)?\Z", re.ASCII)
_USERINFO: Final = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*\Z")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})?")


class UrlError(ValueError):
    """A text that is no URL; the message is Go's."""


class Url(msgspec.Struct):
    """The parts of a URL, decoded but for query and opaque part.

    Attributes:
        scheme: In lower case.
        user: User information with its escapes; None when there is none.
        host: Host and port.
        path: Path.
        query: What follows the question mark.
        opaque: The rest of a URL without slashes behind its scheme.
        fragment: What follows the number sign.
    """

    scheme: str = ""
    user: str | None = None
    host: str = ""
    path: str = ""
    query: str = ""
    opaque: str = ""
    fragment: str = ""

    def hostname(self) -> str:
        """The host without port and brackets."""
        host = self.host
        colon = host.rfind(":")
        if colon >= 0 and _PORT.match(host[colon:]):
            host = host[:colon]
        return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def parse_url(text: str) -> Url:
    """Takes a URL apart.

    Raises:
        UrlError: It is none.
    """
    before, _, fragment = text.partition("#")
    try:
        url = _parse(before)
    except UrlError as error:
        raise UrlError(f"parse {quote(before)}: {error}") from error
    try:
        url.fragment = _unescape(fragment, "fragment")
    except UrlError as error:
        raise UrlError(f"parse {quote(text)}: {error}") from error
    return url


def build_url(url: Url) -> str:
    """The URL of these parts."""
    shown = f"{url.scheme}:" if url.scheme else ""
    if url.opaque:
        shown += url.opaque
    else:
        if (url.scheme and url.path) or url.host or url.user is not None:
            user = "" if url.user is None else f"{url.user}@"
            shown += f"//{user}{_escape(url.host, 'host')}"
        path = "*" if url.path == "*" else _escape(url.path, "path")
        if path and path[0] != "/" and url.host:
            shown += "/"
        if not shown and ":" in path.partition("/")[0]:
            shown += "./"
        shown += path
    if url.query:
        shown += f"?{url.query}"
    if url.fragment:
        shown += f"#{_escape(url.fragment, 'fragment')}"
    return shown


def _parse(text: str) -> Url:
    if _CONTROL.search(text):
        raise UrlError("net/url: invalid control character in URL")
    if text == "*":
        return Url(path="*")
    if text.startswith(":"):
        raise UrlError("missing protocol scheme")
    url = Url()
    rest = text
    if match := _SCHEME.match(text):
        url.scheme, rest = lower(match[1]), text[match.end() :]
    rest, _, url.query = rest.partition("?")
    if not rest.startswith("/"):
        if url.scheme:
            url.opaque = rest
            return url
        if ":" in rest.partition("/")[0]:
            raise UrlError("first path segment in URL cannot contain colon")
    if rest.startswith("//") and (url.scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        rest = slash + path
        _parse_authority(url, authority)
    url.path = _unescape(rest, "path")
    return url


def _parse_authority(url: Url, authority: str) -> None:
    user, at, host = authority.rpartition("@")
    url.host = _parse_host(host)
    if not at:
        return
    if not _USERINFO.match(user):
        raise UrlError("net/url: invalid userinfo")
    name, colon, password = user.partition(":")
    shown = _escape(_unescape(name, "user"), "user")
    if colon:
        shown += f":{_escape(_unescape(password, 'user'), 'user')}"
    url.user = shown


def _parse_host(host: str) -> str:
    if not host.startswith("["):
        colon = host.rfind(":")
        if colon >= 0:
            _check_port(host[colon:])
        return _unescape(host, "host")
    end = host.rfind("]")
    if end < 0:
        raise UrlError("missing ']' in host")
    _check_port(host[end + 1 :])
    zone = host[:end].find("%25")
    if zone < 0:
        return _unescape(host, "host")
    return (
        _unescape(host[:zone], "host")
        + _unescape(host[zone:end], "zone")
        + _unescape(host[end:], "host")
    )


def _check_port(text: str) -> None:
    if not _PORT.match(text):
        raise UrlError(f"invalid port {quote(text)} after host")


def _unescape(text: str, part: str) -> str:
    if part in {"host", "zone"}:
        _check_host_signs(text, part)
    if "%" not in text:
        return text
    data = bytearray()
    last = 0
    for match in _ESCAPE.finditer(text):
        digits = match[1]
        if digits is None:
            raise UrlError(f"invalid URL escape {quote(text[match.start() : match.start() + 3])}")
        data += to_bytes(text[last : match.start()])
        data.append(int(digits, 16))
        last = match.end()
    data += to_bytes(text[last:])
    return to_text(bytes(data))


def _check_host_signs(text: str, part: str) -> None:
    """Hosts may not hold other signs, nor escapes of ASCII but for those of a zone."""
    for match in re.finditer(r"%(?:[0-9A-Fa-f]{2})?|[\x00-\x24\x26-\x7f]", text):
        found = match[0]
        if found[0] != "%":
            if _KEPT[part].match(found.encode()):
                raise UrlError(f"invalid character {quote(found)} in host name")
        elif len(found) > 1 and found != "%25":
            code = int(found[1:], 16)
            kept = code == 0x20 or not _KEPT["host"].match(bytes([code]))
            if (part == "host" and code < 0x80) or (part == "zone" and not kept):
                raise UrlError(f"invalid URL escape {quote(found)}")


def _escape(text: str, part: str) -> str:
    escaped = _KEPT[part].sub(lambda match: b"%%%02X" % match[0][0], to_bytes(text))
    return escaped.decode("ascii")


def url_parse(text: str) -> dict[str, Any]:
    """The parts of a URL by name.

    Raises:
        FunctionError: It is none.
    """
    try:
        url = parse_url(text)
    except UrlError as error:
        raise FunctionError(f"unable to parse url: {error}") from error
    return {
        "scheme": url.scheme,
        "host": url.host,
        "hostname": url.hostname(),
        "path": url.path,
        "query": url.query,
        "opaque": url.opaque,
        "fragment": url.fragment,
        "userinfo": url.user or "",
    }


def url_join(parts: dict[str, Any]) -> str:
    """The URL of parts by name.

    Raises:
        FunctionError: A part is not text, or the user information is wrong.
    """
    url = Url(
        scheme=_part(parts, "scheme"),
        host=_part(parts, "host"),
        path=_part(parts, "path"),
        query=_part(parts, "query"),
        opaque=_part(parts, "opaque"),
        fragment=_part(parts, "fragment"),
    )
    if userinfo := _part(parts, "userinfo"):
        try:
            url.user = parse_url(f"proto://{userinfo}@host").user
        except UrlError as error:
            raise FunctionError(f"unable to parse userinfo in dict: {error}") from error
    return build_url(url)


def _part(parts: dict[str, Any], name: str) -> str:
    if name not in parts:
        return ""
    value = parts[name]
    if isinstance(value, str):
        return value
    if value is None:
        raise FunctionError(NIL_DEREFERENCE)
    raise FunctionError(
        f"unable to parse {name} key, must be of type string, but {kind_name(value)} found"
    )


def functions() -> Mapping[str, Function]:
    """The functions by name."""
    return {
        "urlParse": Function(url_parse, (STRING,), result=MAP),
        "urlJoin": Function(url_join, (MAP,), result=STRING),
    }
