"""Health of PersistentVolumeClaims."""

from __future__ import annotations

from typing import Any

from towline.gitops.health.verdict import (
    Health,
    degraded,
    healthy,
    part,
    progressing,
    unknown,
)


def persistent_volume_claim(obj: dict[str, Any]) -> Health:
    """Healthy once bound."""
    match part(obj, "status").get("phase"):
        case "Bound":
            return healthy()
        case "Pending":
            return progressing()
        case "Lost":
            return degraded()
        case _:
            return unknown()
