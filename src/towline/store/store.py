"""The store: everything that Towline remembers apart from git and the cluster."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

from towline.aio.broadcast import Broadcast
from towline.aio.clock import Clock, SystemClock
from towline.errors import ConflictError
from towline.store.accounts import Accounts, LoginFailures
from towline.store.audit import Audit
from towline.store.database import Database
from towline.store.deliveries import Deliveries
from towline.store.history import Images, ManifestCommits, Stages, Steps
from towline.store.hooks import ForgeHeads, Hooks
from towline.store.kv import KeyValues
from towline.store.lineage import Lineage
from towline.store.logs import Logs
from towline.store.runs import Runs
from towline.store.schema import migrate
from towline.store.sealed import Sealer, load_key


class Store:
    """One open store. Build it with `open`, end it with `close`.

    Attributes:
        changes: Small notices for live readers: `("run", id)`, `("delivery", number)`,
            `("lineage", subject)`, `("log", run id)`.
    """

    def __init__(self, directory: Path, database: Database, lock: int, clock: Clock) -> None:
        sealer = Sealer(load_key(directory / "store.key"))
        self._database = database
        self._lock = lock
        self.sealer = sealer
        self.changes: Broadcast[tuple[str, str]] = Broadcast(depth=1024)
        self.deliveries = Deliveries(database, self.changes, clock)
        self.runs = Runs(database, self.changes, clock)
        self.steps = Steps(database, clock)
        self.stages = Stages(database, self.changes, clock)
        self.images = Images(database, clock)
        self.commits = ManifestCommits(database, clock)
        self.lineage = Lineage(database, self.changes)
        self.hooks = Hooks(database, sealer, clock)
        self.forge_heads = ForgeHeads(database)
        self.accounts = Accounts(database, clock)
        self.login_failures = LoginFailures(database, clock)
        self.audit = Audit(database, clock)
        self.kv = KeyValues(database)
        self.logs = Logs(directory / "logs", self.changes)

    @classmethod
    async def open(cls, directory: Path, *, clock: Clock | None = None) -> Store:
        """Opens or creates the store in a directory of its own (mode 0700).

        Raises:
            ConflictError: Another process has it open.
            SettingsError: It is damaged, or from a newer version.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _lock(directory / "lock")
        try:
            database = Database(_private(directory / "towline.db"))
            await asyncio.to_thread(migrate, database.engine)
            database.start()
            return cls(directory, database, lock, clock or SystemClock())
        except BaseException:
            os.close(lock)
            raise

    async def close(self) -> None:
        """Finishes queued writes and lets go of the directory."""
        await self._database.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _private(path: Path) -> Path:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return path


def _lock(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise ConflictError(
            f"{path.parent} is in use by another process",
            hint="stop it first, or use another data folder",
        ) from error
    return handle
