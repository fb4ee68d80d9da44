"""What is said about an object's health."""

from __future__ import annotations

import msgspec

from towline.argo.status import HealthCode


class Health(msgspec.Struct, frozen=True):
    """Health of one object."""

    status: HealthCode
    message: str = ""
