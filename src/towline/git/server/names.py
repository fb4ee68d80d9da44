"""Names of hosted repositories: `OWNER/NAME`, in any case, never a path. Pure."""

from __future__ import annotations

import re

from towline.errors import InputError

_PART = re.compile(r"\A[A-Za-z0-9_][A-Za-z0-9._-]{0,99}\Z")
_RESERVED_ENDINGS = (".git", ".lock", ".")


def checked_full_name(text: str) -> str:
    """The name itself, `OWNER/NAME`.

    Raises:
        InputError: It cannot name a repository.
    """
    owner, slash, name = text.partition("/")
    if not slash or not (_valid(owner) and _valid(name)):
        raise InputError(f"not a valid repository name: {text[:80]!r}", field="repository")
    return text


def _valid(part: str) -> bool:
    lowered = part.lower()
    return bool(_PART.match(part)) and ".." not in part and not lowered.endswith(_RESERVED_ENDINGS)
