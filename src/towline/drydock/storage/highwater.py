"""The highest acknowledged revision, kept beside the database.

SQLite ends its recovery at the first frame of the write-ahead log that is damaged or absent, as it
must after a power cut, and says nothing of what came later. This mark tells the two apart: it is
written after a commit is durable, so a database that ends before it has lost acknowledged writes.
It is not flushed: lagging behind costs nothing, and a killed process leaves it in the page cache.
"""

from __future__ import annotations

import logging
import os
import zlib
from pathlib import Path

import msgspec

_log = logging.getLogger("towline.drydock.storage")

_SIZE = 128
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Mark(msgspec.Struct, frozen=True):
    """What the file says.

    Attributes:
        revision: The highest acknowledged revision.
        clean: Whether the last stop was clean.
        sync: Durability that writes had: `full` or `normal`.
        boot: Identity of the machine's boot in which they were made.
    """

    revision: int
    clean: bool
    sync: str
    boot: str

    def encode(self) -> bytes:
        """One line of fixed size with a checksum."""
        state = "clean" if self.clean else "open"
        text = f"drydock-mark 1 {self.revision} {state} {self.sync} {self.boot}"
        line = f"{text} {zlib.crc32(text.encode()):08x}"
        return line.ljust(_SIZE - 1).encode() + b"\n"

    @classmethod
    def decode(cls, raw: bytes) -> Mark | None:
        """Reads what `encode` wrote; None when it is damaged."""
        try:
            text, _, checksum = raw.decode("ascii").rstrip().rpartition(" ")
            if f"{zlib.crc32(text.encode()):08x}" != checksum:
                return None
            _, version, revision, state, sync, boot = text.split(" ")
            return cls(int(revision), state == "clean", sync, boot) if version == "1" else None
        except ValueError:
            return None


def boot_id() -> str:
    """Identity of the machine's current boot; `unknown` where the kernel does not tell."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return "unknown"


def mark_path(database: Path) -> Path:
    """Where the mark of a database is."""
    return database.with_name(database.name + "-mark")


def read_mark(database: Path) -> Mark | None:
    """The mark of a database; None when it is absent or damaged."""
    try:
        raw = mark_path(database).read_bytes()
    except FileNotFoundError:
        return None
    mark = Mark.decode(raw[:_SIZE])
    if mark is None:
        _log.warning("mark unreadable file=%s", mark_path(database))
    return mark


class HighWater:
    """Writes the mark of an open database.

    Args:
        database: The database's path.
        revision: Its newest revision.
        sync: Durability of its writes.

    Raises:
        OSError: The file cannot be created or flushed.
    """

    def __init__(self, database: Path, revision: int, sync: str) -> None:
        self._mark = Mark(revision, clean=False, sync=sync, boot=boot_id())
        self._failed = False
        self._file = os.open(mark_path(database), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode=0o600)
        try:
            os.pwrite(self._file, self._mark.encode(), 0)
            os.fsync(self._file)
        except OSError:
            os.close(self._file)
            raise

    def raise_to(self, revision: int) -> None:
        """Notes that commits up to a revision are durable."""
        self._mark = msgspec.structs.replace(self._mark, revision=revision)
        self._write()

    def close(self, *, clean: bool) -> None:
        """Notes a clean stop, or leaves the mark as it is."""
        if clean:
            self._mark = msgspec.structs.replace(self._mark, clean=True)
            self._write()
        os.close(self._file)

    def _write(self) -> None:
        try:
            os.pwrite(self._file, self._mark.encode(), 0)
        except OSError as error:
            # A mark that lags is still true.
            if not self._failed:
                _log.warning("mark not written error=%s", error)
            self._failed = True
