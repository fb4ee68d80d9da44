"""Long-running parts of a process: one that breaks is told of and started again, alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from towline.aio.attempt import attempt
from towline.aio.clock import Clock

_STEADY_SECONDS = 60.0

_log = logging.getLogger("towline.services")


class Services:
    """Runs parts side by side until its task group ends.

    A part is expected to run until it is cancelled. When it raises or returns, that is logged with
    its cause, the part is listed as broken, and after a wait that grows it is started anew; the
    other parts go on.

    Args:
        group: Owns the tasks.
        clock: To wait by.
        base: Seconds before the first restart.
        cap: Longest wait between restarts, seconds.
    """

    def __init__(
        self, group: asyncio.TaskGroup, clock: Clock, *, base: float = 0.5, cap: float = 60.0
    ) -> None:
        self._group = group
        self._clock = clock
        self._base = base
        self._cap = cap
        self._broken: dict[str, str] = {}

    @property
    def broken(self) -> dict[str, str]:
        """Parts that wait to be started again, each with the cause."""
        return dict(self._broken)

    def start(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Starts a part.

        Args:
            name: For the log and the list of what is broken.
            run: Works until it is cancelled; called once per start.
        """
        self._group.create_task(self._keep(name, run), name=name)

    async def _keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        while True:
            began = self._clock.monotonic()
            cause: Exception | None = None
            try:
                await attempt(run)
            except Exception as error:  # noqa: BLE001  # the supervised unit: a whole part
                cause = error
            if self._clock.monotonic() - began > _STEADY_SECONDS:
                failures = 0
            delay = min(self._cap, self._base * 2.0 ** min(failures, 30))
            failures += 1
            self._broken[name] = f"{type(cause).__name__}: {cause}" if cause else "it ended"
            _log.error(
                "part broke name=%s restart_in=%.1fs cause=%s",
                name,
                delay,
                self._broken[name],
                exc_info=cause,
            )
            await self._clock.sleep(delay)
            del self._broken[name]
