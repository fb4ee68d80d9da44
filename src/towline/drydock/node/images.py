"""Image references, pull policies and pull credentials. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from towline.drydock.cluster import Obj

_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?P<name>(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\d+)?/)?{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}))?(?:@(?P<digest>[a-z0-9]+:[0-9a-fA-F]{32,}))?"
)
_LONGEST = 512
_HUB_HOSTS = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


class ImageInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An image in the node's storage.

    Attributes:
        id: Identifier of its configuration, hexadecimal.
        digests: `NAME@sha256:...` for each repository from which it came.
        entrypoint: Program of the image.
        command: Default arguments.
        user: User of the image, as written there.
        working_dir: Directory of the image.
        stop_signal: Signal that ends it; empty for TERM.
        size: Bytes.
    """

    id: str
    digests: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    stop_signal: str = ""
    size: int = 0

    def identity(self, reference: str) -> str:
        """The image as a pod's status names it: by the digest that the registry knows it under.

        Args:
            reference: The full reference that the pod asked for.
        """
        name, at, _ = reference.partition("@")
        repository = name if at else name.rpartition(":")[0]
        for digest in self.digests:
            if digest.partition("@")[0] == repository:
                return digest
        return self.digests[0] if self.digests else self.id


def full_reference(image: str) -> str:
    """The reference with host, repository and tag: `flask:1` is `docker.io/library/flask:1`.

    Returns:
        The full reference, or an empty string when the text is not a reference.
    """
    match = _REFERENCE.fullmatch(image) if len(image) <= _LONGEST else None
    if match is None:
        return ""
    name, tag, digest = match["name"], match["tag"], match["digest"]
    host, slash, rest = name.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        host, rest = "docker.io", name
    if host in _HUB_HOSTS:
        host = "docker.io"
        rest = rest if "/" in rest else f"library/{rest}"
    if not rest or rest != rest.lower():
        return ""
    if digest:
        return f"{host}/{rest}@{digest}"
    return f"{host}/{rest}:{tag or 'latest'}"


def host_of(reference: str) -> str:
    """The registry of a full reference."""
    return reference.partition("/")[0]


def pull_policy(container: Obj) -> str:
    """Always, IfNotPresent or Never; Always by default for the tag `latest`."""
    policy = container.get("imagePullPolicy")
    if policy:
        return str(policy)
    reference = full_reference(container.get("image") or "")
    return "Always" if reference.endswith(":latest") else "IfNotPresent"


class Credentials(msgspec.Struct, frozen=True):
    """A user's name and password at a registry."""

    username: str
    password: str


def credentials_for(reference: str, secrets: Iterable[Obj]) -> Credentials | None:
    """The first entry of the pull secrets that fits a full reference; the longest path wins."""
    best: tuple[int, Credentials] | None = None
    repository = reference.partition("@")[0]
    for secret in secrets:
        for server, entry in _auths(secret).items():
            place = _place(server)
            fits = repository == place or repository.startswith((f"{place}/", f"{place}:"))
            found = _entry(entry) if fits and place else None
            if found is not None and (best is None or len(place) > best[0]):
                best = (len(place), found)
    return best[1] if best else None


def _auths(secret: Obj) -> dict[str, Any]:
    """The servers of a secret of either docker form; nothing when it cannot be read."""
    data = secret.get("data") or {}
    try:
        if text := data.get(".dockerconfigjson"):
            body = msgspec.json.decode(base64.b64decode(text))
            auths = body.get("auths") if isinstance(body, dict) else None
            return auths if isinstance(auths, dict) else {}
        if text := data.get(".dockercfg"):
            body = msgspec.json.decode(base64.b64decode(text))
            return body if isinstance(body, dict) else {}
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return {}
    return {}


def _place(server: str) -> str:
    """Host and path of an entry: scheme, API path and Docker Hub's other names are dropped."""
    text = re.sub(r"^https?://", "", server).rstrip("/")
    text = re.sub(r"/v[12]$", "", text)
    host, slash, rest = text.partition("/")
    return f"{'docker.io' if host in _HUB_HOSTS else host}{slash}{rest}"


def _entry(entry: Any) -> Credentials | None:
    if not isinstance(entry, dict):
        return None
    if entry.get("username") is not None and entry.get("password") is not None:
        return Credentials(str(entry["username"]), str(entry["password"]))
    try:
        user, colon, password = base64.b64decode(entry.get("auth") or "").decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return Credentials(user, password) if colon else None
