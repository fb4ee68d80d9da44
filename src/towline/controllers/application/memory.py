"""What the engine remembers of an application between reconciles; all of it can be lost."""

from __future__ import annotations

from collections import deque
from enum import IntEnum

import msgspec

from towline.argo.pinned import Pinned
from towline.controllers.application.ports import Drift
from towline.controllers.application.renders import Outcome
from towline.gitops.health import Health
from towline.gitops.targets import TargetSet
from towline.kube.refs import ObjectKey
from towline.render.result import RenderResult


class Level(IntEnum):
    """How thorough a refresh is."""

    LOOK = -1
    SUMMARY = 0
    RECENT = 1
    LATEST = 2
    FORCE_RESOLVE = 3


class Rendered(msgspec.Struct, frozen=True, eq=False):
    """The manifests of an application's sources at their revisions.

    Attributes:
        pinned: The sources and their revisions.
        asked: Identity of everything else that was asked.
        result: All manifests.
        outcomes: Each source's render; None for one that is only referred to.
    """

    pinned: Pinned
    asked: str
    result: RenderResult
    outcomes: tuple[Outcome | None, ...]

    @property
    def source_types(self) -> tuple[str, ...]:
        """The tool of each source; empty for one that is only referred to."""
        return tuple(outcome.result.source_type if outcome else "" for outcome in self.outcomes)


class Memory(msgspec.Struct, kw_only=True):
    """Memory of one application.

    Attributes:
        requested: The most thorough refresh that was asked for and not done yet.
        head: A commit of the only source that a push announced, with the monotonic time at which
            it was read.
        resolved_at: Monotonic time of the last look at the remote.
        rendered: The last render.
        targets: Comparable desired objects by render, destination and known scopes.
        diffs: Verdicts by object: target, live version and rules that they hold for.
        healths: Health by uid and live version.
        deleted: Uids that we deleted and whose end the watch has not told yet.
        poll_due: Monotonic time of the next comparison without a trigger.
        later: A refresh that had to wait: monotonic time at which it is due, and its level.
        failing_since: Monotonic time since which the repository does not answer.
        wave_due: Monotonic time before which no further wave begins.
        operation: Start of the operation that this process is carrying out.
        healed_well: Whether the application was seen in sync after its last operation.
        heals: Monotonic times of recent self-heals.
        drifts: Objects that the running self-heal repairs.
        told_revisions: The revisions of the last `refreshed` notice.
        told_healthy: The revisions of the last `healthy` notice.
        unknown_kinds: Whether a desired object's kind was unknown to the cluster.
    """

    requested: Level | None = Level.LATEST
    head: tuple[str, float] | None = None
    resolved_at: float = 0.0
    rendered: Rendered | None = None
    targets: tuple[str, TargetSet] | None = None
    diffs: dict[ObjectKey, tuple[tuple[str, str, str, str], bool]] = {}
    healths: dict[str, tuple[str, Health | None]] = {}
    deleted: set[str] = set()
    poll_due: float = 0.0
    later: tuple[float, Level] | None = None
    failing_since: float | None = None
    wave_due: float = 0.0
    operation: str = ""
    healed_well: bool = False
    heals: deque[float] = msgspec.field(default_factory=lambda: deque(maxlen=64))
    drifts: dict[ObjectKey, Drift] = {}
    told_revisions: tuple[str, ...] = ()
    told_healthy: tuple[str, ...] = ()
    unknown_kinds: bool = False

    def request(self, level: Level) -> None:
        """Asks for a refresh; the most thorough request wins."""
        self.requested = level if self.requested is None else max(self.requested, level)
