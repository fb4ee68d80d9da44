"""Keys in files that only their owner reads."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from towline.errors import SettingsError


def load_key(path: Path) -> bytes:
    """Reads the key file, or creates it with mode 0600.

    Raises:
        SettingsError: The file has a wrong length.
    """
    if not path.exists():
        fresh = path.with_suffix(".new")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
    key = path.read_bytes()
    if len(key) != 32:
        raise SettingsError(f"{path.name} must hold 32 bytes, it holds {len(key)}")
    return key
