"""Questions about access: every authenticated user may do everything. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from towline.drydock.api.messages import User

Obj = dict[str, Any]


def answer(plural: str, body: Obj, user: User, find: Callable[[str], User | None]) -> Obj | None:
    """The answer to a review, or None when the resource is not a review.

    Args:
        plural: Such as `selfsubjectaccessreviews`.
        body: The question.
        user: Who asks.
        find: Finds the user behind a token.
    """
    match plural:
        case "subjectaccessreviews" | "selfsubjectaccessreviews" | "localsubjectaccessreviews":
            status: Obj = {
                "allowed": True,
                "reason": "every authenticated user is an administrator",
            }
        case "selfsubjectrulesreviews":
            status = {
                "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
                "incomplete": False,
            }
        case "selfsubjectreviews":
            status = {"userInfo": _info(user)}
        case "tokenreviews":
            found = find(str((body.get("spec") or {}).get("token") or ""))
            status = {"authenticated": found is not None}
            if found is not None:
                status["user"] = _info(found)
        case _:
            return None
    return {**body, "metadata": body.get("metadata") or {}, "status": status}


def _info(user: User) -> Obj:
    info: Obj = {"username": user.name, "groups": list(user.groups)}
    if user.uid:
        info["uid"] = user.uid
    return info
