"""Health of Services, Ingresses and APIServices."""

from __future__ import annotations

from typing import Any

from towline.gitops.health.verdict import Health, condition, healthy, part, progressing


def service(obj: dict[str, Any]) -> Health:
    """A load balancer needs an address; every other service is healthy."""
    if part(obj, "spec").get("type") == "LoadBalancer" and not _has_address(obj):
        return progressing()
    return healthy()


def ingress(obj: dict[str, Any]) -> Health:
    """Healthy once it has an address."""
    return healthy() if _has_address(obj) else progressing()


def api_service(obj: dict[str, Any]) -> Health:
    """Healthy once it is available."""
    available = condition(part(obj, "status"), "Available")
    if available is None:
        return progressing("Waiting to be processed")
    message = f"{available.get('reason', '')}: {available.get('message', '')}"
    return healthy(message) if available.get("status") == "True" else progressing(message)


def _has_address(obj: dict[str, Any]) -> bool:
    return bool(part(part(obj, "status"), "loadBalancer").get("ingress"))
