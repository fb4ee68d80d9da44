"""What a simulated container's command would do, as far as that is evident. Pure.

Understood are `sleep`, `true`, `false` and `echo`, and scripts given to a shell that are made of
these and `exit`, joined by `;`, `&&` or lines. Whatever else is run says nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

import msgspec

from towline.drydock.cluster import Obj

FOREVER = math.inf
# Images whose own command waits for a signal and does nothing else.
_IDLE_IMAGES = frozenset({"pause", "agnhost"})
_SHELLS = frozenset({"sh", "bash", "ash", "dash"})
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([smhd]?)")
_STEP = re.compile(r"\s*(?:&&|;|\n)\s*")
# With any of these a text is more than the few commands that are understood.
_SHELL_SYNTAX = frozenset("$`|<>(){}[]*?~\\'\"&#!")
_LONGEST_SCRIPT = 1000


class Outcome(msgspec.Struct, frozen=True):
    """How a command ends.

    Attributes:
        seconds: After how long; `FOREVER` for never, None when that cannot be told.
        exit_code: With what.
    """

    seconds: float | None
    exit_code: int = 0


def outcome(container: Obj) -> Outcome | None:
    """How the container's command ends; None when nothing can be told."""
    args = [str(part) for part in container.get("args") or ()]
    if not container.get("command"):
        idle = _repository(str(container.get("image") or "")) in _IDLE_IMAGES
        return Outcome(FOREVER) if idle and args in ([], ["pause"]) else None
    line = [*(str(part) for part in container["command"]), *args]
    if _program(line[0]) in _SHELLS:
        return _script(line[2]) if len(line) == 3 and line[1] == "-c" else None
    return _command(line)


def _script(text: str) -> Outcome | None:
    if len(text) > _LONGEST_SCRIPT:
        return None
    total, code = 0.0, 0
    for words, needed in _steps(text.strip()):
        if code and needed:
            continue
        if _SHELL_SYNTAX & set("".join(words)):
            return None
        if words[0] == "exit":
            return _exit(words, total, code)
        done = _command(words)
        if done is None or done.seconds is None:
            return None
        total += done.seconds
        code = done.exit_code
        if total == FOREVER:
            break
    return Outcome(total, code)


def _steps(text: str) -> Iterator[tuple[list[str], bool]]:
    """Words of each command, and whether it runs only when the one before it was well."""
    needed, at = False, 0
    for match in (*_STEP.finditer(text), None):
        words = text[at : match.start() if match else len(text)].split()
        if words:
            yield words[1:] if words[0] == "exec" and len(words) > 1 else words, needed
        if match:
            needed = "&&" in match[0]
            at = match.end()


def _exit(words: Sequence[str], total: float, code: int) -> Outcome | None:
    if len(words) == 1:
        return Outcome(total, code)
    if len(words) == 2 and words[1].isascii() and words[1].isdigit() and len(words[1]) <= 3:
        return Outcome(total, int(words[1]) % 256)
    return None


def _command(words: Sequence[str]) -> Outcome | None:
    match _program(words[0]):
        case "true" | "echo" | ":":
            return Outcome(0.0)
        case "false":
            return Outcome(0.0, 1)
        case "sleep" if len(words) == 2:
            seconds = _duration(words[1])
            return None if seconds is None else Outcome(seconds)
    return None


def _program(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _repository(image: str) -> str:
    """The last part of an image's name, without tag and digest."""
    return image.split("@", 1)[0].rsplit("/", 1)[-1].split(":", 1)[0]


def _duration(text: str) -> float | None:
    if text in ("infinity", "inf"):
        return FOREVER
    match = _DURATION.fullmatch(text)
    return float(match[1]) * _UNITS[match[2]] if match else None
