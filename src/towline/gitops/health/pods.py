"""Health of Pods and Jobs."""

from __future__ import annotations

from typing import Any

from towline.argo.names import HELM_HOOK, HOOK, IGNORE_RESTART_POLICY
from towline.gitops.health.verdict import (
    Health,
    condition,
    conditions,
    degraded,
    healthy,
    part,
    progressing,
    suspended,
    unknown,
)


def pod(obj: dict[str, Any]) -> Health:
    """A long-running pod is healthy when ready, another one when it succeeded."""
    status = part(obj, "status")
    message = str(status.get("message") or "")
    long_running = _long_running(obj)
    if long_running and (stuck := _stuck(status)):
        return degraded(", ".join(stuck))
    match status.get("phase"):
        case "Pending":
            return progressing(message)
        case "Succeeded":
            return healthy(message)
        case "Failed":
            return degraded(message or _failure(status))
        case "Running":
            return _running(status, message, long_running=long_running)
        case _:
            return unknown(message)


def job(obj: dict[str, Any]) -> Health:
    """Complete, failed, suspended or at work."""
    status = part(obj, "status")
    if (failed := condition(status, "Failed")) is not None:
        return degraded(str(failed.get("message") or ""))
    waiting = condition(status, "Suspended")
    if waiting is not None and waiting.get("status") == "True":
        return suspended(str(waiting.get("message") or ""))
    done = condition(status, "Complete") or waiting
    return healthy(str(done.get("message") or "")) if done is not None else progressing()


def _long_running(obj: dict[str, Any]) -> bool:
    if part(obj, "spec").get("restartPolicy", "Always") == "Always":
        return True
    annotations = part(part(obj, "metadata"), "annotations")
    is_hook = HOOK in annotations or HELM_HOOK in annotations
    return annotations.get(IGNORE_RESTART_POLICY) == "true" and not is_hook


def _stuck(status: dict[str, Any]) -> list[str]:
    found = []
    for container in status.get("containerStatuses") or []:
        waiting = part(part(container, "state"), "waiting")
        reason = str(waiting.get("reason") or "")
        if reason.startswith("Err") or reason.endswith(("Error", "BackOff")):
            found.append(str(waiting.get("message") or ""))
    return found


def _failure(status: dict[str, Any]) -> str:
    for kind in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(kind) or []:
            ended = part(part(container, "state"), "terminated")
            if ended.get("message"):
                return str(ended["message"])
            if ended.get("reason") == "OOMKilled":
                return "OOMKilled"
            if ended.get("exitCode"):
                name, code = container.get("name", ""), ended["exitCode"]
                return f'container "{name}" failed with exit code {code}'
    return ""


def _running(status: dict[str, Any], message: str, *, long_running: bool) -> Health:
    if not long_running:
        return progressing(message)
    if any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions(status)):
        return healthy(message)
    restarted = any(
        part(container, "lastState").get("terminated")
        for container in status.get("containerStatuses") or []
    )
    return degraded(message) if restarted else progressing(message)
