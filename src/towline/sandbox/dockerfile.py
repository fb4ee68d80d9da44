"""What a Dockerfile builds upon, read without building it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from towline.errors import InputError

_DIRECTIVE = re.compile(r"#\s*([A-Za-z]+)\s*=\s*(\S+)\s*$")
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?::([-+])([^}]*))?\}|([A-Za-z_]\w*))")


class Line(msgspec.Struct, frozen=True):
    """An instruction: number of its first and last line (1-based), name, and text."""

    first: int
    last: int
    name: str
    text: str


def instructions(source: str) -> list[Line]:
    """The instructions of a Dockerfile with continuation lines joined."""
    escape = _escape(source)
    found: list[Line] = []
    text, first = "", 0
    for number, raw in enumerate(source.splitlines(), 1):
        line = raw.rstrip() if text else raw.strip()
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        first = first or number
        if line.endswith(escape):
            text += line[:-1]
            continue
        name, _, rest = (text + line).strip().partition(" ")
        found.append(Line(first, number, name.upper(), rest.strip()))
        text, first = "", 0
    return found


def base_images(
    source: str, *, arguments: Mapping[str, str] | None = None, file: str = "Dockerfile"
) -> list[str]:
    """Images that must exist before the build, in order, each once.

    Args:
        source: Text of the Dockerfile.
        arguments: Build arguments given.
        file: Name for errors.

    Raises:
        InputError: A FROM names nothing, or there is no FROM.
    """
    known: dict[str, str] = {}
    stages: set[str] = set()
    images: dict[str, None] = {}
    seen_from = False
    for line in instructions(source):
        if line.name == "ARG" and not seen_from:
            known |= _argument(line.text, known, arguments or {})
        elif line.name == "FROM":
            seen_from = True
            image, stage = _from(line, known, file)
            if image.lower() not in stages and image != "scratch":
                images[image] = None
            if stage:
                stages.add(stage.lower())
        elif line.name == "COPY":
            image = _copied_from(line.text)
            if image and not image.isdigit() and image.lower() not in stages:
                images[image] = None
    if not seen_from:
        raise InputError("has no FROM instruction", file=file)
    return list(images)


def mark_stages(source: str, label: str, value: str) -> str:
    """The same Dockerfile with a label at the head of every stage.

    Layers are cached by the instructions before them: the label makes layers that were built
    under other settings unusable.
    """
    if not re.fullmatch(r"[\w.-]+", label) or not re.fullmatch(r"[\w.-]+", value):
        raise ValueError("a marker is letters, digits, '.', '_' and '-'")
    ends = {line.last for line in instructions(source) if line.name == "FROM"}
    lines: list[str] = []
    for number, line in enumerate(source.splitlines(), 1):
        lines.append(line)
        if number in ends:
            lines.append(f"LABEL {label}={value}")
    return "\n".join(lines) + "\n"


def _escape(source: str) -> str:
    for line in source.splitlines():
        match = _DIRECTIVE.match(line.strip())
        if match is None:
            break
        if match[1].lower() == "escape":
            return match[2]
    return "\\"


def _argument(text: str, known: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    result: dict[str, str] = {}
    for item in text.split():
        name, _, default = item.partition("=")
        result[name] = given.get(name, _substitute(default.strip("\"'"), {**known, **result}))
    return result


def _from(line: Line, known: Mapping[str, str], file: str) -> tuple[str, str]:
    words = [word for word in line.text.split() if not word.startswith("--")]
    image = _substitute(words[0].strip("\"'"), known) if words else ""
    if not image:
        raise InputError("FROM names no image", file=file, line=line.first, field="FROM")
    stage = words[2] if len(words) > 2 and words[1].upper() == "AS" else ""
    return image, stage


def _copied_from(text: str) -> str:
    for word in text.split():
        if not word.startswith("--"):
            return ""
        if word.startswith("--from="):
            return word.removeprefix("--from=")
    return ""


def _substitute(text: str, known: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name, operator, word = match[1] or match[4], match[2], match[3] or ""
        present = known.get(name, "")
        if operator == "-":
            return present or word
        if operator == "+":
            return word if present else ""
        return present

    return _VARIABLE.sub(value, text)
