"""GitLab's push and tag webhooks. Pure.

GitLab sends the secret itself in a header: it proves the sender, not the body.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence

import msgspec

from towline.forge.commits import ListedCommit, files_of
from towline.forge.events import PushEvent
from towline.forge.hooks import (
    FullName,
    Hook,
    Ignored,
    Name,
    ObjectId,
    RefName,
    Url,
    checked_delivery_id,
    checked_ref,
    decode,
    first_line,
)

_EVENTS = {"Push Hook", "Tag Push Hook"}
_LISTED_COMMITS = 20


class _Project(msgspec.Struct):
    path_with_namespace: FullName
    web_url: Url | None = None
    git_http_url: Url | None = None
    git_ssh_url: Url | None = None
    default_branch: Name | None = None


class _Push(msgspec.Struct):
    ref: RefName
    before: ObjectId
    after: ObjectId
    project: _Project
    user_username: Name | None = None
    total_commits_count: int = 0
    commits: list[ListedCommit] | None = None


class GitLabHooks:
    """The dialect of GitLab."""

    @property
    def name(self) -> str:
        """Name of the provider."""
        return "gitlab"

    def claims(self, headers: Mapping[str, str]) -> bool:
        """Whether the request looks as if it came from GitLab."""
        return "x-gitlab-event" in headers

    def signed(self, headers: Mapping[str, str]) -> bool:
        """Whether there is a token."""
        return bool(headers.get("x-gitlab-token"))

    def verify(
        self, secrets: Sequence[Hook], headers: Mapping[str, str], body: bytes
    ) -> Hook | None:
        """The hook whose secret the token is, among those whose repository the body names."""
        token = headers.get("x-gitlab-token", "").encode("latin-1", "replace")
        lowered = body.lower()
        found: Hook | None = None
        for hook in secrets:
            if not hook.secret or not hmac.compare_digest(hook.secret, token):
                continue
            if found is None and hook.full_name.lower().encode() in lowered:
                found = hook
        return found

    def delivery_id(self, headers: Mapping[str, str]) -> str:
        """The id under which a redelivery is recognised.

        Raises:
            InputError: It is missing or malformed.
        """
        return checked_delivery_id(
            headers.get("idempotency-key") or headers.get("x-gitlab-event-uuid", "")
        )

    def parse_push(self, headers: Mapping[str, str], body: bytes) -> PushEvent | None:
        """The push, or None for other events.

        Raises:
            InputError: The body is not what GitLab sends.
        """
        if headers.get("x-gitlab-event") not in _EVENTS:
            decode(body, Ignored)
            return None
        push = decode(body, _Push)
        project = push.project
        urls = (project.git_http_url, project.web_url, project.git_ssh_url)
        return PushEvent(
            repository=tuple(dict.fromkeys(url for url in urls if url)),
            full_name=project.path_with_namespace,
            ref=checked_ref(push.ref),
            before=push.before,
            after=push.after,
            default_branch=project.default_branch or "",
            pusher=push.user_username or "",
            message=first_line(push.commits[-1].message if push.commits else ""),
            changed_files=_changed_files(push),
        )


GITLAB = GitLabHooks()


def _changed_files(push: _Push) -> tuple[str, ...] | None:
    """The files, or None: GitLab lists 20 commits and does not tell a rewrite from an advance."""
    commits = push.commits or []
    if set(push.before) == {"0"} or set(push.after) == {"0"}:
        return None
    if not commits or len(commits) >= _LISTED_COMMITS or len(commits) != push.total_commits_count:
        return None
    return files_of(commits)
