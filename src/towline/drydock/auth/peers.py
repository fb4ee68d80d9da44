"""Users by client certificate: common name and organizations, once for each connection."""

from __future__ import annotations

import hashlib
from typing import Any

from towline.drydock.auth.user import AUTHENTICATED, User

_CREDENTIAL = "authentication.kubernetes.io/credential-id"


def certified_user(subject: Any, encoded: bytes) -> User | None:
    """The user that a verified certificate stands for; None without a common name.

    Args:
        subject: The subject as Python's `getpeercert` gives it.
        encoded: The certificate, DER.
    """
    name, groups = "", []
    for part in subject or ():
        for field, value in part:
            if field == "commonName":
                name = value
            elif field == "organizationName":
                groups.append(value)
    if not name:
        return None
    if AUTHENTICATED not in groups:
        groups.append(AUTHENTICATED)
    digest = hashlib.sha256(encoded).hexdigest()
    return User(name, tuple(groups), "", {_CREDENTIAL: (f"X509SHA256={digest}",)})
