"""Addresses of remote bases: which entries of `resources` are repositories, and their parts."""

from __future__ import annotations

import posixpath
import re
from typing import Final
from urllib.parse import parse_qs

import msgspec

_SCHEMES: Final = ("ssh://", "https://", "http://", "file://")
_USER: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9-]*)@")
_GIT_ROOT: Final = "_git/"
_MANIFESTS: Final = (".yaml", ".yml", ".json")


class RemoteBase(msgspec.Struct, frozen=True):
    """A folder of a repository.

    Attributes:
        raw: The address as written.
        repository: Address of the repository.
        path: The folder within it.
        ref: Branch, tag or commit; empty for the default branch.
    """

    raw: str
    repository: str
    path: str
    ref: str


def is_remote_file(path: str) -> bool:
    """Whether the path is an address of a file on the web."""
    return path.lower().startswith(("http://", "https://"))


def is_repository(address: str) -> bool:
    """Whether an address on the web is of a folder in a repository, not of a manifest file."""
    path, _, query = address.partition("?")
    name = path.rsplit("/", 1)[-1]
    marked = any(mark in path.partition("://")[2] for mark in ("//", ".git", _GIT_ROOT))
    return marked or "ref=" in query or not name.lower().endswith(_MANIFESTS)


def remote_base(address: str) -> RemoteBase | None:
    """The repository that an entry names; None when it is a path of the local tree."""
    if address.startswith("/"):
        return None
    text, _, query = address.partition("?")
    parsed = _host(text)
    if parsed is None:
        return None
    host, rest = parsed
    split = _split(rest, whole=host.startswith("file://"))
    if split is None or not split[0]:
        return None
    repository, path = split
    if posixpath.normpath(path.removeprefix("/")).split("/")[0] == "..":
        return None
    values = parse_qs(query)
    ref = (values.get("ref") or values.get("version") or [""])[0]
    return RemoteBase(address, host + repository, path.removeprefix("/"), ref)


def _host(text: str) -> tuple[str, str] | None:
    if text[:5].lower() == "git::":
        text = text[5:]
    scheme = next((each for each in _SCHEMES if text.lower().startswith(each)), "")
    text = text[len(scheme) :]
    match = _USER.match(text)
    user = match.group() if match else ""
    text = text[len(user) :]
    github = text.lower().startswith(("github.com/", "github.com:"))
    short = not scheme and bool(user or github)
    if not scheme and not short:
        return None
    if scheme == "file://":
        return scheme, user + text
    end = text.find("/")
    if short:
        colon = text.find(":")
        if end == -1 or 0 < colon < end:
            end = colon
    host, rest = (text[: end + 1], text[end + 1 :]) if end >= 0 else (text, "")
    if github:
        ssh = scheme.startswith("ssh") or bool(user)
        scheme, user, host = ("", user, "github.com:") if ssh else ("https://", "", "github.com/")
    return (scheme + user + host, rest) if host else None


def _split(text: str, *, whole: bool) -> tuple[str, str] | None:
    if _GIT_ROOT in text:
        start = text.index(_GIT_ROOT) + len(_GIT_ROOT)
        name, _, path = text[start:].partition("/")
        return text[:start] + name, path
    if "//" in text:
        repository, _, path = text.partition("//")
        return repository, path
    if ".git" in text:
        end = text.index(".git") + len(".git")
        return text[:end], text[end:]
    if whole:
        return text, ""
    segments = text.split("/")
    return ("/".join(segments[:2]), "/".join(segments[2:])) if len(segments) > 1 else None
