"""The folders of one run, and its `git`."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from towline.controllers.run import git_wrapper
from towline.errors import InputError, NotFoundError
from towline.sandbox.confinement import View
from towline.sandbox.process import DEFAULT_PATH

_MOST_NOTED = 1 << 20


class Workspace:
    """Folders of a run: the work tree, temporary files, home, and programs put first on the PATH.

    Args:
        folder: Belongs to the run alone.
        name: Name of the work tree's folder.

    Attributes:
        root: The work tree.
        temporary: Files for scripts and of scripts, also in containers.
        home: HOME of programs that we run ourselves; scripts cannot reach it, so what they
            configure does not act on us.
        script_home: HOME of scripts.
        scratch: What stands for `/tmp` when scripts are confined.
        programs: Programs put first on the PATH.
        state: Notes of the git wrapper.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.root = folder / name
        self.temporary = folder / f"{name}@tmp"
        self.home = folder / "own-home"
        self.script_home = folder / "home"
        self.scratch = folder / "tmp"
        self.programs = folder / "bin"
        self.state = folder / "state"

    def create(self) -> None:
        """Makes the folders anew; what an earlier attempt left is deleted."""
        self.delete()
        self.folder.mkdir(mode=0o700, parents=True)
        for path in (*self.view.writable, *self.view.readable, self.home):
            path.mkdir(mode=0o755)
        self.scratch.mkdir()
        self.scratch.chmod(0o1777)

    @property
    def view(self) -> View:
        """What confined scripts reach of it."""
        return View(
            writable=(self.root, self.temporary, self.script_home, self.state),
            readable=(self.programs,),
            scratch=self.scratch,
        )

    def delete(self) -> None:
        """Removes everything; absent is no error."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.folder)

    def inside(self, cwd: str, path: str = ".") -> Path:
        """The real place of a path given relative to a directory of the work tree.

        Raises:
            InputError: It leaves the work tree, directly or through a link.
        """
        place = Path(os.path.normpath(self.root / cwd / path))
        root = self.root.resolve()
        if not place.resolve().is_relative_to(root) or "\0" in path:
            raise InputError(f"{path} leads out of the workspace", field="path")
        return place

    def install_git(self, *, job: str, number: int, key: str, aliases: Mapping[str, str]) -> None:
        """Puts the wrapper for git on the PATH of this run.

        Raises:
            NotFoundError: git is not installed.
        """
        real = shutil.which("git", path=DEFAULT_PATH)
        if real is None:
            raise NotFoundError("git is not installed", hint="apt-get install git")
        config = self.state / "git.json"
        config.write_bytes(
            msgspec.json.encode(
                {
                    "git": real,
                    "job": job,
                    "number": number,
                    "key": key,
                    "aliases": dict(aliases),
                    "record": str(self.pushes),
                    "counter": str(self.state / "commits"),
                }
            )
        )
        argv = [sys.executable, "-IS", str(Path(git_wrapper.__file__)), str(config)]
        shim = self.programs / "git"
        shim.write_text(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n')
        shim.chmod(0o755)

    def put(self, name: str, content: str | bytes, *, mode: int) -> Path:
        """Writes a file of ours into the temporary folder, in place of what scripts left there.

        Scripts may plant links in that folder: none is followed.

        Raises:
            OSError: A folder stands in its place.
        """
        folder = os.open(self.temporary, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            handle = os.open(name, flags, mode, dir_fd=folder)
        finally:
            os.close(folder)
        data = content if isinstance(content, bytes) else content.encode(errors="surrogateescape")
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(handle, mode)
            stream.write(data)
        return self.temporary / name

    def remove(self, name: str) -> None:
        """Deletes a file that `put` made; absent is fine, links are not followed."""
        folder = os.open(self.temporary, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
        finally:
            os.close(folder)

    @property
    def pushes(self) -> Path:
        """File in which the wrapper notes what it pushed."""
        return self.state / "pushes"

    def take_pushes(self) -> str:
        """What the wrapper noted since the last time; scripts can write there, so bounded.

        A link is not followed.
        """
        try:
            handle = os.open(self.pushes, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return ""
        with os.fdopen(handle, "rb") as stream:
            noted = stream.read(_MOST_NOTED) if stat.S_ISREG(os.fstat(handle).st_mode) else b""
        self.pushes.unlink(missing_ok=True)
        return (noted or b"").decode("utf-8", "replace")
