"""From a revision that a person wrote to a commit, by Argo CD's rules. Pure."""

from __future__ import annotations

from towline.errors import NotFoundError
from towline.git.refs import is_sha, is_short_sha
from towline.git.semver import best_match, parse_constraint
from towline.git.smart_http import RemoteRefs


def full_sha(revision: str) -> str | None:
    """The revision itself when it is a whole object id, in lower case."""
    lowered = revision.lower()
    return lowered if is_sha(lowered) else None


def resolve_ref(revision: str, refs: RemoteRefs) -> str | None:
    """The commit that the revision names among the refs, or None.

    A version constraint takes the highest tag that satisfies it; then come full ref names,
    branches, tags and `HEAD`.
    """
    constraint = parse_constraint(revision)
    if constraint is not None:
        tags = [name.removeprefix("refs/tags/") for name in refs if name.startswith("refs/tags/")]
        best = best_match(constraint, tags)
        if best is not None:
            return refs[f"refs/tags/{best}"].commit
    names = (revision,) if revision.startswith("refs/") else ()
    for name in (*names, f"refs/heads/{revision}", f"refs/tags/{revision}"):
        if name in refs:
            return refs[name].commit
    if revision == "HEAD" and "HEAD" in refs:
        return refs["HEAD"].commit
    return None


def may_be_short(revision: str) -> bool:
    """Whether the revision can only be the beginning of an object id."""
    return is_short_sha(revision)


def unresolved(revision: str) -> NotFoundError:
    """The error for a revision that names nothing."""
    return NotFoundError(f"unable to resolve '{revision}' to a commit SHA")
