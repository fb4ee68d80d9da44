"""The body and headers of the push webhook that the local forge sends: GitHub's shape. Pure."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import uuid
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

ZERO = "0" * 40

_NAMESPACE = uuid.UUID("6f0c0d54-6a5e-5b6c-9a53-7b1f3f0c2b11")
# What a body may hold, so that it fits through the intake whatever the characters are.
_MAX_PATHS = 150_000
_MAX_MESSAGE = 2000
_MAX_NAME = 200


class CommitView(Protocol):
    """What the payload tells about a commit."""

    @property
    def id(self) -> str: ...  # noqa: D102  # the field's own name
    @property
    def tree(self) -> str: ...  # noqa: D102
    @property
    def message(self) -> str: ...  # noqa: D102
    @property
    def author(self) -> str: ...  # noqa: D102
    @property
    def email(self) -> str: ...  # noqa: D102
    @property
    def committer(self) -> str: ...  # noqa: D102
    @property
    def committed_at(self) -> int: ...  # noqa: D102
    @property
    def added(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def modified(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def removed(self) -> tuple[str, ...]: ...  # noqa: D102


class RefChange(msgspec.Struct, frozen=True, kw_only=True):
    """A ref that a subscriber has to hear about.

    Attributes:
        full_name: `OWNER/NAME`.
        ref: Full ref name.
        before: What the subscriber was told last; zeros for a new ref.
        after: What it is now; zeros for a deleted ref.
        serial: How often the ref had moved; tells two equal moves apart.
        pushed_at: When it moved, seconds since 1970; 0.0 when unknown.
        forced: Whether `after` does not contain `before`.
        pusher: Who pushed.
        default_branch: The repository's default branch.
    """

    full_name: str
    ref: str
    before: str
    after: str
    serial: int = 0
    pushed_at: float = 0.0
    forced: bool = False
    pusher: str = ""
    default_branch: str = ""


def delivery_id(change: RefChange) -> str:
    """The same for the same change, however often it is sent."""
    parts = (
        change.full_name.lower(),
        change.ref,
        change.before,
        change.after,
        str(change.serial),
    )
    return str(uuid.uuid5(_NAMESPACE, "\n".join(parts)))


def signature(secret: bytes, body: bytes) -> str:
    """The value of `X-Hub-Signature-256`."""
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def push_headers(change: RefChange, secret: bytes, body: bytes) -> dict[str, str]:
    """The headers of the webhook."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/towline",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": delivery_id(change),
        "X-Hub-Signature-256": signature(secret, body),
    }


def push_body(
    change: RefChange, commits: Sequence[CommitView], base_url: str, *, complete: bool = True
) -> bytes:
    """The JSON body.

    Args:
        change: What moved.
        commits: The new commits, oldest first; the last one is the head.
        base_url: Where repositories are served, without a slash at the end.
        complete: Whether these are all the new commits; otherwise no paths are told.
    """
    web_url = f"{base_url}/{change.full_name}"
    owner, _, name = change.full_name.partition("/")
    listed = [_commit(commit, web_url) for commit in commits]
    paths = sum(len(path) + 3 for c in commits for path in (*c.added, *c.modified, *c.removed))
    if paths > _MAX_PATHS or not complete:
        listed = [{**entry, "added": None, "modified": None, "removed": None} for entry in listed]
    pusher = {"name": change.pusher or (commits[-1].committer if commits else "")}
    return msgspec.json.encode(
        {
            "ref": change.ref,
            "before": change.before,
            "after": change.after,
            "created": change.before == ZERO,
            "deleted": change.after == ZERO,
            "forced": change.forced,
            "base_ref": None,
            "compare": f"{web_url}/compare/{change.before[:12]}...{change.after[:12]}",
            "commits": listed,
            "head_commit": listed[-1] if listed else None,
            "repository": {
                "name": name,
                "full_name": change.full_name,
                "owner": {"name": owner, "login": owner},
                "private": True,
                "html_url": web_url,
                "url": web_url,
                "clone_url": f"{web_url}.git",
                "default_branch": change.default_branch,
                "master_branch": change.default_branch,
                "pushed_at": round(change.pushed_at, 3) or None,
            },
            "pusher": pusher,
            "sender": {"login": pusher["name"]},
        }
    )


def _commit(commit: CommitView, web_url: str) -> dict[str, Any]:
    moment = dt.datetime.fromtimestamp(commit.committed_at, dt.UTC)
    return {
        "id": commit.id,
        "tree_id": commit.tree,
        "distinct": True,
        "message": commit.message[:_MAX_MESSAGE],
        "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "url": f"{web_url}/commit/{commit.id}",
        "author": {"name": commit.author[:_MAX_NAME], "email": commit.email[:_MAX_NAME]},
        "committer": {"name": commit.committer[:_MAX_NAME]},
        "added": list(commit.added),
        "modified": list(commit.modified),
        "removed": list(commit.removed),
    }
