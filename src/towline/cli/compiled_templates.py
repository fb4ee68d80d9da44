"""Compiled templates in the user's cache folder: the next command does not compile them again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def kept_templates() -> Iterator[None]:
    """Within it compiled templates are looked for; at its end new ones are kept, unless it failed.

    Where there is no folder that is the user's alone, nothing is kept.
    """
    from towline.render.gotemplate.engine import SHARED_UNITS
    from towline.workers.templates import open_templates

    folder = _folder()
    files = open_templates(folder) if folder is not None else None
    if files is None:
        yield
        return
    SHARED_UNITS.keep_in(files)
    try:
        yield
        SHARED_UNITS.save()
    finally:
        SHARED_UNITS.keep_in(None)
        files.close()


def _folder() -> Path | None:
    given = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(given) if given else Path.home() / ".cache") / "towline" / "templates"
    except RuntimeError:  # nobody's home
        return None
