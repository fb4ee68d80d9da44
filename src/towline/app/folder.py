"""The data folder: one owner at a time, ports that stay, files that others read."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
from pathlib import Path
from typing import Any

from towline.errors import ConflictError


class DataFolder:
    """The folder that `--data` names, held by one process.

    Attributes:
        path: Absolute path, mode 0700.
        instance: Random identity of the folder; child processes carry it in their environment.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise ConflictError(
                f"another towline runs on {path}", hint="stop it with `towline down`"
            ) from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)
        self.instance = self._identity()
        self._ports: dict[str, int] = self._read_ports()

    def close(self) -> None:
        """Lets go of the folder; what says that it runs is removed."""
        with contextlib.suppress(FileNotFoundError):
            (self.path / "endpoints.json").unlink()
        os.ftruncate(self._lock, 0)
        os.close(self._lock)

    def folder(self, name: str) -> Path:
        """A folder below it, made when missing, readable by its owner only."""
        path = self.path / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def port(self, name: str) -> int:
        """The port that the part used before, or 0."""
        return self._ports.get(name, 0)

    def keep_port(self, name: str, port: int) -> None:
        """Remembers the port, so that addresses stay valid after a restart."""
        if self._ports.get(name) != port:
            self._ports[name] = port
            write_private(self.path / "ports.json", json.dumps(self._ports))

    def publish(self, endpoints: dict[str, Any]) -> None:
        """Writes `endpoints.json`; its presence says that everything is up."""
        write_private(self.path / "endpoints.json", json.dumps(endpoints, indent=2) + "\n")

    def _identity(self) -> str:
        path = self.path / "instance"
        if not path.exists():
            write_private(path, secrets.token_hex(8))
        return path.read_text().strip()

    def _read_ports(self) -> dict[str, int]:
        try:
            found: dict[str, int] = json.loads((self.path / "ports.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return found


def write_private(path: Path, text: str) -> None:
    """Writes a file whole or not at all, mode 0600."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)


def owner_pid(path: Path) -> int | None:
    """Process that holds the data folder, or None when nobody does."""
    try:
        handle = os.open(path / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(handle, 32, 0).decode().strip()
        return int(text) if text.isdigit() else None
    finally:
        os.close(handle)
    return None
