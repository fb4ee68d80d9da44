"""What the language asks of whoever embeds it. Pure."""

from __future__ import annotations

from typing import Any, Protocol

from towline.text.groovy.values import Arguments, Site


class Host(Protocol):
    """Gives meaning to the names that a script does not define itself.

    Everything that a script can reach beyond values goes through these four methods. Errors that a
    script may catch are raised as `Thrown`.
    """

    def lookup(self, name: str, site: Site) -> Any:
        """The value of a free name, or `UNKNOWN`."""
        ...

    async def call(self, name: str, arguments: Arguments, site: Site) -> Any:
        """Calls a function that the script does not define.

        Raises:
            Thrown: Among others when there is no such function.
        """
        ...

    async def construct(self, type_name: str, arguments: Arguments, site: Site) -> Any:
        """Makes `new Type(...)` of a type that the language does not know.

        Raises:
            Thrown: Among others when the type is not allowed.
        """
        ...

    def unwinds(self, state: Any) -> bool:
        """Whether `finally` blocks run when this part of the script is cancelled."""
        ...
