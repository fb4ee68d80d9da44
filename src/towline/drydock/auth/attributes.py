"""What a request wants to do, as authorization sees it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from towline.drydock.auth.user import User
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

_VERBS = {
    "POST": "create",
    "GET": "get",
    "HEAD": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_NAMESPACE_PARTS = frozenset({"status", "finalize"})
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", '"': '\\"'}


class Attributes(NamedTuple):
    """A question to the authorizer.

    Attributes:
        verb: API verb, or the HTTP method in small letters for paths that are no resources.
        group: API group, empty for core.
        version: API version.
        resource: Plural name.
        subresource: First part below the object, or empty.
        name: Object, or empty.
        namespace: Empty for cluster-scoped and all-namespace requests.
        path: URL path when it is not about a resource, else None.
    """

    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    namespace: str = ""
    path: str | None = None

    @property
    def combined(self) -> str:
        """Resource and subresource as rules name them."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def of_request(
    method: str, segments: tuple[str, ...], path: str, param: Callable[[str], str | None]
) -> Attributes:
    """What an HTTP request asks for.

    Args:
        method: HTTP method.
        segments: The path's decoded segments, as routing uses them.
        path: The decoded path.
        param: The first value of a query parameter, None when it is absent.
    """
    match segments:
        case ("api", version, first, *more):
            group, rest = "", (first, *more)
        case ("apis", group, version, first, *more):
            rest = (first, *more)
        case _:
            return Attributes(method.lower(), path=path)
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _NAMESPACE_PARTS:
            rest = rest[2:]
    verb = _VERBS.get(method, "")
    name = rest[1] if len(rest) > 1 else ""
    if not name and verb == "get":
        verb = "watch" if _watching(param("watch")) else "list"
        name = _named_by_selector(param("fieldSelector") or "")
    elif not name and verb == "delete":
        verb = "deletecollection"
    part = rest[2] if len(rest) > 2 else ""
    return Attributes(verb, group, version, rest[0], part, name, namespace)


def _watching(value: str | None) -> bool:
    return value is not None and value.lower() not in ("false", "0")


def _named_by_selector(selector: str) -> str:
    """The one object that a field selector lets through, or empty."""
    for term in selector.split(","):
        field, equals, value = term.partition("=")
        if field.strip() == "metadata.name" and equals:
            return value.removeprefix("=").strip()
    return ""


def quoted(text: str) -> str:
    """The text in double quotes, with escapes."""
    return '"' + "".join(_ESCAPES.get(char, char) for char in text) + '"'


def refusal(user: User, asked: Attributes, reason: str = "") -> ApiError:
    """The error that says that the user may not do that."""
    who = f"User {quoted(user.name)} cannot {asked.verb}"
    if asked.path is not None:
        text = f"{who} path {quoted(asked.path)}"
        subject = "forbidden"
    else:
        text = f"{who} resource {quoted(asked.combined)} in API group {quoted(asked.group)}"
        if asked.namespace:
            text += f" in the namespace {quoted(asked.namespace)}"
        else:
            text += " at the cluster scope"
        resource = GroupResource(asked.group, asked.resource)
        subject = f"{resource} {quoted(asked.name)}" if asked.name else f"{resource}"
        subject += " is forbidden"
    # The text echoes what the caller sent: it must not read as HTML.
    message = f"{subject}: {text.translate(_HTML)}"
    if reason:
        message += f": {reason}"
    return ApiError(message, reason="Forbidden", details=_details(asked))


def _details(asked: Attributes) -> dict[str, Any]:
    said = {"name": asked.name, "group": asked.group, "kind": asked.resource}
    return {key: value for key, value in said.items() if value}
