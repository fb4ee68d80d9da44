"""GitHub's webhooks, also in the form in which Gitea and Forgejo send them. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import msgspec

from towline.errors import InputError
from towline.forge.commits import ListedCommit, files_of
from towline.forge.events import PushEvent
from towline.forge.forms import payload_of
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
    hmac_match,
    is_digest,
)

_PREFIX = "sha256="
_MAX_COMMITS = 2048


class _Repository(msgspec.Struct):
    full_name: FullName
    clone_url: Url | None = None
    html_url: Url | None = None
    ssh_url: Url | None = None
    git_url: Url | None = None
    default_branch: Name | None = None
    pushed_at: float | str | None = None


class _Pusher(msgspec.Struct):
    name: Name | None = None
    login: Name | None = None


class _Push(msgspec.Struct):
    ref: RefName
    before: ObjectId
    after: ObjectId
    repository: _Repository
    created: bool = False
    deleted: bool = False
    forced: bool = False
    commits: list[ListedCommit] | None = None
    head_commit: ListedCommit | None = None
    pusher: _Pusher | None = None


class GitHubHooks:
    """The dialect of GitHub.

    Args:
        name: Name of the provider.
        event_header: Header with the name of the event, lower case.
        delivery_header: Header with the delivery id.
        signature_header: Header with the HMAC-SHA256.
        prefix: What stands before the hexadecimal digits of the signature.
    """

    def __init__(
        self,
        name: str = "github",
        *,
        event_header: str = "x-github-event",
        delivery_header: str = "x-github-delivery",
        signature_header: str = "x-hub-signature-256",
        prefix: str = _PREFIX,
    ) -> None:
        self._name = name
        self._event_header = event_header
        self._delivery_header = delivery_header
        self._signature_header = signature_header
        self._prefix = prefix

    @property
    def name(self) -> str:
        """Name of the provider."""
        return self._name

    def claims(self, headers: Mapping[str, str]) -> bool:
        """Whether the request looks as if it came from such a forge."""
        return self._event_header in headers

    def signed(self, headers: Mapping[str, str]) -> bool:
        """Whether there is a well-formed SHA-256 signature; SHA-1 does not count."""
        return bool(self._digest(headers))

    def verify(
        self, secrets: Sequence[Hook], headers: Mapping[str, str], body: bytes
    ) -> Hook | None:
        """The hook whose secret signed the raw body, or None."""
        digest = self._digest(headers)
        return hmac_match(secrets, digest, body) if digest else None

    def delivery_id(self, headers: Mapping[str, str]) -> str:
        """The id under which a redelivery is recognised.

        Raises:
            InputError: It is missing or malformed.
        """
        return checked_delivery_id(headers.get(self._delivery_header, ""))

    def parse_push(self, headers: Mapping[str, str], body: bytes) -> PushEvent | None:
        """The push, or None for other events.

        Args:
            headers: By lower-case name; the content type says whether the body is a form.
            body: As it was sent.

        Raises:
            InputError: The body is not what the forge sends.
        """
        body = payload_of(headers, body)
        if headers.get(self._event_header) != "push":
            decode(body, Ignored)
            return None
        push = decode(body, _Push)
        repository = push.repository
        urls = (
            repository.clone_url,
            repository.html_url,
            repository.ssh_url,
            repository.git_url,
        )
        return PushEvent(
            repository=tuple(dict.fromkeys(url for url in urls if url)),
            full_name=repository.full_name,
            ref=checked_ref(push.ref),
            before=push.before,
            after=push.after,
            default_branch=repository.default_branch or "",
            pusher=_pusher(push),
            message=first_line(push.head_commit.message if push.head_commit else ""),
            changed_files=_changed_files(push),
            pushed_at=_push_time(repository.pushed_at),
        )

    def _digest(self, headers: Mapping[str, str]) -> str:
        value = headers.get(self._signature_header, "")
        digest = value.removeprefix(self._prefix)
        if self._prefix and digest == value:
            return ""
        return digest if is_digest(digest) else ""


GITHUB = GitHubHooks()
GITEA = GitHubHooks(
    "gitea",
    event_header="x-gitea-event",
    delivery_header="x-gitea-delivery",
    signature_header="x-gitea-signature",
    prefix="",
)


def _pusher(push: _Push) -> str:
    return (push.pusher.name or push.pusher.login or "") if push.pusher else ""


def _changed_files(push: _Push) -> tuple[str, ...] | None:
    """The files, or None when the listed commits may not be all that changed."""
    zero = set(push.before) == {"0"} or set(push.after) == {"0"}
    if push.created or push.deleted or push.forced or zero or push.commits is None:
        return None
    if not push.commits or len(push.commits) >= _MAX_COMMITS:
        return None
    # The head is listed last; when it is missing, the list was cut.
    if push.commits[-1].id != push.after:
        return None
    return files_of(push.commits)


def _push_time(moment: float | str | None) -> str:
    """The time of the push: GitHub sends seconds, others a date; the commit's time is not it."""
    if not moment:
        return ""
    try:
        if isinstance(moment, str):
            at = dt.datetime.fromisoformat(moment).astimezone(dt.UTC)
        else:
            at = dt.datetime.fromtimestamp(moment, dt.UTC)
    except (ValueError, OverflowError, OSError):
        raise InputError("not a time", field="repository.pushed_at") from None
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
