"""The API's refusals, in the words that clients match on."""

from __future__ import annotations

from typing import Any

from towline.kube.refs import GroupResource
from towline.kube.status import ApiError


def _details(resource: GroupResource, name: str, **extra: Any) -> dict[str, Any]:
    details: dict[str, Any] = {"name": name} if name else {}
    if resource.group:
        details["group"] = resource.group
    details["kind"] = resource.resource
    details.update(extra)
    return details


def not_found(resource: GroupResource, name: str) -> ApiError:
    """There is no such object."""
    return ApiError(
        f'{resource} "{name}" not found', reason="NotFound", details=_details(resource, name)
    )


def unknown_resource() -> ApiError:
    """There is no such kind in a group that exists."""
    return ApiError("the server could not find the requested resource", reason="NotFound")


def already_exists(resource: GroupResource, name: str, *, generated: bool = False) -> ApiError:
    """The name is taken."""
    extra = {"retryAfterSeconds": 1} if generated else {}
    return ApiError(
        f'{resource} "{name}" already exists',
        reason="AlreadyExists",
        details=_details(resource, name, **extra),
    )


def conflict(resource: GroupResource, name: str, why: str = "") -> ApiError:
    """Somebody else changed it."""
    text = why or (
        "the object has been modified; please apply your changes to the latest version"
        " and try again"
    )
    return ApiError(
        f'Operation cannot be fulfilled on {resource} "{name}": {text}',
        reason="Conflict",
        details=_details(resource, name),
    )


def forbidden(resource: GroupResource, name: str, why: str, **extra: Any) -> ApiError:
    """Not allowed."""
    subject = f'{resource} "{name}"' if name else f"{resource}"
    return ApiError(
        f"{subject} is forbidden: {why}",
        reason="Forbidden",
        details=_details(resource, name, **extra),
    )


def bad_request(message: str) -> ApiError:
    """The request makes no sense."""
    return ApiError(message, reason="BadRequest")


def method_not_allowed() -> ApiError:
    """The path does not know the method."""
    return ApiError(
        "the server does not allow this method on the requested resource",
        reason="MethodNotAllowed",
        details={},
    )


def undecodable(kind: str, version: str, why: str) -> ApiError:
    """The body is not an object of the kind."""
    return bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {why}')


def namespace_terminating(resource: GroupResource, name: str, namespace: str) -> ApiError:
    """Nothing new may come into a namespace that is going."""
    return forbidden(
        resource,
        name,
        f"unable to create new content in namespace {namespace} because it is being terminated",
        causes=[
            {
                "reason": "NamespaceTerminating",
                "message": f"namespace {namespace} is being terminated",
                "field": "metadata.namespace",
            }
        ],
    )
