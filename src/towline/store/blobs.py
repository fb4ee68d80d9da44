"""Bytes by key in files, bounded in size: what may be lost at any time and made again.

Each file carries a MAC over its key and its bytes: one that was changed, or moved to the place of
another, is not used. Several processes may share a folder; each then counts what it found and what
it wrote itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import tempfile
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

_log = logging.getLogger("towline.store")
_MAC: Final = hashlib.sha256().digest_size
_ABANDONED: Final = 3600.0  # seconds after which nobody is still writing a file


class Blobs:
    """A folder of blobs.

    Args:
        folder: Where the files are; created with mode 0700.
        key: Secret of the MAC.
        limit: Bytes of all files; the ones not used for longest go first.
    """

    def __init__(self, folder: Path, key: bytes, *, limit: int = 512 << 20) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._key = key
        self._limit = limit
        self._sizes = _by_age(folder)
        self._total = sum(self._sizes.values())
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="blobs")

    def get(self, key: str) -> bytes | None:
        """The bytes as they were put; None when they are not there any more or were changed."""
        name = _name(key)
        try:
            content = (self._folder / name).read_bytes()
        except OSError:
            return None
        mac, value = content[:_MAC], content[_MAC:]
        if not hmac.compare_digest(mac, self._mac(name, value)):
            _log.warning("blob was changed and is not used name=%s", name)
            return None
        if name in self._sizes:
            self._sizes.move_to_end(name)
        return value

    def put(self, key: str, value: bytes) -> None:
        """Keeps the bytes; written in the background, whole or not at all."""
        self._writer.submit(self._write, _name(key), value)

    def close(self) -> None:
        """Returns when everything is written."""
        self._writer.shutdown()

    def _write(self, name: str, value: bytes) -> None:
        size = len(value) + _MAC
        if size > self._limit // 4:
            return
        try:
            with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".new-", delete=False) as new:
                new.write(self._mac(name, value) + value)
            Path(new.name).replace(self._folder / name)
        except OSError as error:
            _log.warning("blob not kept error=%s", error)
            return
        self._total += size - self._sizes.pop(name, 0)
        self._sizes[name] = size
        while self._total > self._limit:
            oldest, freed = self._sizes.popitem(last=False)
            self._total -= freed
            with contextlib.suppress(FileNotFoundError):
                (self._folder / oldest).unlink()

    def _mac(self, name: str, value: bytes) -> bytes:
        return hmac.digest(self._key, name.encode() + b"\0" + value, "sha256")


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _by_age(folder: Path) -> OrderedDict[str, int]:
    """Sizes of the files, the oldest first; what a crash left half-written is removed."""
    found: list[tuple[float, str, int]] = []
    for entry in folder.iterdir():
        try:
            facts = entry.stat()
        except FileNotFoundError:
            continue  # another process removed it
        if entry.name.startswith(".new-"):
            if time.time() - facts.st_mtime > _ABANDONED:
                entry.unlink(missing_ok=True)
            continue
        found.append((facts.st_mtime, entry.name, facts.st_size))
    return OrderedDict((name, size) for _, name, size in sorted(found))
