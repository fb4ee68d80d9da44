"""The file system as the tree of a Kustomize build on the command line."""

from __future__ import annotations

import os
from pathlib import Path

from towline.errors import InputError, LimitError, NotFoundError

_MAX_FILE = 64 << 20


class DiskFiles:
    """All files of the machine; what may be loaded is the kustomization's business."""

    def real(self, path: str) -> tuple[str, bool] | None:
        """Where a path leads once links are followed, and whether that is a folder."""
        absolute = f"/{path}"
        try:
            target = os.path.realpath(absolute, strict=True)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise InputError(f"{absolute}: {error.strerror}") from error
        return target.lstrip("/"), Path(target).is_dir()

    def read(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            NotFoundError: There is none.
            LimitError: It is too large.
        """
        try:
            with Path(f"/{path}").open("rb") as stream:
                content = stream.read(_MAX_FILE + 1)
        except OSError as error:
            raise NotFoundError(f"/{path}: {error.strerror}") from error
        if len(content) > _MAX_FILE:
            raise LimitError(f"/{path}: larger than {_MAX_FILE} bytes")
        return content

    def shown(self, path: str) -> str:
        """The absolute path."""
        return f"/{path}"


def tree_path(folder: str) -> str:
    """A folder given on the command line as a path of the tree."""
    return str(Path(folder).absolute()).lstrip("/") if folder else ""
