"""The exception tree of Towline.

    TowlineError
     |- InputError            what a person gave us is wrong; names file, line, column, field
     |- SettingsError         a setting is wrong or missing
     |- NotFoundError         the named thing does not exist
     |- ConflictError         somebody else changed it first; read again and retry
     |- DeniedError           not allowed: credentials, project, policy
     |- TransientError        may work later: network, time-out, overload
     |- LimitError            a bound was reached: size, depth, time, count
     '- CommandError          a child process failed; carries its exit code and last output

Expected errors carry a hint for the person. Anything else that escapes is a bug.
"""

from __future__ import annotations


class TowlineError(Exception):
    """Root of all expected errors.

    Attributes:
        message: One sentence for the person who reads it, without secrets.
        hint: What to do about it, or an empty string.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class InputError(TowlineError):
    """Input that a person wrote is wrong.

    Attributes:
        file: Path as the person knows it, or an empty string.
        line: 1-based line, 0 when unknown.
        column: 1-based column, 0 when unknown.
        field: Dotted path of the offending field, or an empty string.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str = "",
        line: int = 0,
        column: int = 0,
        field: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.file = file
        self.line = line
        self.column = column
        self.field = field

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place += f":{self.line}" if place else f"line {self.line}"
            if self.column:
                place += f":{self.column}"
        parts = [part for part in (place, self.field, self.message) if part]
        text = ": ".join(parts)
        return f"{text} ({self.hint})" if self.hint else text


class SettingsError(TowlineError):
    """A setting is wrong or missing; the message names it."""


class NotFoundError(TowlineError):
    """The named thing does not exist."""


class ConflictError(TowlineError):
    """The thing was changed by somebody else meanwhile."""


class DeniedError(TowlineError):
    """Not allowed."""


class TransientError(TowlineError):
    """May work when tried again.

    Attributes:
        retry_after: Seconds that the other side asked us to wait, or None.
    """

    def __init__(self, message: str, *, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class LimitError(TowlineError):
    """A bound was reached."""


class CommandError(TowlineError):
    """A child process failed.

    Attributes:
        exit_code: Its exit status; negative for a signal.
        output: The last part of what it wrote, secrets masked.
    """

    def __init__(self, message: str, *, exit_code: int, output: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code
        self.output = output
