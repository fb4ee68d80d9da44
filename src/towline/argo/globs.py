"""Glob patterns as Argo CD uses them: `*`, `**`, `?`, `[...]`, `{a,b}`."""

from __future__ import annotations

import functools
import re


def matches(pattern: str, text: str, *, separator: str = "") -> bool:
    """Whether the whole text matches.

    Args:
        pattern: The glob; an unfinished bracket or brace matches nothing.
        text: What to test.
        separator: A character that `*` and `?` do not cross (`**` does), or empty.
    """
    compiled = _compile(pattern, separator)
    return compiled is not None and compiled.fullmatch(text) is not None


@functools.lru_cache(maxsize=2048)
def _compile(pattern: str, separator: str) -> re.Pattern[str] | None:
    one = f"[^{re.escape(separator)}]" if separator else "."
    out: list[str] = []
    depth = index = 0
    while index < len(pattern):
        char = pattern[index]
        index += 1
        if char == "*":
            end = index
            while end < len(pattern) and pattern[end] == "*":
                end += 1
            out.append(".*" if end > index else f"{one}*")
            index = end
        elif char == "?":
            out.append(one)
        elif char == "[":
            end = pattern.find("]", index + 1)
            if end < 0:
                return None
            out.append(_character_class(pattern[index:end]))
            index = end + 1
        elif char == "{":
            depth += 1
            out.append("(?:")
        elif char == "}" and depth:
            depth -= 1
            out.append(")")
        elif char == "," and depth:
            out.append("|")
        else:
            if char == "\\" and index < len(pattern):
                char = pattern[index]
                index += 1
            out.append(re.escape(char))
    if depth:
        return None
    return re.compile("".join(out), re.DOTALL)


def _character_class(body: str) -> str:
    negated = body[:1] in {"!", "^"}
    inner = re.sub(r"([\\\[\]^&~|])", r"\\\1", body[1:] if negated else body)
    return f"[{'^' if negated else ''}{inner}]"
