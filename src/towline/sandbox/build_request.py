"""One image build as a value, and where on disk it leads."""

from __future__ import annotations

from pathlib import Path

import msgspec

from towline.errors import InputError
from towline.sandbox.docker_arguments import BuildArguments


class BuildRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One image build.

    Attributes:
        image: Name that the image gets.
        arguments: As `docker build` was asked.
        directory: Where that was asked.
        workspace: Nothing outside this folder is read.
        constraints: pip constraint lines.
        extra_arguments: Build arguments in addition; those of `arguments` win.
        substitutes: Base image -> image to be used in its place.
    """

    image: str
    arguments: BuildArguments
    directory: Path
    workspace: Path
    constraints: tuple[str, ...] = ()
    extra_arguments: dict[str, str] = {}
    substitutes: dict[str, str] = {}


def locate(request: BuildRequest) -> tuple[Path, Path]:
    """The real context directory and Dockerfile of a request.

    Raises:
        InputError: One of them leaves the workspace or does not exist.
    """
    asked = request.arguments
    workspace = request.workspace.resolve()
    context = _inside(request.directory / asked.context, workspace, asked.context)
    if not context.is_dir():
        raise InputError(f"build context {asked.context} is not a directory", field="docker.build")
    named = request.directory / asked.file if asked.file else context / "Dockerfile"
    if not asked.file and not named.exists() and (context / "Containerfile").exists():
        named = context / "Containerfile"
    dockerfile = _inside(named, workspace, asked.file or "Dockerfile")
    if not dockerfile.is_file():
        raise InputError(f"{asked.file or 'Dockerfile'} does not exist", field="docker.build")
    return context, dockerfile


def _inside(path: Path, workspace: Path, shown: str) -> Path:
    resolved = path.resolve()
    if not resolved.is_relative_to(workspace):
        raise InputError(f"{shown} leads out of the workspace", field="docker.build")
    return resolved
