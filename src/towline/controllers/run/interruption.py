"""Stops a run because somebody asked for it, in a way that the pipeline can clean up after."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from towline.pipeline.commands import StepFailed


class Interruption:
    """The commands in flight of one run, and the wish that they stop.

    The first request makes them fail as interruptions, so that `finally` and `post` blocks still
    run; what these ask for is carried out normally.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._hit: set[asyncio.Task[Any]] = set()
        self.requested = False

    def request(self) -> bool:
        """Stops the commands in flight; tells whether there were any."""
        self.requested = True
        for task in self._tasks:
            self._hit.add(task)
            task.cancel()
        return bool(self._tasks)

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Surrounds one command.

        Raises:
            StepFailed: The command was stopped by a request.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a command runs in a task")
        self._tasks.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if task not in self._hit:
                raise
            task.uncancel()
            raise StepFailed("stopped by request", result="ABORTED", interruption=True) from None
        finally:
            self._tasks.discard(task)
            self._hit.discard(task)
