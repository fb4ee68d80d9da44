"""Runs a plugin's commands in a confined process on a private copy of the application's files."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from towline.controllers.application.plugins.copying import Copy, CopyLimits, ModeTree
from towline.errors import CommandError, DeniedError, LimitError, NotFoundError
from towline.render.inputs import FileTree
from towline.render.plugin.definition import Plugin
from towline.render.tree import RecordingTree
from towline.sandbox import Completed, Confinement, Limits, View, process

_log = logging.getLogger("towline.plugins")
_SHOWN: Final = 2000  # characters of a failed command's output
_HOME: Final = "/tmp"  # noqa: S108  # inside, a folder of the run's own


class PluginLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of plugins.

    Attributes:
        seconds: Time for one command.
        output: Bytes that a command may print.
        at_once: Plugins that run at the same time.
        copy: Bounds of the copied files.
        address_space: Bytes of virtual memory of one process.
        file_size: Bytes of the largest file that it may write.
    """

    seconds: float = 90.0
    output: int = 32 << 20
    at_once: int = 2
    copy: CopyLimits = CopyLimits()
    address_space: int = 4 << 30
    file_size: int = 512 << 20


class PluginRunner:
    """Runs commands of plugins.

    A command has a closed environment, sees this machine read-only and neither the data folder nor
    any credentials, and has no network unless its plugin says so. Where the machine cannot confine
    it, it does not run, unless confinement was turned off on purpose.

    Args:
        folder: Where copies are made; what is in it is removed at the first run.
        confinement: Hides what is ours.
        unconfined: Whether commands run although they cannot be confined.
        instance: Value of the cookie by which left-over processes are found.
        limits: Bounds.
    """

    def __init__(
        self,
        folder: Path,
        confinement: Confinement,
        *,
        unconfined: bool = False,
        instance: str = "",
        limits: PluginLimits | None = None,
    ) -> None:
        self._folder = folder
        self._confinement = confinement
        self._unconfined = unconfined
        self._instance = instance
        self._limits = limits or PluginLimits()
        self._slots = asyncio.Semaphore(self._limits.at_once)
        self._preparing = asyncio.Lock()
        self._prepared = False

    @contextlib.asynccontextmanager
    async def workspace(
        self, plugin: Plugin, tree: FileTree, recording: RecordingTree, folder: str
    ) -> AsyncIterator[Workspace]:
        """A copy of what the plugin may read, and a place to run its commands in.

        Args:
            plugin: The plugin.
            tree: The repository.
            recording: The same, recording what is copied.
            folder: The application's folder.

        Raises:
            DeniedError: Commands cannot be confined here.
            InputError: A file cannot be copied.
            LimitError: The files are too large or too many.
        """
        await self._prepare()
        async with self._slots:
            place = Path(tempfile.mkdtemp(prefix="run-", dir=self._folder)).resolve()
            try:
                (place / "scratch").mkdir(mode=0o700)
                modes = tree if plugin.preserve_file_mode and isinstance(tree, ModeTree) else None
                copy = Copy(recording, modes, self._limits.copy)
                root = place / "files"
                top = "" if plugin.whole_repository else folder
                await asyncio.to_thread(copy.write, top, root)
                yield Workspace(self, plugin, root, root / folder if folder != top else root)
            finally:
                await asyncio.shield(asyncio.to_thread(_remove, place))

    async def run(
        self, workspace: Workspace, argv: Sequence[str], environment: Mapping[str, str]
    ) -> Completed:
        """Runs a command to its end, whatever its exit code.

        Raises:
            LimitError: It takes too long or prints too much.
            CommandError: There is no such program.
        """
        view = View(
            writable=(workspace.root,),
            scratch=workspace.root.with_name("scratch"),
            network=workspace.plugin.network,
        )
        closed = {**environment, "HOME": _HOME, "LANG": "C.UTF-8", "PATH": process.DEFAULT_PATH}
        program = _program(argv[0], workspace.cwd)
        wrapped, env = self._confinement.wrap([program, *argv[1:]], closed, view, workspace.cwd)
        limits = Limits(
            address_space=self._limits.address_space,
            file_size=self._limits.file_size,
            open_files=1024,
            captured=self._limits.output,
        )
        shown = _shown(argv)
        try:
            done = await process.run(
                wrapped,
                env=env,
                cwd=workspace.cwd,
                timeout=self._limits.seconds,
                limits=limits,
                instance=self._instance,
                grace=process.Grace(interrupt=0.0, terminate=0.5),
            )
        except LimitError as error:
            text = f"`{shown}` failed timeout after {self._limits.seconds:g}s"
            raise LimitError(text) from error
        except NotFoundError as error:
            raise CommandError(f"`{shown}` failed: {error.message}", exit_code=127) from error
        if done.truncated:
            raise LimitError(f"`{shown}` prints more than {self._limits.output} bytes")
        return done

    async def _prepare(self) -> None:
        async with self._preparing:
            if not self._prepared:
                await asyncio.to_thread(_emptied, self._folder)
                await self._confinement.prepare()
                self._prepared = True
        refusal = self._confinement.refusal
        if refusal and not self._unconfined:
            raise DeniedError(
                f"plugins run confined, which this machine does not allow: {refusal}",
                hint="install bubblewrap, or set build.confine to off",
            )


class Workspace:
    """A private copy of an application's files. Made by `PluginRunner.workspace`.

    Attributes:
        plugin: Whose commands run here.
        root: The copy.
        cwd: The application's folder in it.
    """

    def __init__(self, runner: PluginRunner, plugin: Plugin, root: Path, cwd: Path) -> None:
        self._runner = runner
        self.plugin = plugin
        self.root = root
        self.cwd = cwd

    async def output(self, argv: Sequence[str], environment: Mapping[str, str]) -> str:
        """What a command prints.

        Raises:
            CommandError: It failed; what it wrote to its standard error is in the message.
            LimitError: It takes too long or prints too much.
        """
        done = await self._runner.run(self, argv, environment)
        if done.exit_code == 0:
            return done.stdout.decode("utf-8", "replace").removesuffix("\n")
        said = done.stderr.decode("utf-8", "replace").strip()[-_SHOWN:]
        text = f"`{_shown(argv)}` failed {_ending(done.exit_code)}"
        raise CommandError(
            f"{text}: {said}" if said else text, exit_code=done.exit_code, output=said
        )


def _program(name: str, cwd: Path) -> str:
    """A program with a slash in its name is found in the application's folder."""
    return name if "/" not in name or name.startswith("/") else str(cwd / name)


def _shown(argv: Sequence[str]) -> str:
    text = " ".join(argv)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"signal: {signal.Signals(-code).name}"
    except ValueError:
        return f"signal: {-code}"


def _emptied(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in folder.iterdir():
        _remove(left)


def _remove(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    if place.exists():
        _log.warning("a plugin's files cannot be removed folder=%s", place)
