"""What goes wrong with a template: Go's error texts, whole, as the exception's message."""

from __future__ import annotations

from towline.errors import InputError


class TemplateError(InputError):
    """An error of a template; `message` is exactly what Go prints."""


class ParseError(TemplateError):
    """The text is not a template: `template: NAME:LINE: ...`."""


class ExecutionError(TemplateError):
    """Running it failed: `template: NAME:LINE:COLUMN: executing "NAME" at <NODE>: ...`."""


class EvaluationError(Exception):
    """A failed evaluation, before its place in the template is known."""


class CallError(Exception):
    """A method that failed, before its place in the template is known.

    Attributes:
        name: The method's name.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
