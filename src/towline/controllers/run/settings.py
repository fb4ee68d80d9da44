"""What the run controller needs to know about this installation."""

from __future__ import annotations

from pathlib import Path

import msgspec

from towline.sandbox.process import DEFAULT_PATH


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of runs.

    Attributes:
        workspaces: Folder of workspaces, one per run while it lasts.
        artifacts: Folder of archived files, one per run.
        instance: Cookie of this Towline for its children.
        git_aliases: Host -> base URL that takes its place.
        page: Base URL of the web pages, or an empty string.
        path: PATH of scripts.
        environment: Further variables of every run, such as those of a proxy.
    """

    workspaces: Path
    artifacts: Path
    instance: str
    git_aliases: dict[str, str] = {}
    page: str = ""
    path: str = DEFAULT_PATH
    environment: dict[str, str] = {}
