"""Events about simulated pods: what a kubelet would tell, as often as a kubelet would. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from towline.aio.clock import Clock
from towline.drydock.node.model import Command, Launch, Note, StartFailure, Stop
from towline.drydock.node.simulated.runtime import Run, SimulatedPod

# As a kubelet by default: fifty events a second, and a hundred at once.
_EVENTS_PER_SECOND = 50.0
_EVENTS_AT_ONCE = 100.0


class Allowance:
    """A token bucket.

    Args:
        clock: Time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left = _EVENTS_AT_ONCE
        self._at = clock.monotonic()

    def take(self) -> bool:
        """Whether one more may pass now."""
        now = self._clock.monotonic()
        grown = self._left + (now - self._at) * _EVENTS_PER_SECOND
        self._left, self._at = min(_EVENTS_AT_ONCE, grown), now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


def told(known: SimulatedPod, done: Iterable[Command]) -> Iterator[Note]:
    """The events of what was done to a pod.

    Args:
        known: The pod's containers after it was done.
        done: The commands.
    """
    for command in done:
        match command:
            case Launch(name=name, attempt=attempt):
                run = _run_of(known, name, attempt)
                if run is not None:
                    yield from _started(run)
                elif (failure := known.failures.get(name)) is not None:
                    yield from _failed(name, failure)
            case Stop(id=identifier, name=name, message=message):
                yield Note("Normal", "Killing", message, name, f"stop/{identifier}")
            case _:
                continue


def _run_of(known: SimulatedPod, name: str, attempt: int) -> Run | None:
    runs = known.runs.values()
    return next((run for run in runs if (run.name, run.attempt) == (name, attempt)), None)


def _started(run: Run) -> Iterator[Note]:
    present = f'Container image "{run.image}" already present on machine'
    yield Note("Normal", "Pulled", present, run.name, f"pulled/{run.id}")
    yield Note("Normal", "Created", f"Container created: {run.name}", run.name, f"made/{run.id}")
    yield Note("Normal", "Started", f"Container started: {run.name}", run.name, f"began/{run.id}")
    for text in run.behaviour.ignored:
        message = f"Annotation ignored: {text}"
        yield Note("Warning", "InvalidSimulation", message, run.name, f"ignored/{text}")


def _failed(name: str, failure: StartFailure) -> Iterator[Note]:
    key = f"failed/{name}/{failure.at.isoformat()}"
    yield Note("Warning", "Failed", failure.message, name, key)
    yield Note("Warning", "Failed", f"Error: {failure.reason}", name, f"{key}/reason")
