"""What goes between the engine and a worker: length-prefixed MessagePack, no code."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from towline.errors import (
    InputError,
    LimitError,
    NotFoundError,
    TowlineError,
    TransientError,
)
from towline.render.inputs import Foreign, MissingInputError
from towline.render.source import RenderRequest
from towline.render.tree import Read

MAX_FRAME: Final = 256 * 1024 * 1024
TEMPLATES: Final = "TOWLINE_TEMPLATES"
"""Names the folder of compiled templates in a worker's environment."""

_LENGTH: Final = 4


class GitAddress(msgspec.Struct, frozen=True, tag="git"):
    """A commit in a bare repository on this machine."""

    repository: str
    commit: str


class ArchiveAddress(msgspec.Struct, frozen=True, tag="archive"):
    """A gzipped tar archive on this machine, of one chart or one folder.

    Attributes:
        file: Its path.
        digest: SHA-256 of its bytes, the content id of everything in it.
    """

    file: str
    digest: str


Address = GitAddress | ArchiveAddress


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One render.

    Attributes:
        number: To tell answers apart.
        request: What to render.
        tree: The source's own files.
        refs: Other sources by their `ref`.
        foreign: What was fetched from elsewhere.
        age_keys: Identities that open encrypted files.
    """

    number: int
    request: RenderRequest
    tree: Address
    refs: dict[str, Address] = {}
    foreign: list[tuple[Foreign, Address]] = []
    age_keys: tuple[str, ...] = ()


class Rendered(msgspec.Struct, frozen=True, tag="rendered"):
    """A finished render; objects are JSON."""

    number: int
    source_type: str
    read: tuple[Read, ...]
    manifests: tuple[tuple[str, int, bytes], ...]
    decrypted: bool = False


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """A render that failed.

    Attributes:
        kind: Name of the error.
        wanted: What a render needs from elsewhere.
        damaged: The tree that could not be read: empty for the source's own, `$NAME` for another.
    """

    number: int
    kind: str
    message: str
    hint: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    field: str = ""
    wanted: Foreign | None = None
    damaged: tuple[str, ...] = ()


Answer = Rendered | Failed

_ENCODER: Final = msgspec.msgpack.Encoder()
JOBS: Final = msgspec.msgpack.Decoder(Job)
ANSWERS: Final[msgspec.msgpack.Decoder[Answer]] = msgspec.msgpack.Decoder(Answer)


def frame(message: Job | Answer) -> bytes:
    """The bytes of a message, with their length before them.

    Raises:
        LimitError: It is too large.
    """
    body = _ENCODER.encode(message)
    if len(body) > MAX_FRAME:
        raise LimitError(f"the render is larger than {MAX_FRAME} bytes")
    return len(body).to_bytes(_LENGTH, "big") + body


class Frames:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        """Bodies that are complete now.

        Raises:
            LimitError: A message is announced that is too large.
        """
        self._rest += chunk
        found: list[bytes] = []
        while len(self._rest) >= _LENGTH:
            size = int.from_bytes(self._rest[:_LENGTH], "big")
            if size > MAX_FRAME:
                raise LimitError(f"a worker announced {size} bytes")
            if len(self._rest) < _LENGTH + size:
                break
            found.append(bytes(self._rest[_LENGTH : _LENGTH + size]))
            del self._rest[: _LENGTH + size]
        return found


def failure(number: int, error: TowlineError, damaged: tuple[str, ...] = ()) -> Failed:
    """An error as a message."""
    where: dict[str, Any] = {}
    if isinstance(error, InputError):
        where = {name: getattr(error, name) for name in ("file", "line", "column", "field")}
    return Failed(
        number=number,
        kind=next((name for name, type_ in _KINDS.items() if isinstance(error, type_)), "other"),
        message=error.message,
        hint=error.hint,
        wanted=error.wanted if isinstance(error, MissingInputError) else None,
        damaged=damaged,
        **where,
    )


def error_of(failed: Failed) -> TowlineError:
    """The error that the message stands for."""
    if failed.wanted is not None:
        return MissingInputError(failed.wanted)
    if failed.kind == "input":
        return InputError(
            failed.message,
            file=failed.file,
            line=failed.line,
            column=failed.column,
            field=failed.field,
            hint=failed.hint,
        )
    return _KINDS.get(failed.kind, TowlineError)(failed.message, hint=failed.hint)


_KINDS: Final[dict[str, type[TowlineError]]] = {
    "input": InputError,
    "limit": LimitError,
    "missing": NotFoundError,
    "transient": TransientError,
}
