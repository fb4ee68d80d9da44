"""What goes between the engine and a jq worker: length-prefixed MessagePack, no code."""

from __future__ import annotations

from typing import Final

import msgspec

from towline.gitops.ignore import Removal
from towline.workers.messages import Frames

__all__ = ["ANSWERS", "JOBS", "Frames", "JqJob", "JqRefused", "JqResult", "framed"]


class JqJob(msgspec.Struct, frozen=True):
    """Removals to carry out on documents; these are JSON.

    Attributes:
        documents: The documents.
        removals: What to take out of each, in order.
        cpu_seconds: Processor time for each removal on each document.
    """

    documents: tuple[bytes, ...]
    removals: tuple[Removal, ...]
    cpu_seconds: float


class JqResult(msgspec.Struct, frozen=True, tag="result"):
    """The documents that are left.

    Attributes:
        documents: In the order of the job.
        failed: Expressions that failed on a document, with the reason.
    """

    documents: tuple[bytes, ...]
    failed: tuple[tuple[str, str], ...] = ()


class JqRefused(msgspec.Struct, frozen=True, tag="refused"):
    """An expression is not jq."""

    expression: str
    message: str


class JqStarted(msgspec.Struct, frozen=True, tag="started"):
    """The worker begins with an expression; so it is known which one did not end."""

    expression: str


JqAnswer = JqResult | JqRefused | JqStarted

_ENCODER: Final = msgspec.msgpack.Encoder()
JOBS: Final = msgspec.msgpack.Decoder(JqJob)
ANSWERS: Final[msgspec.msgpack.Decoder[JqAnswer]] = msgspec.msgpack.Decoder(JqAnswer)


def framed(message: JqJob | JqAnswer) -> bytes:
    """The bytes of a message, with their length before them."""
    body = _ENCODER.encode(message)
    return len(body).to_bytes(4, "big") + body
