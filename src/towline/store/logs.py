"""Logs of runs: one append-only file each, bounded."""

from __future__ import annotations

import os
import re
from pathlib import Path

from towline.aio.broadcast import Broadcast
from towline.errors import InputError

_CAP = 64 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_MARK = b"\n[log truncated: it reached %d MiB]\n"


class Logs:
    """Appends and reads logs by run id.

    Args:
        directory: Holds the files; created with mode 0700.
        changes: Told `("log", run id)` after each append.
        cap: Most bytes per log; what comes after is dropped and a mark says so.
    """

    def __init__(
        self, directory: Path, changes: Broadcast[tuple[str, str]], *, cap: int = _CAP
    ) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._changes = changes
        self._cap = cap

    def append(self, run: str, data: bytes) -> bool:
        """Adds to the log (already masked).

        Returns:
            Whether all of it was kept.
        """
        path = self._path(run)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "ab") as file:
            size = file.tell()
            if size >= self._cap:
                return False
            kept = data[: self._cap - size]
            file.write(kept)
            if size + len(kept) >= self._cap:
                file.write(_MARK % (self._cap // (1024 * 1024)))
        self._changes.publish(("log", run))
        return len(kept) == len(data)

    async def tail(self, run: str, offset: int = 0, limit: int = 262_144) -> tuple[bytes, int]:
        """Bytes from `offset` on and the offset to ask for next.

        An unknown run has an empty log. A negative offset counts from the end.
        """
        try:
            with self._path(run).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                start = max(0, size + offset) if offset < 0 else min(offset, size)
                file.seek(start)
                data = file.read(limit)
        except FileNotFoundError:
            return b"", 0
        return data, start + len(data)

    def size(self, run: str) -> int:
        """Bytes in the log."""
        path = self._path(run)
        return path.stat().st_size if path.exists() else 0

    def remove(self, run: str) -> None:
        """Deletes the log; absent is no error."""
        self._path(run).unlink(missing_ok=True)

    def _path(self, run: str) -> Path:
        if not _NAME.fullmatch(run):
            raise InputError(f"not a run id: {run!r}", field="run")
        return self._directory / f"{run}.log"
