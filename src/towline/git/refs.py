"""Names inside a repository: refs, object ids and the revisions that people write. Pure."""

from __future__ import annotations

import re

from towline.errors import InputError

ZERO = "0" * 40
"""The object id that stands for "no object" in pushes."""

_SHA = re.compile(r"\A[0-9a-f]{40}\Z")
_SHORT = re.compile(r"\A[0-9a-fA-F]{7,39}\Z")
_BAD_CHARACTERS = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]")
_BAD_REVISION = re.compile(r"[\x00-\x1f\x7f\\]")
_MAX_LENGTH = 1024
_MAX_REVISION = 256


def is_sha(text: str) -> bool:
    """Whether the text is a full object id in lower case."""
    return _SHA.match(text) is not None


def is_short_sha(text: str) -> bool:
    """Whether the text can be the beginning of an object id (7 to 39 digits)."""
    return _SHORT.match(text) is not None


def is_ref_name(name: str) -> bool:
    """Whether git would accept the full ref name (the rules of check-ref-format)."""
    if not name or len(name) > _MAX_LENGTH or "/" not in name:
        return False
    if name.startswith(("-", "/")) or name.endswith(("/", ".")):
        return False
    if ".." in name or "@{" in name or "//" in name or _BAD_CHARACTERS.search(name):
        return False
    parts = name.split("/")
    return not any(part.startswith(".") or part.endswith(".lock") for part in parts)


def is_branch_name(name: str) -> bool:
    """Whether the name can be a branch."""
    return not name.startswith("-") and name != "HEAD" and is_ref_name(f"refs/heads/{name}")


def checked_branch(name: str, *, field: str = "branch") -> str:
    """The name itself.

    Raises:
        InputError: It cannot be a branch name.
    """
    if not is_branch_name(name):
        raise InputError(f"not a valid branch name: {name[:80]!r}", field=field)
    return name


def checked_revision(text: str, *, field: str = "targetRevision") -> str:
    """The revision without surrounding space; empty means `HEAD`.

    Raises:
        InputError: It could be taken for an option, or holds characters no revision has.
    """
    text = text.strip()
    if text.startswith("-"):
        raise InputError("a revision must not start with '-'", field=field)
    if len(text) > _MAX_REVISION or _BAD_REVISION.search(text):
        raise InputError("not a valid revision", field=field)
    return text or "HEAD"
