"""A delivery: one commit on its way to the cluster, with the time of each stage.

    push -> webhook -> build -> image -> manifest -> refresh -> sync -> ready

The first five are recorded against the app repository's commit, the others against the manifest
commit that the pipeline made. A stage that has not been reached is absent, never guessed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

import msgspec

STAGES = ("push", "webhook", "build", "image", "manifest", "refresh", "sync", "ready")
OF_COMMIT = STAGES[:5]
OF_MANIFEST = STAGES[5:]


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """A stage was reached.

    Attributes:
        at: RFC 3339 time in UTC with milliseconds.
        seconds: Since the first known stage of the delivery.
        detail: One line for people.
    """

    name: str
    at: str
    seconds: float
    detail: str = ""


class ImageFact(msgspec.Struct, frozen=True, kw_only=True):
    """The image that the run pushed."""

    reference: str
    digest: str


class RunFact(msgspec.Struct, frozen=True, kw_only=True):
    """What the delivery's run says about itself."""

    id: str
    pipeline: str
    job: str
    number: int
    state: str
    result: str
    error: str
    commit: str
    repository: str = ""
    message: str = ""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """Where a commit is.

    Attributes:
        status: `running`, `delivered`, `failed`, `built` (a run without a manifest commit) or
            `superseded` (a newer commit was delivered first).
        failure: Why it stopped, empty while it goes on.
        stages: The stages reached, in order.
    """

    commit: str
    repository: str
    message: str
    run: RunFact
    build_number: int
    image: ImageFact | None
    manifest_commit: str
    application: str
    status: str
    failure: str
    stages: tuple[Reached, ...]


class MarkFact(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded time of a stage."""

    name: str
    at: dt.datetime
    detail: str = ""


def join(
    run: RunFact,
    *,
    marks: Mapping[str, MarkFact],
    images: Iterable[ImageFact],
    manifest_commit: str,
    manifest_marks: Mapping[str, MarkFact],
    application: str = "",
    downstream_failure: str = "",
) -> Delivery:
    """Joins what is known about a commit into one delivery.

    Args:
        run: The run that the push started.
        marks: Stages of the commit by name.
        images: What the run pushed; the last one counts.
        manifest_commit: Commit that the run or a run it started made; may be empty.
        manifest_marks: Stages of that commit by name.
        application: Application that follows the manifest repository; may be empty.
        downstream_failure: Why a run that this one started failed; may be empty.
    """
    found = [marks[name] for name in OF_COMMIT if name in marks]
    found += [manifest_marks[name] for name in OF_MANIFEST if name in manifest_marks]
    start = min((mark.at for mark in found), default=None)
    stages = tuple(
        Reached(
            name=mark.name,
            at=mark.at.astimezone(dt.UTC).isoformat(timespec="milliseconds"),
            seconds=round((mark.at - start).total_seconds(), 3) if start else 0.0,
            detail=mark.detail,
        )
        for mark in found
    )
    reached = {stage.name for stage in stages}
    failure = _failure(run, downstream_failure)
    return Delivery(
        commit=run.commit,
        repository=run.repository,
        message=run.message,
        run=run,
        build_number=run.number,
        image=next(reversed(list(images)), None),
        manifest_commit=manifest_commit,
        application=application,
        status=_status(run, reached, failure),
        failure=failure,
        stages=stages,
    )


def _failure(run: RunFact, downstream_failure: str) -> str:
    if run.state == "finished" and run.result not in {"SUCCESS", "UNSTABLE"}:
        return run.error or f"{run.job} #{run.number} ended with {run.result}"
    return downstream_failure


def _status(run: RunFact, reached: set[str], failure: str) -> str:
    if failure:
        return "failed"
    if "ready" in reached:
        return "delivered"
    if run.state == "finished" and "manifest" not in reached:
        return "built"
    return "running"
