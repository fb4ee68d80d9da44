"""A git repository of a test: a work tree and its commits."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import yaml


class GitRepository:
    """A new repository with one branch, `main`.

    Args:
        folder: Where it is made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        self._git("init", "--quiet", "--initial-branch=main")

    @property
    def url(self) -> str:
        """Where it can be fetched from, on this machine."""
        return f"file://{self._folder}"

    def commit(self, files: dict[str, list[dict[str, Any]]]) -> str:
        """Commits these files in place of all that were there, and gives the commit's hash."""
        for old in self._folder.glob("*.yaml"):
            old.unlink()
        for name, documents in files.items():
            (self._folder / name).write_text(yaml.safe_dump_all(documents))
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message=a change")
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *arguments: str) -> str:
        identity = {
            f"GIT_{role}_{field}": value
            for role in ("AUTHOR", "COMMITTER")
            for field, value in (("NAME", "a"), ("EMAIL", "a@example.com"))
        }
        environment = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull}
        return subprocess.run(
            ["git", "-C", str(self._folder), *arguments],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
