"""What goes between the engine and a script worker: length-prefixed MessagePack, no code."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from towline.gitops.lua.answers import ActionInfo, Change
from towline.gitops.lua.script import Script
from towline.gitops.verdict import Health


class ScriptJob(msgspec.Struct, frozen=True, kw_only=True):
    """A script to run on an object.

    Attributes:
        task: What its answer means.
        script: The script.
        document: The object as JSON.
        now: Seconds since 1970.
        params: What an action is called with.
        cpu_seconds: Processor time after which the kernel ends the worker.
    """

    task: Literal["health", "discovery", "action"]
    script: Script
    document: bytes
    now: float
    params: dict[str, str] = {}
    cpu_seconds: float


class Judged(msgspec.Struct, frozen=True, tag="judged"):
    """The health; None when the script has no opinion."""

    health: Health | None


class Offered(msgspec.Struct, frozen=True, tag="offered"):
    """The actions of an object."""

    actions: tuple[ActionInfo, ...]


class Changed(msgspec.Struct, frozen=True, tag="changed"):
    """What an action wants changed."""

    changes: tuple[Change, ...]


class ScriptFailed(msgspec.Struct, frozen=True, tag="failed"):
    """The script failed, or reached a limit."""

    message: str
    limit: bool = False


ScriptAnswer = Judged | Offered | Changed | ScriptFailed

_ENCODER: Final = msgspec.msgpack.Encoder()
JOBS: Final = msgspec.msgpack.Decoder(ScriptJob)
ANSWERS: Final[msgspec.msgpack.Decoder[ScriptAnswer]] = msgspec.msgpack.Decoder(ScriptAnswer)


def framed(message: ScriptJob | ScriptAnswer) -> bytes:
    """The bytes of a message, with their length before them."""
    body = _ENCODER.encode(message)
    return len(body).to_bytes(4, "big") + body
