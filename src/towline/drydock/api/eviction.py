"""Eviction of a pod: deletion that asks the pod's disruption budget first."""

from __future__ import annotations

from typing import Any

import msgspec

from towline.aio.clock import Clock, rfc3339
from towline.drydock.registry import Registry, Target, settle
from towline.drydock.registry.options import DeleteOptions, Outcome
from towline.kube.refs import GroupResource
from towline.kube.selectors import label_selector_of
from towline.kube.status import ApiError

Obj = dict[str, Any]

_BUDGETS = GroupResource("policy", "poddisruptionbudgets")
_MANAGER = "kube-apiserver"
_REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."
_MAX_DISRUPTED = 2000


async def evict(
    registry: Registry, target: Target, pod: Obj, options: DeleteOptions, clock: Clock
) -> Outcome:
    """Deletes a pod when its budget allows.

    Args:
        registry: Where pod and budgets are.
        target: The pod's eviction.
        pod: The pod.
        options: How to delete it.
        clock: For the note in the budget.

    Raises:
        ApiError: TooManyRequests when the budget does not allow it.
    """
    # Preconditions come before anything is taken from a budget.
    await settle(registry.deletes.delete(target, msgspec.structs.replace(options, dry_run=True)))
    if not _needs_no_budget(pod):
        await _ask_budget(registry, pod, options, clock)
    if options.dry_run:
        return Outcome(pod, None)
    await _mark(registry, target, pod, rfc3339(clock.now()))
    options = msgspec.structs.replace(options, resource_version="")
    return await settle(registry.deletes.delete(target, options))


async def _mark(registry: Registry, target: Target, pod: Obj, stamp: str) -> None:
    """Notes on a pod why it is going."""
    await registry.mutate(
        target.kind.resource,
        target.namespace,
        target.name,
        lambda copy: _write_condition(copy, stamp),
        manager=_MANAGER,
        subresource="status",
        uid=pod["metadata"]["uid"],
    )


def _needs_no_budget(pod: Obj) -> bool:
    """Whether the pod serves nobody (any more)."""
    phase = (pod.get("status") or {}).get("phase")
    return phase in ("Succeeded", "Failed", "Pending") or bool(
        pod["metadata"].get("deletionTimestamp")
    )


async def _ask_budget(registry: Registry, pod: Obj, options: DeleteOptions, clock: Clock) -> None:
    budgets = [
        budget
        for budget in registry.objects(_BUDGETS, pod["metadata"]["namespace"])
        if label_selector_of((budget.get("spec") or {}).get("selector")).matches(
            pod["metadata"].get("labels")
        )
    ]
    if not budgets:
        return
    if len(budgets) > 1:
        raise ApiError(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does"
            " not support.",
            reason="InternalError",
        )
    (budget,) = budgets
    if not _is_ready(pod) and _lets_unhealthy_go(budget):
        return
    if options.dry_run:
        check_budget(budget)
        return
    name = budget["metadata"]["name"]

    def take(copy: Obj) -> None:
        # Checked where it is written: two evictions cannot have the same disruption.
        check_budget(copy)
        status = copy["status"]
        status["disruptionsAllowed"] -= 1
        noted = status.setdefault("disruptedPods", {})
        noted[pod["metadata"]["name"]] = rfc3339(clock.now())

    meta = budget["metadata"]
    await registry.mutate(
        _BUDGETS, meta["namespace"], name, take, manager=_MANAGER, subresource="status"
    )


def _is_ready(pod: Obj) -> bool:
    return any(
        one.get("type") == "Ready" and one.get("status") == "True"
        for one in (pod.get("status") or {}).get("conditions") or ()
    )


def _lets_unhealthy_go(budget: Obj) -> bool:
    """Whether a pod that is not ready may go without counting."""
    if (budget.get("spec") or {}).get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = budget.get("status") or {}
    wanted = int(status.get("desiredHealthy") or 0)
    return int(status.get("currentHealthy") or 0) >= wanted > 0


def check_budget(budget: Obj) -> None:
    """Refuses when the budget has no disruption left.

    Raises:
        ApiError: TooManyRequests, or Forbidden when too many evictions are on their way.
    """
    name = budget["metadata"]["name"]
    status = budget.get("status") or {}
    generation = int(budget["metadata"].get("generation") or 0)
    if int(status.get("observedGeneration") or 0) < generation:
        text = f"The disruption budget {name} is still being processed by the server."
        raise _too_many(text, retry=10)
    if len(status.get("disruptedPods") or {}) > _MAX_DISRUPTED:
        raise ApiError(
            f'poddisruptionbudget.policy "{name}" is forbidden: DisruptedPods map too big - too'
            " many evictions not confirmed by PDB controller",
            reason="Forbidden",
        )
    if int(status.get("disruptionsAllowed") or 0) > 0:
        return
    needs = int(status.get("desiredHealthy") or 0)
    has = int(status.get("currentHealthy") or 0)
    if has <= needs:
        text = f"The disruption budget {name} needs {needs} healthy pods and has {has} currently"
    else:
        text = f"The disruption budget {name} does not allow evicting pods currently"
    raise _too_many(text)


def _too_many(message: str, *, retry: int = 0) -> ApiError:
    details: Obj = {"causes": [{"reason": "DisruptionBudget", "message": message}]}
    if retry:
        details["retryAfterSeconds"] = retry
    return ApiError(_REFUSED, reason="TooManyRequests", details=details)


def _write_condition(pod: Obj, stamp: str) -> None:
    conditions = pod.setdefault("status", {}).get("conditions") or []
    others = [one for one in conditions if one.get("type") != "DisruptionTarget"]
    new: Obj = {
        "type": "DisruptionTarget",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": stamp,
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
    }
    if pod["metadata"].get("generation"):
        new["observedGeneration"] = pod["metadata"]["generation"]
    pod["status"]["conditions"] = [*others, new]
