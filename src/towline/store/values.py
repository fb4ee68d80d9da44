"""What the store hands out: frozen values, times in UTC."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook that was accepted.

    Attributes:
        id: Row number, in order of arrival.
        event: The event as JSON, as the intake handed it in.
        processed_at: When it was acted upon, None while it is pending.
        outcome: What came of it, for people; empty while it is pending.
    """

    id: int
    provider: str
    hook: str
    delivery_id: str
    body_sha256: str
    event: bytes
    received_at: dt.datetime
    processed_at: dt.datetime | None = None
    outcome: str = ""


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is asked for.

    Attributes:
        pipeline: `NAMESPACE/NAME` of the Pipeline.
        job: Jenkins job name.
        trigger: `push`, `poll`, `upstream`, `manual` or `replay`.
        ref: Full ref, or an empty string for the default branch.
        commit: Commit id, or an empty string when it is pinned at the start.
        parameters: Build parameters given.
        key: A run with the same key exists at most once; empty for no such bound.
        parent_run: Run that started it, or an empty string.
        parent_step: Step of that run.
        delivery: Row of the delivery that caused it, or None.
        cause: One line for people.
    """

    pipeline: str
    job: str
    trigger: str
    ref: str = ""
    commit: str = ""
    parameters: dict[str, str] = {}
    key: str = ""
    parent_run: str = ""
    parent_step: str = ""
    delivery: int | None = None
    cause: str = ""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a pipeline.

    Attributes:
        number: Build number, from 1, never used twice for a pipeline.
        state: `queued`, `running` or `finished`.
        result: `SUCCESS`, `UNSTABLE`, `FAILURE`, `NOT_BUILT`, `ABORTED`; empty until finished.
        error: Why it failed, for people, secrets masked.
        attempts: How often it was started (more than once after a crash).
        cancel: Whether somebody asked for it to be stopped.
    """

    id: str
    pipeline: str
    job: str
    number: int
    trigger: str
    ref: str
    commit: str
    parameters: dict[str, str]
    state: str
    result: str
    error: str
    key: str
    parent_run: str
    parent_step: str
    delivery: int | None
    cause: str
    attempts: int
    cancel: bool
    created_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded effect of a run.

    Attributes:
        request: Digest of what was asked; a record with another digest is not reused.
        result: The result as JSON builtins, None until finished.
    """

    run: str
    step_id: str
    kind: str
    request: str
    result: Any
    started_at: dt.datetime
    finished_at: dt.datetime | None


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage of a run. `status`: running, success, unstable, failure, aborted, skipped."""

    run: str
    stage_id: str
    name: str
    status: str
    message: str
    started_at: dt.datetime
    finished_at: dt.datetime | None


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """An image that a run pushed. `stored` is where it really is, without scheme."""

    run: str
    reference: str
    stored: str
    digest: str
    pushed_at: dt.datetime


class ManifestCommit(msgspec.Struct, frozen=True, kw_only=True):
    """A commit that a run pushed. `repository` is a URL without credentials."""

    run: str
    repository: str
    ref: str
    commit: str
    pushed_at: dt.datetime


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Something reached a point at a time, such as a commit its `build`."""

    subject: str
    name: str
    at: dt.datetime
    detail: str = ""


class LineageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A subject and its marks by name."""

    subject: str
    marks: dict[str, Mark]


class HookSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook secret, opened. The secret does not show in `repr`."""

    hook_id: str
    provider: str
    full_name: str
    url: str
    secret: bytes

    def __repr__(self) -> str:
        return f"HookSecret({self.hook_id!r}, {self.full_name!r}, {self.url!r}, ****)"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may log in. `password_hash` is an encoded argon2id hash."""

    name: str
    password_hash: str
    role: str
    disabled: bool
    created_at: dt.datetime


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A login or an API token. `id_hash` is the SHA-256 of what the client holds."""

    id_hash: str
    account: str
    kind: str
    name: str
    created_at: dt.datetime
    seen_at: dt.datetime
    expires_at: dt.datetime


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit log; `hash` covers the record and the hash before it."""

    seq: int
    at: dt.datetime
    actor: str
    source: str
    action: str
    object: str
    decision: str
    request_id: str
    previous: str
    hash: str
