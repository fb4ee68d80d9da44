"""Repository URLs as Argo CD compares them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

_SCP_FORM: Final = re.compile(r"^(?:[\w.-]+@)?([\w.-]+):(?!//|\d+/)(.+)$")


def normalize_url(url: str) -> str:
    """One spelling for all forms of a repository URL: `scheme://host/path`, no user, no `.git`."""
    text = url.strip().lower()
    scp = _SCP_FORM.match(text)
    if scp and "://" not in text:
        text = f"ssh://{scp[1]}/{scp[2]}"
    scheme, separator, rest = text.partition("://")
    if separator:
        host, slash, path = rest.partition("/")
        text = f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
    return text.rstrip("/").removesuffix(".git")


def same_place(url: str, web_url: str) -> bool:
    """Whether a source's URL is the repository that a forge shows at a web URL.

    Scheme, user, port and the `.git` suffix do not count; host and path do.
    """
    return _place(url) == _place(web_url) != ("", "")


def touched(
    url: str, revision: str, *, repository: Iterable[str], ref: str, default_branch: str
) -> bool:
    """Whether a push concerns a source.

    Args:
        url: The source's repository.
        revision: The source's target revision.
        repository: URLs of the repository that was pushed to.
        ref: The ref that moved, in full.
        default_branch: Name of the default branch, or empty.
    """
    if not any(same_place(url, one) for one in repository):
        return False
    short = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    if revision in {"", "HEAD"}:
        return not default_branch or short == default_branch
    if revision.removeprefix("refs/heads/").removeprefix("refs/tags/") == short:
        return True
    # A tag may satisfy a version constraint; whether it does is found out by resolving it again.
    return ref.startswith("refs/tags/") and any(sign in revision for sign in "*^~<>=|xX")


def _place(url: str) -> tuple[str, str]:
    text = url.strip()
    scp = _SCP_FORM.match(text)
    if scp and "://" not in text:
        host, path = scp[1], scp[2]
    else:
        try:
            parts = urlsplit(text if "://" in text else f"//{text}")
            host, path = parts.hostname or "", parts.path
        except ValueError:
            return "", ""
    host = host.lower().removeprefix("altssh.").removeprefix("ssh.")
    return host, path.strip("/").lower().removesuffix(".git")
