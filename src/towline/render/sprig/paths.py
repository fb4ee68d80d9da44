"""Slash-separated paths by the rules of Go's path package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from towline.render.gotemplate.functions import BOOL, STRING, Function


def clean(path: str) -> str:
    """The shortest equal path: no `.`, no inner `..`, no double slashes."""
    if not path:
        return "."
    rooted = path.startswith("/")
    kept: list[str] = []
    for part in path.split("/"):
        if part in {"", "."}:
            continue
        if part != "..":
            kept.append(part)
        elif kept and kept[-1] != "..":
            kept.pop()
        elif not rooted:
            kept.append(part)
    return ("/" if rooted else "") + "/".join(kept) or "."


def base(path: str) -> str:
    """The last element; `.` of an empty path and `/` of slashes alone."""
    if not path:
        return "."
    return path.rstrip("/").rpartition("/")[2] or "/"


def directory(path: str) -> str:
    """All but the last element, cleaned."""
    head, slash, _ = path.rpartition("/")
    return clean(head + slash)


def extension(path: str) -> str:
    """What stands behind the last dot of the last element, with the dot."""
    _, dot, end = path.rpartition("/")[2].rpartition(".")
    return dot + end if dot else ""


def functions() -> Mapping[str, Function]:
    """The functions by name; those of the operating system's paths are the same on Linux."""
    bodies: dict[str, Callable[[str], Any]] = {
        "base": base,
        "dir": directory,
        "clean": clean,
        "ext": extension,
    }
    table: dict[str, Function] = {}
    for name, body in bodies.items():
        function = Function(body, (STRING,), result=STRING)
        table[name] = table[f"os{name.capitalize()}"] = function
    absolute = Function(lambda path: path.startswith("/"), (STRING,), result=BOOL)
    table["isAbs"] = table["osIsAbs"] = absolute
    return table
