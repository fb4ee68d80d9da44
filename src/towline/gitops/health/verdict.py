"""Short names for what a health rule answers, and how rules read conditions."""

from __future__ import annotations

from typing import Any

from towline.argo.status import HealthCode
from towline.gitops.verdict import Health

__all__ = [
    "Health",
    "behind",
    "condition",
    "conditions",
    "degraded",
    "healthy",
    "number",
    "part",
    "progressing",
    "suspended",
    "unknown",
]


def healthy(message: str = "") -> Health:
    """It does what it should."""
    return Health(HealthCode.HEALTHY, message)


def progressing(message: str = "") -> Health:
    """It is on its way."""
    return Health(HealthCode.PROGRESSING, message)


def degraded(message: str = "") -> Health:
    """It failed, or cannot become healthy by itself."""
    return Health(HealthCode.DEGRADED, message)


def suspended(message: str = "") -> Health:
    """It waits for a person."""
    return Health(HealthCode.SUSPENDED, message)


def unknown(message: str = "") -> Health:
    """No statement is possible."""
    return Health(HealthCode.UNKNOWN, message)


def part(obj: dict[str, Any], name: str) -> dict[str, Any]:
    """A member that is a mapping; empty when absent."""
    value = obj.get(name)
    return value if isinstance(value, dict) else {}


def number(values: dict[str, Any], name: str) -> int:
    """A member that is an integer; 0 when absent, as in Go."""
    value = values.get(name)
    return value if isinstance(value, int) else 0


def conditions(status: dict[str, Any]) -> list[dict[str, Any]]:
    """The conditions of a status."""
    found = status.get("conditions")
    return [c for c in found if isinstance(c, dict)] if isinstance(found, list) else []


def condition(status: dict[str, Any], type_: str) -> dict[str, Any] | None:
    """The condition of that type."""
    return next((c for c in conditions(status) if c.get("type") == type_), None)


def behind(obj: dict[str, Any]) -> bool:
    """Whether the controller of the kind has not seen the present spec yet."""
    return number(part(obj, "metadata"), "generation") > number(
        part(obj, "status"), "observedGeneration"
    )
