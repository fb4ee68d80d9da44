"""Failures of steps, as scripts see them and as results of a run. Pure."""

from __future__ import annotations

import msgspec

from towline.pipeline.commands import StepFailed
from towline.pipeline.jenkins.results import Result, parse_result
from towline.text.groovy import ExceptionValue, Thrown


class Failure(msgspec.Struct, frozen=True):
    """What an exception means for the run.

    Attributes:
        result: Result that it gives the run when nobody catches it.
        interruption: Whether it is an interruption: abort, time-out, downstream result.
        actual: Whether it still interrupts: a time-out no longer does outside its own block.
    """

    result: Result = "FAILURE"
    interruption: bool = False
    actual: bool = False


def failure_of(value: ExceptionValue) -> Failure:
    """The failure behind a script's exception."""
    return value.payload if isinstance(value.payload, Failure) else Failure()


def thrown_from(error: StepFailed, *, actual: bool = True) -> Thrown:
    """The script exception for a step that failed."""
    result = parse_result(error.result) or "FAILURE"
    failure = Failure(result, error.interruption, error.interruption and actual)
    kind = "FlowInterruptedException" if error.interruption else "AbortException"
    return Thrown(ExceptionValue(kind, error.message, payload=failure))


def abort(message: str) -> Thrown:
    """The exception of a step that fails with a message and no trace."""
    return Thrown(ExceptionValue("AbortException", message, payload=Failure()))


def interrupted(message: str, result: Result, *, actual: bool) -> Thrown:
    """An interruption that carries a result."""
    failure = Failure(result, interruption=True, actual=actual)
    return Thrown(ExceptionValue("FlowInterruptedException", message, payload=failure))


def describe(value: ExceptionValue) -> str:
    """One line for the log: the message of plain failures, type and line of all others."""
    if value.type_name in {"AbortException", "FlowInterruptedException"}:
        return value.message or value.type_name
    place = f" (line {value.line})" if value.line else ""
    return f"{value.text()}{place}"
