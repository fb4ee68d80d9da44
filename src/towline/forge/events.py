"""What a forge tells us, reduced to the facts that may be acted upon."""

from __future__ import annotations

import msgspec


class PushEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A ref of a repository moved.

    It is a hint that the ref may have changed: whoever acts reads the ref's present head.

    Attributes:
        repository: URLs by which the repository may be known (clone and web URLs), as sent.
        full_name: `OWNER/NAME`.
        ref: Full ref name, `refs/heads/main` or `refs/tags/v1`.
        before: Old commit id, all zeros for a new ref.
        after: New commit id, all zeros for a deleted ref.
        default_branch: Name of the default branch, or an empty string.
        pusher: Name of who pushed, for display only.
        message: First line of the head commit's message, for display only.
        changed_files: Paths added, modified or removed; None when the forge did not say.
        pushed_at: RFC 3339 time of the push as far as the forge says, else an empty string.
    """

    repository: tuple[str, ...]
    full_name: str
    ref: str
    before: str
    after: str
    default_branch: str = ""
    pusher: str = ""
    message: str = ""
    changed_files: tuple[str, ...] | None = None
    pushed_at: str = ""

    @property
    def branch(self) -> str:
        """The branch name, or an empty string for other refs."""
        return self.ref.removeprefix("refs/heads/") if self.ref.startswith("refs/heads/") else ""

    @property
    def deleted(self) -> bool:
        """Whether the ref was deleted."""
        return set(self.after) == {"0"}
