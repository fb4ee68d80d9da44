"""A Job's own rules: which failures count, and which successes are enough. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from towline.drydock.cluster import Obj
from towline.drydock.control.jobindexes import Indexes, parse_indexes


class Verdict(msgspec.Struct, frozen=True):
    """What a Job's `podFailurePolicy` says of a failed pod.

    Attributes:
        action: `Ignore`, `Count`, `FailIndex` or `FailJob`; `Count` when no rule matches.
        message: Why the Job fails; empty unless the action is `FailJob`.
    """

    action: str = "Count"
    message: str = ""


def verdict(job: Obj, pod: Obj) -> Verdict:
    """What the first matching rule says of a failed pod."""
    rules = (job["spec"].get("podFailurePolicy") or {}).get("rules") or ()
    meta = pod["metadata"]
    where = f"{meta.get('namespace', '')}/{meta['name']}"
    for index, rule in enumerate(rules):
        action = str(rule.get("action") or "")
        if rule.get("onExitCodes"):
            ended = _ended_with(pod, rule["onExitCodes"])
            text = "" if ended is None else f"Container {ended[0]} for pod {where} failed with "
            text += "" if ended is None else f"exit code {ended[1]}"
        else:
            type_ = _condition(pod, rule.get("onPodConditions") or ())
            text = "" if type_ is None else f"Pod {where} has condition {type_}"
        if text:
            told = f"{text} matching {action} rule at index {index}" if action == "FailJob" else ""
            return Verdict(action, told)
    return Verdict()


def _ended_with(pod: Obj, wanted: Obj) -> tuple[str, int] | None:
    """Name and exit code of the first container that ended as the rule wants."""
    status = pod.get("status") or {}
    values = set(wanted.get("values") or ())
    for field in ("containerStatuses", "initContainerStatuses"):
        for one in status.get(field) or ():
            ended = (one.get("state") or {}).get("terminated")
            if ended is None or wanted.get("containerName") not in (None, one.get("name")):
                continue
            code = int(ended.get("exitCode") or 0)
            if code and (code in values) == (wanted.get("operator") == "In"):
                return str(one.get("name")), code
    return None


def _condition(pod: Obj, patterns: Iterable[Obj]) -> str | None:
    wanted = {(one.get("type"), one.get("status", "True")) for one in patterns}
    for one in (pod.get("status") or {}).get("conditions") or ():
        if (one.get("type"), one.get("status")) in wanted:
            return str(one["type"])
    return None


def success(job: Obj, completed: Indexes) -> str:
    """Which rule of the Job's `successPolicy` is met by these indexes; empty when none is."""
    rules = (job["spec"].get("successPolicy") or {}).get("rules") or ()
    bound = int(job["spec"].get("completions") or 0)
    for index, rule in enumerate(rules):
        enough = rule.get("succeededCount")
        if rule.get("succeededIndexes") is not None:
            wanted = parse_indexes(rule["succeededIndexes"], bound)
            needed = len(wanted) if enough is None else min(int(enough), len(wanted))
            met = bool(wanted) and len(wanted & completed) >= needed
        else:
            met = enough is not None and len(completed) >= int(enough)
        if met and completed:
            return f"Matched rules at index {index}"
    return ""
