"""How a simulated container behaves, as the pod's annotations say. Pure.

An annotation holds for all main containers of the pod; with `.CONTAINER` behind its name it holds
for that container alone, init containers included:

    drydock.io/sim-start-seconds   from the decision to start it until it runs
    drydock.io/sim-ready-after     seconds from its start until its probes succeed
    drydock.io/sim-run-seconds     seconds that it runs; `forever` for no end
    drydock.io/sim-exit-code       what it ends with
    drydock.io/sim-failures        so many attempts fail with that code, later ones are well
    drydock.io/sim-stop-seconds    how long it takes to end after SIGTERM
    drydock.io/sim-image-error     its image cannot be pulled, with this message
    drydock.io/sim-log             what it writes to its log when it starts

What it pretends to use is said likewise; see the module `metrics` beside this one. Where no
annotation says how long it runs and how it ends, a command that is evident does (`commands`).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from towline.drydock.cluster import Obj
from towline.drydock.node.restarts import is_sidecar
from towline.drydock.node.simulated.commands import FOREVER, Outcome, outcome
from towline.drydock.node.simulated.options import SimulationOptions

PREFIX = "drydock.io/sim-"
_LONGEST = 1e9
_LONGEST_LOG = 4096

T = TypeVar("T")


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt of a container will do; seconds where nothing else is said.

    Attributes:
        start: From the decision to start it until it runs.
        started: From its start until its startup probe succeeds.
        ready: From its start until its readiness probe succeeds.
        run: How long it runs, `FOREVER` for no end.
        exit_code: What it ends with on its own.
        stop: How long it takes to end when it is told to.
        image_error: Why its image cannot be pulled; empty when it can.
        log: Its first line of output.
        ignored: Annotations that make no sense, for an Event.
    """

    start: float = 0.0
    started: float = 0.0
    ready: float = 0.0
    run: float = FOREVER
    exit_code: int = 0
    stop: float = 0.0
    image_error: str = ""
    log: str = ""
    ignored: tuple[str, ...] = ()


def behaviour_of(
    pod: Obj, container: Obj, attempt: int, options: SimulationOptions, *, init: bool
) -> Behaviour:
    """What the given attempt of a container will do.

    Args:
        pod: The pod.
        container: Its spec.
        attempt: 0 for the first.
        options: Defaults.
        init: Whether it is an init container.
    """
    notes = _Notes(pod["metadata"].get("annotations") or {}, container["name"], init=init)
    evident = outcome(container) or Outcome(None)
    code = notes.read("exit-code", _exit_code, evident.exit_code)
    failures = notes.read("failures", _count, -1)
    healed = 0 <= failures <= attempt
    run = notes.read("run-seconds", _duration, evident.seconds)
    if run is None:
        run = _natural_run(pod, container, options, init=init, fails=code != 0 and not healed)
    probed = notes.read("ready-after", _seconds, None)
    startup, readiness = _delay(container, "startupProbe"), _delay(container, "readinessProbe")
    ready = max(startup, readiness) if probed is None else probed
    return Behaviour(
        start=notes.read("start-seconds", _seconds, options.start_seconds),
        started=min(startup, ready),
        ready=ready,
        run=run,
        exit_code=0 if healed else code,
        stop=notes.read("stop-seconds", _seconds, 0.0),
        image_error=notes.read("image-error", _text, _missing(container, options)),
        log=notes.read("log", _text, "simulated container, attempt {attempt}").replace(
            "{attempt}", str(attempt)
        ),
        ignored=tuple(notes.ignored),
    )


def _natural_run(
    pod: Obj, container: Obj, options: SimulationOptions, *, init: bool, fails: bool
) -> float:
    """How long a container runs when nothing says so."""
    if init:
        return FOREVER if is_sidecar(container) else 0.0
    policy = pod["spec"].get("restartPolicy") or "Always"
    return FOREVER if policy == "Always" and not fails else options.job_seconds


def _missing(container: Obj, options: SimulationOptions) -> str:
    image = str(container.get("image") or "")
    missing = any(fnmatch.fnmatchcase(image, pattern) for pattern in options.missing_images)
    return "not found" if missing else ""


def _delay(container: Obj, probe: str) -> float:
    return float((container.get(probe) or {}).get("initialDelaySeconds") or 0)


class _Notes:
    """Reads annotations, and keeps the names of those that make no sense."""

    def __init__(self, annotations: dict[str, Any], container: str, *, init: bool) -> None:
        self._annotations = annotations
        self._container = container
        self._init = init
        self.ignored: list[str] = []

    def read(self, name: str, parse: Callable[[str], T], default: T) -> T:
        for key in (f"{PREFIX}{name}.{self._container}", f"{PREFIX}{name}"):
            if key not in self._annotations or (self._init and key == f"{PREFIX}{name}"):
                continue
            try:
                return parse(str(self._annotations[key]))
            except ValueError as error:
                self.ignored.append(f"{key}: {error}")
        return default


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= _LONGEST:
        raise ValueError(f"{text[:40]!r} is not a number of seconds")
    return value


def _duration(text: str) -> float:
    return FOREVER if text == "forever" else _seconds(text)


def _exit_code(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 255:
        raise ValueError(f"{text[:40]!r} is not an exit code")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError(f"{text[:40]!r} is not a count")
    return value


def _text(text: str) -> str:
    return text[:_LONGEST_LOG]
