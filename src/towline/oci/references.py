"""Image references as Docker reads them."""

from __future__ import annotations

import re

import msgspec

from towline.errors import InputError

DOCKER_HUB = "docker.io"
_HUB_NAMES = {
    "docker.io",
    "index.docker.io",
    "registry.hub.docker.com",
    "registry-1.docker.io",
}
_HOST = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
    r"(?::[0-9]{1,5})?|\[[0-9a-fA-F:]+\](?::[0-9]{1,5})?"
)
_PART = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}")
_MOST = 255


class ImageReference(msgspec.Struct, frozen=True, kw_only=True):
    """A reference with every default filled in.

    Attributes:
        registry: Host, with port if it has one; Docker Hub is `docker.io`.
        repository: Path in the registry, such as `library/python`.
        tag: Tag; empty when only a digest is given.
        digest: `sha256:...`, or empty.
    """

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """Registry and repository."""
        return f"{self.registry}/{self.repository}"

    @property
    def suffix(self) -> str:
        """Tag and digest as they are written after the name."""
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    def __str__(self) -> str:
        return self.name + self.suffix


def parse_reference(text: str) -> ImageReference:
    """Reads a reference such as `python`, `user/app:1` or `host:5000/a/b@sha256:...`.

    Raises:
        InputError: It is not one; says which part.
    """
    if not text or text != text.strip() or len(text) > 2 * _MOST:
        raise InputError(f"{text!r} is not an image reference", field="image")
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise InputError(f"{text!r} has a malformed digest", field="image")
    registry, repository, tag = _split(rest)
    if not _HOST.fullmatch(registry):
        raise InputError(f"{text!r} has a malformed registry host", field="image")
    if not all(map(_PART.fullmatch, repository.split("/"))) or len(repository) > _MOST:
        hint = "repository names are lower case" if repository != repository.lower() else ""
        raise InputError(f"{text!r} has a malformed repository name", field="image", hint=hint)
    if tag is not None and not _TAG.fullmatch(tag):
        raise InputError(f"{text!r} has a malformed tag", field="image")
    return ImageReference(
        registry=registry,
        repository=repository,
        tag=tag or ("" if digest else "latest"),
        digest=digest,
    )


def registry_host(host: str) -> str:
    """The registry behind a host name: Docker Hub's many names are `docker.io`."""
    return DOCKER_HUB if host.lower() in _HUB_NAMES else host


def _split(rest: str) -> tuple[str, str, str | None]:
    first, slash, path = rest.partition("/")
    if not slash or not _is_host(first):
        first, path = DOCKER_HUB, rest
    repository, colon, tag = path.partition(":")
    registry = registry_host(first)
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return registry, repository, tag if colon else None


def _is_host(word: str) -> bool:
    return "." in word or ":" in word or word == "localhost" or word != word.lower()
