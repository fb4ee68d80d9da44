"""The folders of one run, and its `git`."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from towline.controllers.run import git_wrapper
from towline.errors import InputError, NotFoundError
from towline.sandbox.process import DEFAULT_PATH


class Workspace:
    """Folders of a run: the work tree, temporary files, home, and programs put first on the PATH.

    Args:
        folder: Belongs to the run alone.
        name: Name of the work tree's folder.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.root = folder / name
        self.temporary = folder / f"{name}@tmp"
        self.home = folder / "home"
        self.programs = folder / "bin"
        self.state = folder / "state"

    def create(self) -> None:
        """Makes the folders anew; what an earlier attempt left is deleted."""
        self.delete()
        self.folder.mkdir(mode=0o700, parents=True)
        for path in (self.root, self.temporary, self.home, self.programs, self.state):
            path.mkdir(mode=0o755)

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

    @property
    def pushes(self) -> Path:
        """File in which the wrapper notes what it pushed."""
        return self.state / "pushes"
