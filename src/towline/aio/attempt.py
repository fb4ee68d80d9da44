"""One unit of work as a task of its own, so that it can fail in every way without its caller."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class InnerCancelError(RuntimeError):
    """The work was cancelled from within: a bug, or a shared future that somebody gave up."""


async def attempt(work: Callable[[], Awaitable[T]]) -> T:
    """Runs the work and returns its result; when the caller is cancelled, so is the work.

    A task that is cancelled from within would end a long-lived caller without a word, and a task
    group that fails leaves a count of cancellations on the task that it ran in (Python 3.11). Both
    stay with the work.

    Raises:
        InnerCancelError: The work was cancelled, the caller was not.
        Exception: Whatever the work raised.
    """
    task = asyncio.create_task(_awaited(work))
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait([task])
        raise
    if task.cancelled():
        raise InnerCancelError("the work was cancelled from within")
    return task.result()


async def _awaited(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


def first_leaf(error: BaseException) -> BaseException:
    """The error itself, or the first one in a group of errors, however deep."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
