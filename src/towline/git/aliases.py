"""Where repositories really are: prefixes and host names that stand for others. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from towline.git.urls import RepoURL


def resolve_alias(url: RepoURL, aliases: Mapping[str, str]) -> str:
    """The URL to use instead.

    A key with `://` is an URL prefix, the longest one wins; any other key is a host name that
    matches every scheme and login. The value takes the place of the prefix, or of everything before
    the path.

    Args:
        url: What was asked for.
        aliases: Key to replacement.

    Returns:
        The URL's text, unchanged when nothing matches.
    """
    text = str(url)
    prefixes = [key for key in aliases if "://" in key and _is_prefix(key, text)]
    if prefixes:
        best = max(prefixes, key=len)
        return _joined(aliases[best], text[len(best) :])
    target = aliases.get(url.host) or aliases.get(url.authority)
    return _joined(target, url.path) if target and url.host else text


def _is_prefix(prefix: str, text: str) -> bool:
    """Whole path segments only: `https://h/a` is no prefix of `https://h/ab`."""
    if not text.lower().startswith(prefix.lower()):
        return False
    rest = text[len(prefix) :]
    return prefix.endswith("/") or rest[:1] in {"", "/"} or rest == ".git"


def _joined(base: str, rest: str) -> str:
    if rest == ".git" or not rest:
        return base.rstrip("/") + rest
    return f"{base.rstrip('/')}/{rest.lstrip('/')}"
