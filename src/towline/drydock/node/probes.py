"""Probe settings and their verdicts: counts of successes and failures. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from towline.drydock.cluster import Obj

KINDS = ("startup", "liveness", "readiness")


class ProbeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One probe of a container.

    Attributes:
        kind: `startup`, `liveness` or `readiness`.
        action: `exec`, `httpGet`, `tcpSocket` or `grpc`.
        detail: The action's settings.
        delay: Seconds after the container's start before the first try.
        period: Seconds between tries, at least one.
        timeout: Seconds that a try may take.
        successes: Successes in a row that count.
        failures: Failures in a row that count.
    """

    kind: str
    action: str
    detail: dict[str, Any]
    delay: float
    period: float
    timeout: float
    successes: int
    failures: int


def probes_of(container: Obj) -> dict[str, ProbeSpec]:
    """The probes of a container, by kind."""
    found = {}
    for kind in KINDS:
        spec = container.get(f"{kind}Probe")
        action = next((name for name in _ACTIONS if spec and spec.get(name) is not None), "")
        if spec and action:
            found[kind] = ProbeSpec(
                kind=kind,
                action=action,
                detail=spec[action],
                delay=float(spec.get("initialDelaySeconds") or 0),
                period=max(1.0, float(spec.get("periodSeconds") or 10)),
                timeout=max(0.1, float(spec.get("timeoutSeconds") or 1)),
                successes=int(spec.get("successThreshold") or 1),
                failures=int(spec.get("failureThreshold") or 3),
            )
    return found


_ACTIONS = ("exec", "httpGet", "tcpSocket", "grpc")


class Verdict(msgspec.Struct, frozen=True):
    """What a probe's tries say so far.

    Attributes:
        passed: None until a threshold was reached for the first time.
        row: Length of the present run of equal results.
        last: The last result.
    """

    passed: bool | None = None
    row: int = 0
    last: bool | None = None

    def after(self, spec: ProbeSpec, *, success: bool) -> Verdict:
        """The verdict after one more try."""
        row = self.row + 1 if success == self.last else 1
        passed = self.passed
        if success and row >= spec.successes:
            passed = True
        elif not success and row >= spec.failures:
            passed = False
        return Verdict(passed, row, success)


def port_number(container: Obj, port: Any) -> int:
    """A probe's port: a number, or the name of one of the container's ports.

    Raises:
        ValueError: When the container has no port of that name.
    """
    if isinstance(port, int):
        return port
    for entry in container.get("ports") or []:
        if entry.get("name") == port:
            return int(entry["containerPort"])
    return int(port)
