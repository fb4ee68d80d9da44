"""Whoever listens hears of a push, whatever state the repository is in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pygit2

from towline.git import Git
from towline.git.server.app import GitServer
from towline.git.server.repositories import Repositories


class Damaged(Repositories):
    def adopt_head(self, full_name: str) -> None:
        raise pygit2.GitError(f"{full_name}: object not found")


def test_a_repository_that_cannot_be_read_does_not_swallow_the_notice(tmp_path: Path) -> None:
    nobody: Any = None
    repositories = Damaged(tmp_path)
    repositories.create("o/r")
    server = GitServer(repositories, Git("test"), nobody)
    heard: list[tuple[str, str]] = []
    server.listen(lambda name, pusher: heard.append((name, pusher)))
    server._pushed("o/r", "ann")
    assert heard == [("o/r", "ann")]
