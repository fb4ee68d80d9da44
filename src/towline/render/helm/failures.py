"""Helm's texts for templates that cannot be read, or that fail."""

from __future__ import annotations

import re
from typing import Final

from towline.render.gotemplate.errors import ExecutionError, ParseError
from towline.render.gotemplate.functions import FunctionError
from towline.render.helm.errors import RenderError

_WARN_START: Final = "HELM_ERR_START"
_WARN_END: Final = "HELM_ERR_END"
_WARNING: Final = re.compile(f"{_WARN_START}(.*){_WARN_END}", re.DOTALL)
_CALL: Final = re.compile(r"error calling [^:]*: (.*)", re.DOTALL)


def marked(message: str) -> FunctionError:
    """The error of `required` and `fail`: its message is all that will be shown."""
    return FunctionError(f"{_WARN_START}{message}{_WARN_END}")


def parse_problem(name: str, error: ParseError) -> RenderError:
    """Helm's shorter text for a template that cannot be read."""
    tokens = error.message.split(": ")
    if len(tokens) == 1:
        return RenderError(f"parse error in ({name}): {error.message}")
    return RenderError(f"parse error at ({tokens[1]}): {tokens[-1]}")


def execution_problem(name: str, error: ExecutionError, *, major: int) -> RenderError:
    """Helm's text for a template that failed: the message alone when the template gave one."""
    text = error.message
    tokens = text.split(": ", 2)
    if len(tokens) != 3:
        return RenderError(f"execution error in ({name}): {text}")
    warning = _WARNING.search(tokens[2])
    if warning is not None:
        return RenderError(f"execution error at ({tokens[1]}): {warning[1]}")
    return RenderError(text if major < 4 else _traced(text))


def _traced(text: str) -> str:
    """Helm 4's layout of an error: each place on lines of its own, outermost first."""
    lines: list[str] = []
    rest = text
    while True:
        if rest.startswith("template: no template "):
            lines.append(rest)
            break
        place = _place(rest)
        if place is None:
            return text
        location, executing, message = place
        said = message.partition(" template:")[0]
        lines += [location, f"  {executing}", f"    {said}"]
        call = _CALL.match(message)
        if call is None:
            break
        rest = call[1]
    return "\n".join(lines).strip()


def _place(text: str) -> tuple[str, str, str] | None:
    """Location, what was executed, and the message of one level of an error."""
    location, found, after = text.removeprefix("template: ").partition(': executing "')
    if not found or not text.startswith("template: "):
        return None
    function, found, after = after.partition('" at <')
    if not found:
        return None
    node, found, message = after.partition(">: ")
    return (location, f'executing "{function}" at <{node}>:', message) if found else None
