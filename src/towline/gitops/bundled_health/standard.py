"""Rules that many kinds share."""

from __future__ import annotations

from typing import Final

from towline.argo.status import HealthCode
from towline.gitops.bundled_health.rules import (
    ANY,
    Absent,
    Cond,
    Differs,
    Field,
    InOrder,
    Rule,
    When,
)

HEALTHY: Final = HealthCode.HEALTHY
DEGRADED: Final = HealthCode.DEGRADED
PROGRESSING: Final = HealthCode.PROGRESSING
SUSPENDED: Final = HealthCode.SUSPENDED
UNKNOWN: Final = HealthCode.UNKNOWN

NOT_OBSERVED: Final = When(
    PROGRESSING,
    (Differs(left="metadata.generation", right="status.observedGeneration", both=True),),
    "Waiting for the present specification to be observed",
)


def condition(type_: str, waiting: str) -> Rule:
    """Healthy when the condition is true, degraded when it is false."""
    return Rule(clauses=(verdict_of(type_),), message=waiting)


def verdict_of(type_: str) -> InOrder:
    """The clause of `condition`."""
    return InOrder(
        (
            (Cond(type=type_, status="False"), DEGRADED),
            (Cond(type=type_, status="True"), HEALTHY),
        )
    )


def phases(
    path: str,
    *,
    healthy: tuple[str, ...] = (),
    progressing: tuple[str, ...] = (),
    degraded: tuple[str, ...] = (),
    suspended: tuple[str, ...] = (),
    unknown: tuple[str, ...] = (),
    message: str = "{status.message}",
    waiting: str = "Waiting for the status",
    otherwise: HealthCode = PROGRESSING,
) -> Rule:
    """Health by the value of one field."""
    table = (
        (HEALTHY, healthy),
        (PROGRESSING, progressing),
        (DEGRADED, degraded),
        (SUSPENDED, suspended),
        (UNKNOWN, unknown),
    )
    return Rule(
        clauses=tuple(
            When(code, (Field(path=path, values=values),), message)
            for code, values in table
            if values
        ),
        otherwise=otherwise,
        message=waiting,
    )


# By the conventions of kstatus: Stalled and Reconciling, then Ready or Available.
STANDARD: Final = Rule(
    clauses=(
        NOT_OBSERVED,
        When(DEGRADED, (Cond(type="Stalled"),)),
        When(PROGRESSING, (Cond(type="Reconciling"),)),
        When(DEGRADED, (Cond(type="Ready", status="False"),)),
        When(HEALTHY, (Cond(type="Ready"),)),
        When(PROGRESSING, (Cond(type="Ready", status=ANY),)),
        When(DEGRADED, (Cond(type="Degraded"),)),
        When(HEALTHY, (Cond(type="Available"),)),
        When(PROGRESSING, (Cond(type="Available", status=ANY),)),
        When(HEALTHY, (Absent(path="status.conditions"),), ""),
    ),
    otherwise=HEALTHY,
)
