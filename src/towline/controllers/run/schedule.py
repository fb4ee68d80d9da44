"""Which runs start now. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from towline.pipeline.model import PipelineSpec
from towline.store.values import Run


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with the open runs.

    Attributes:
        start: Runs to start (or to resume), in order.
        drop: Queued runs that end without having run, with the reason.
        interrupt: Ids of active runs that somebody wants stopped.
    """

    start: tuple[Run, ...] = ()
    drop: tuple[tuple[Run, str], ...] = ()
    interrupt: tuple[str, ...] = ()


def plan(runs: Iterable[Run], active: set[str], specs: Mapping[str, PipelineSpec]) -> Plan:
    """Decides by number within each pipeline; interrupted runs of an earlier life come first.

    Args:
        runs: Every run that is not finished.
        active: Ids of runs that are being carried out.
        specs: Pipelines by `NAMESPACE/NAME`.
    """
    start: list[Run] = []
    drop: list[tuple[Run, str]] = []
    interrupt: list[str] = []
    by_pipeline: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: (run.state != "running", run.number)):
        if run.id in active:
            if run.cancel:
                interrupt.append(run.id)
        elif run.cancel:
            drop.append((run, "cancelled before it started"))
            continue
        elif run.pipeline not in specs:
            drop.append((run, "its Pipeline does not exist any more"))
            continue
        by_pipeline.setdefault(run.pipeline, []).append(run)
    for pipeline, members in by_pipeline.items():
        spec = specs.get(pipeline)
        if spec is None:
            continue
        waiting = [run for run in members if run.id not in active]
        stale = _superseded(waiting) if spec.concurrency.cancel_superseded else {}
        drop += [(run, f"superseded by #{newer}") for run, newer in stale.values()]
        room = spec.concurrency.limit - (len(members) - len(waiting))
        ready = [
            run
            for run in waiting
            if run.id not in stale and (run.state == "running" or not spec.suspend)
        ]
        start += ready[: max(0, room)]
    return Plan(start=tuple(start), drop=tuple(drop), interrupt=tuple(interrupt))


def _superseded(waiting: list[Run]) -> dict[str, tuple[Run, int]]:
    """Queued runs for which a newer one of the same branch waits too."""
    newest = {run.ref: run.number for run in waiting if run.trigger in {"push", "poll"}}
    return {
        run.id: (run, newest[run.ref])
        for run in waiting
        if run.state == "queued" and run.ref in newest and run.number < newest[run.ref]
    }
