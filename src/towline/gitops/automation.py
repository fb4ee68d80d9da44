"""Whether automated sync starts an operation after a comparison, and how soon."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final, TypeAlias

import msgspec

from towline.argo.application import Application
from towline.argo.pinned import Pinned
from towline.argo.status import Condition, ConditionType, Phase, SyncCode
from towline.gitops.compare import Comparison, Pair

DEFAULT_RETRIES: Final = 5


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """Waits between consecutive self-heals that did not help.

    Attributes:
        seconds: The first wait.
        factor: Growth.
        cap: Longest wait, seconds.
    """

    seconds: float = 2.0
    factor: float = 3.0
    cap: float = 300.0

    def delay(self, attempts: int) -> float:
        """Seconds to wait before the next attempt; none before the first."""
        if attempts <= 0:
            return 0.0
        return min(self.cap, self.seconds * self.factor ** min(attempts - 1, 20))


class NoSync(msgspec.Struct, frozen=True):
    """Nothing is started; the condition says why when a person should know."""

    condition: Condition | None = None


class SyncLater(msgspec.Struct, frozen=True):
    """A self-heal is due in that many seconds."""

    seconds: float


class StartSync(msgspec.Struct, frozen=True, eq=False):
    """The operation to set; `heal` names what a self-heal repairs."""

    operation: dict[str, Any]
    heal: tuple[Pair, ...] = ()


AutoSync: TypeAlias = NoSync | SyncLater | StartSync


class SyncFacts(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """What the decision looks at besides the application.

    Attributes:
        comparison: The comparison just made.
        pinned: Its sources at their resolved revisions.
        now: The time.
        backoff: Self-heal back-off.
        effective: Whether the last self-heal is known to have brought the application in sync, so
            that the present drift is a new one.
    """

    comparison: Comparison
    pinned: Pinned
    now: dt.datetime
    backoff: Backoff
    effective: bool


def decide_auto_sync(app: Application, facts: SyncFacts) -> AutoSync:
    """The automated sync that follows a comparison."""
    automated = app.automated
    drifted = facts.comparison.out_of_sync
    if automated is None or app.raw.get("operation") or app.deleting:
        return NoSync()
    if facts.comparison.sync is not SyncCode.OUT_OF_SYNC:
        return NoSync()
    if not automated.prune and all(pair.requires_pruning for pair in drifted):
        return NoSync()
    if all(pair.requires_pruning and pair.ending for pair in drifted):
        return NoSync()  # they are on their way out: there is nothing left to ask for
    if not _attempted(app, facts.pinned):
        if automated.prune and not automated.allow_empty and _would_empty(facts.comparison):
            return NoSync(_wipe_out(facts.pinned.text))
        return StartSync(_operation(app, facts.pinned))
    return _self_heal(app, facts, drifted)


def _self_heal(app: Application, facts: SyncFacts, drifted: list[Pair]) -> AutoSync:
    state = app.status.get("operationState") or {}
    automated = app.automated
    if state.get("phase") != Phase.SUCCEEDED.value:
        message = f"Failed last sync attempt to [{facts.pinned.text}]: {state.get('message') or ''}"
        return NoSync(Condition(ConditionType.SYNC_ERROR, message))
    if automated is None or not automated.self_heal:
        return NoSync()
    attempts = _heal_attempts(state)
    wait = 0.0 if facts.effective else _remaining(state, facts, attempts)
    if wait > 0:
        return SyncLater(wait)
    if automated.prune and not automated.allow_empty and _would_empty(facts.comparison):
        return NoSync(_wipe_out(facts.pinned.text))
    operation = _operation(app, facts.pinned)
    operation["sync"]["autoHealAttemptsCount"] = attempts + 1
    operation["sync"]["resources"] = [_resource(pair) for pair in drifted]
    return StartSync(operation, tuple(drifted))


def _attempted(app: Application, pinned: Pinned) -> bool:
    """Whether the last operation was for these sources at these revisions."""
    state = app.status.get("operationState")
    if not state:
        return False
    result = state.get("syncResult")
    if not result:
        return Phase(state.get("phase") or Phase.RUNNING).completed
    return pinned.same_as(result)


def _heal_attempts(state: dict[str, Any]) -> int:
    sync = (state.get("operation") or {}).get("sync") or {}
    return int(sync.get("autoHealAttemptsCount") or 0)


def _remaining(state: dict[str, Any], facts: SyncFacts, attempts: int) -> float:
    finished = state.get("finishedAt")
    if not finished:
        return 0.0
    passed = (facts.now - dt.datetime.fromisoformat(str(finished))).total_seconds()
    return facts.backoff.delay(attempts) - passed


def _would_empty(comparison: Comparison) -> bool:
    counted = [pair for pair in comparison.pairs if pair.status is not None]
    return bool(counted) and all(pair.requires_pruning for pair in counted)


def _wipe_out(revision: str) -> Condition:
    message = f"Skipping sync attempt to [{revision}]: auto-sync will wipe out all resources"
    return Condition(ConditionType.SYNC_ERROR, message)


def _operation(app: Application, pinned: Pinned) -> dict[str, Any]:
    spec = app.raw.get("spec") or {}
    policy = spec.get("syncPolicy") or {}
    sync: dict[str, Any] = pinned.entry()
    if app.automated is not None and app.automated.prune:
        sync["prune"] = True
    if policy.get("syncOptions"):
        sync["syncOptions"] = policy["syncOptions"]
    return {
        "initiatedBy": {"automated": True},
        "retry": policy.get("retry") or {"limit": DEFAULT_RETRIES},
        "sync": sync,
    }


def _resource(pair: Pair) -> dict[str, str]:
    entry = {"kind": pair.key.kind, "name": pair.key.name}
    return {"group": pair.key.group, **entry} if pair.key.group else entry
