"""Files of a workspace: read, write, delete, archive."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from towline.controllers.run.workspace import Workspace
from towline.errors import InputError, LimitError, NotFoundError
from towline.pipeline.commands import Archive

_MOST_READ = 10 << 20
_MOST_ARCHIVED = 1 << 30
_DEFAULT_EXCLUDES = ("**/.git", "**/.git/**", "**/*~", "**/.DS_Store")


class Files:
    """Acts on the files of one run.

    Args:
        workspace: Its folders; nothing outside is touched.
        archive: Where archived files of the run are kept.
    """

    def __init__(self, workspace: Workspace, archive: Path) -> None:
        self._workspace = workspace
        self._archive = archive

    def read(self, cwd: str, path: str) -> str:
        """A text file.

        Raises:
            NotFoundError: There is none.
            LimitError: It is too large.
        """
        place = self._workspace.inside(cwd, path)
        if not place.is_file():
            raise NotFoundError(f"{path} does not exist in the workspace")
        if place.stat().st_size > _MOST_READ:
            raise LimitError(f"{path} is larger than {_MOST_READ} bytes")
        return place.read_text(encoding="utf-8", errors="replace")

    def write(self, cwd: str, path: str, text: str) -> None:
        """Writes a text file; folders are made."""
        place = self._workspace.inside(cwd, path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")

    def exists(self, cwd: str, path: str) -> bool:
        """Whether there is a file or folder."""
        return self._workspace.inside(cwd, path).exists()

    def delete(self, cwd: str) -> None:
        """Deletes the content of a directory."""
        folder = self._workspace.inside(cwd)
        for entry in folder.iterdir() if folder.is_dir() else ():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def archive(self, cwd: str, command: Archive) -> int:
        """Copies matching files to the run's archive; returns how many.

        Raises:
            LimitError: They are too large together.
        """
        folder = self._workspace.inside(cwd)
        chosen = list(matching(folder, command.includes, command.excludes))
        if sum((folder / name).stat().st_size for name in chosen) > _MOST_ARCHIVED:
            raise LimitError(f"archived files exceed {_MOST_ARCHIVED} bytes")
        for name in chosen:
            target = self._archive / name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(folder / name, target)
        return len(chosen)


def matching(folder: Path, includes: Iterable[str], excludes: Iterable[str]) -> Iterator[str]:
    """Regular files below a folder whose path matches, in order; links are left out."""
    wanted = [ant_pattern(glob) for glob in includes]
    unwanted = [ant_pattern(glob) for glob in (*excludes, *_DEFAULT_EXCLUDES)]
    for place in sorted(folder.rglob("*")):
        if not place.is_file() or place.is_symlink():
            continue
        name = place.relative_to(folder).as_posix()
        if any(pattern.fullmatch(name) for pattern in wanted) and not any(
            pattern.fullmatch(name) for pattern in unwanted
        ):
            yield name


def ant_pattern(glob: str) -> re.Pattern[str]:
    """A path glob as Ant reads it: `**/` is any folders, `*` and `?` stay in one name.

    Raises:
        InputError: It is absolute or climbs out.
    """
    glob = glob.strip().removeprefix("./")
    if glob.startswith("/") or ".." in glob.split("/"):
        raise InputError(f"{glob} must be a pattern inside the workspace", field="pattern")
    if glob.endswith("/"):
        glob += "**"
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    return re.compile("".join(parts.get(piece) or re.escape(piece) for piece in pieces))
