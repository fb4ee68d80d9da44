"""Keeps libgit2 from reading the machine's and the user's git configuration."""

from __future__ import annotations

import pygit2
from pygit2.enums import ConfigLevel


def isolate_library() -> None:
    """Empties the search paths of configuration files, for the whole process; may be repeated."""
    for level in (
        ConfigLevel.SYSTEM,
        ConfigLevel.XDG,
        ConfigLevel.GLOBAL,
        ConfigLevel.PROGRAMDATA,
    ):
        pygit2.settings.search_path[level] = ""
