"""Effects that happen once per run and step, also when the run is repeated after a crash."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from towline.pipeline.commands import Command, StepContext
from towline.store.history import Steps

R = TypeVar("R", bound=msgspec.Struct)


class Effects:
    """Records results of effects and reuses them.

    Args:
        steps: The store's records.
        run: Id of the run.
    """

    def __init__(self, steps: Steps, run: str) -> None:
        self._steps = steps
        self._run = run

    async def once(
        self,
        command: Command,
        context: StepContext,
        type_: type[R],
        perform: Callable[[], Awaitable[R]],
        *,
        holds: Callable[[R], Awaitable[bool]],
    ) -> tuple[R, bool]:
        """Carries the effect out, unless the same request was carried out and still holds.

        Args:
            command: What is asked; a record of another request is not used.
            context: Its step id keys the record.
            type_: Type of the result.
            perform: Carries it out.
            holds: Whether an earlier result is still true of the world.

        Returns:
            The result, and whether it was made now.
        """
        request = hashlib.sha256(msgspec.json.encode(_named(command))).hexdigest()
        known = await self._steps.get(self._run, context.step_id)
        if known is not None and known.finished_at is not None and known.request == request:
            result = msgspec.convert(known.result, type_)
            if await holds(result):
                return result, False
        await self._steps.begin(self._run, context.step_id, type(command).__name__, request)
        result = await perform()
        await self._steps.finish(self._run, context.step_id, result)
        return result, True


def _named(command: Command) -> list[Any]:
    return [type(command).__name__, msgspec.to_builtins(command)]
