"""From a URL path to what is meant by it. Pure."""

from __future__ import annotations

from urllib.parse import unquote

from towline.drydock.registry import Kinds, Target

_NAMESPACE_PARTS = frozenset({"status", "finalize"})


def segments(raw_path: bytes) -> tuple[str, ...]:
    """The decoded segments of a path, without empty ones at the ends."""
    parts = raw_path.decode("latin-1").strip("/").split("/")
    if b"%" in raw_path:
        parts = [unquote(part) for part in parts]
    return tuple(parts)


def group_version(path: tuple[str, ...]) -> tuple[str, str, tuple[str, ...]] | None:
    """Group, version and the rest of a path below `/api` or `/apis`."""
    if path[0] == "api" and len(path) >= 2:
        return "", path[1], path[2:]
    if path[0] == "apis" and len(path) >= 3:
        return path[1], path[2], path[3:]
    return None


def resolve(kinds: Kinds, group: str, version: str, rest: tuple[str, ...]) -> Target | None:
    """What the rest of a path names; None when no such resource is served."""
    namespace = ""
    scoped = len(rest) >= 3 and rest[0] == "namespaces" and rest[2] not in _NAMESPACE_PARTS
    if scoped:
        namespace, rest = rest[1], rest[2:]
    if not rest:
        return None
    kind = kinds.served(group, version, rest[0])
    if kind is None or (scoped and not kind.namespaced):
        return None
    name = rest[1] if len(rest) > 1 else ""
    if name and kind.namespaced and not namespace:
        return None
    return Target(kind, namespace, name, "/".join(rest[2:]))
