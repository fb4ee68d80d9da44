"""Health of an application from the health of its objects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from towline.argo.status import HealthCode
from towline.gitops.health.verdict import Health
from towline.kube.refs import ObjectKey

_NAMED_CAUSES: Final = 3


def combine(objects: Iterable[tuple[ObjectKey, Health]]) -> Health:
    """The worst health wins; at most three causes are named.

    Args:
        objects: Those that count: live, managed, with a rule, without hooks.
    """
    worst, causes = HealthCode.HEALTHY, list[ObjectKey]()
    for key, health in objects:
        if health.status.badness > worst.badness:
            worst, causes = health.status, [key]
        elif health.status is worst:
            causes.append(key)
    if worst is HealthCode.HEALTHY:
        return Health(worst)
    return Health(worst, _causes(causes))


def _causes(keys: list[ObjectKey]) -> str:
    named = ", ".join(_cause(key) for key in keys[:_NAMED_CAUSES])
    more = len(keys) - _NAMED_CAUSES
    return f"Caused by {named}" + (f" and {more} more" if more > 0 else "")


def _cause(key: ObjectKey) -> str:
    kind = f"{key.group}/{key.kind}" if key.group else key.kind
    return f"{kind}:{key.namespace}/{key.name}" if key.namespace else f"{kind}:{key.name}"
