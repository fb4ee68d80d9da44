"""Health of Argo Workflows."""

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


def workflow(obj: dict[str, Any]) -> Health:
    """Succeeded, failed or at work."""
    status = part(obj, "status")
    message = str(status.get("message") or "")
    match status.get("phase") or "":
        case "" | "Pending" | "Running":
            return progressing(message)
        case "Succeeded":
            return healthy(message)
        case "Failed" | "Error":
            return degraded(message)
        case _:
            return unknown(message)
