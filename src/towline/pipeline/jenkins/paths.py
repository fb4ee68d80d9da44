"""Paths inside a workspace: normalised, and never out of it. Pure."""

from __future__ import annotations

import posixpath

from towline.pipeline.jenkins.failures import abort


def inside_workspace(path: str, cwd: str, workspace: str) -> str:
    """A path relative to the workspace root.

    Args:
        path: As the script wrote it: relative to `cwd`, or absolute beneath the workspace.
        cwd: Present directory, relative to the workspace root.
        workspace: Absolute path of the workspace.

    Raises:
        Thrown: When it leaves the workspace or is no path.
    """
    if "\0" in path or "\n" in path or len(path) > 4096:
        raise abort("not a path")
    if path.startswith("/"):
        relative = posixpath.relpath(posixpath.normpath(path), posixpath.normpath(workspace))
    else:
        relative = posixpath.normpath(posixpath.join(cwd, path))
    if relative == ".." or relative.startswith(("../", "/")):
        raise abort(f"the path '{path}' is outside of the workspace")
    return relative


def absolute(relative: str, workspace: str) -> str:
    """The absolute path of a path relative to the workspace root."""
    return workspace if relative == "." else posixpath.join(workspace, relative)
