"""A script, as the customisations name it; nothing here runs one."""

from __future__ import annotations

import msgspec

from towline.errors import LimitError


class ScriptLimitError(LimitError):
    """A script took more instructions, memory or time than it may."""


class Script(msgspec.Struct, frozen=True):
    """A script.

    Attributes:
        text: Its source.
        name: For error messages, such as `health.lua`.
        open_libs: Whether it may use `string` and `math`.
    """

    text: str
    name: str = "script.lua"
    open_libs: bool = False

    @property
    def asks_time(self) -> bool:
        """Whether its answer may change by time alone."""
        return "os" in self.text and ("os.time" in self.text or "os.date" in self.text)
