"""Compiled templates of charts in files, so that a new process does not compile them again.

What is read back becomes code. So each file carries a MAC, with a key that its owner alone reads,
and a folder that belongs to another user, or that others may write to, is not used at all.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
from pathlib import Path
from typing import Final

from towline.errors import SettingsError
from towline.render import gotemplate
from towline.store.blobs import Blobs
from towline.store.keyfile import load_key

_log = logging.getLogger("towline.workers")
_LIMIT: Final = 128 << 20


class TemplateFiles:
    """Keeps compiled templates; a `UnitStore`. Made by `open_templates`."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._compiler = compiler_digest()

    def get(self, key: str) -> bytes | None:
        """The bytes as they were put by the same compiler, or None."""
        return self._blobs.get(f"{self._compiler} {key}")

    def put(self, key: str, value: bytes) -> None:
        """Keeps the bytes; written in the background."""
        self._blobs.put(f"{self._compiler} {key}", value)

    def close(self) -> None:
        """Returns when everything is written."""
        self._blobs.close()


def open_templates(folder: Path, *, limit: int = _LIMIT) -> TemplateFiles | None:
    """The templates in a folder; None where none can be kept safely.

    Args:
        folder: Made when it is missing.
        limit: Bytes of all files.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = folder / "key"
        if not _is_ours(folder) or (key.exists() and not _is_ours(key)):
            _log.info("compiled templates are not kept: not ours alone folder=%s", folder)
            return None
        return TemplateFiles(Blobs(folder / "units", load_key(key), limit=limit))
    except (OSError, SettingsError) as error:
        _log.info("compiled templates are not kept error=%s", error)
        return None


@functools.cache
def compiler_digest() -> str:
    """Identity of the compiler's own code: another compiler makes other code of the same text."""
    digest = hashlib.sha256()
    for place in gotemplate.__path__:
        for file in sorted(Path(place).glob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _is_ours(path: Path) -> bool:
    facts = path.lstat()
    return facts.st_uid == os.geteuid() and not facts.st_mode & 0o022
