"""Errors in the form that the Kubernetes API gives them: Status objects."""

from __future__ import annotations

from typing import Any

from towline.errors import TowlineError

CODES = {
    "BadRequest": 400,
    "Unauthorized": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "MethodNotAllowed": 405,
    "NotAcceptable": 406,
    "AlreadyExists": 409,
    "Conflict": 409,
    "Expired": 410,
    "RequestEntityTooLarge": 413,
    "UnsupportedMediaType": 415,
    "Invalid": 422,
    "TooManyRequests": 429,
    "InternalError": 500,
    "ServiceUnavailable": 503,
    "Timeout": 504,
}


class ApiError(TowlineError):
    """An answer of the Kubernetes API that is not a success.

    Attributes:
        code: HTTP status.
        reason: Machine-readable reason such as `NotFound`; may be empty.
        details: The Status object's `details`; an empty map given to the constructor is shown.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        code: int = 0,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.code = code or CODES.get(reason, 500)
        self.details = details or {}
        self._empty_details = details == {}

    def status(self) -> dict[str, Any]:
        """The Status object that a client gets."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details or self._empty_details:
            body["details"] = self.details
        body["code"] = self.code
        return body

    @classmethod
    def from_status(cls, body: dict[str, Any], code: int) -> ApiError:
        """Reads a Status object as a client received it."""
        return cls(
            str(body.get("message") or f"HTTP {code}"),
            reason=str(body.get("reason") or ""),
            code=int(body.get("code") or code),
            details=body.get("details") or {},
        )
