"""The jq worker: reads jobs from its standard input, takes fields out of documents, answers.

A program of jq may run for ever and its library cannot be interrupted. So the kernel does it: a
timer of processor time ends the whole worker, and its starter knows which expression it was.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Final, cast

import jq  # type: ignore[import-not-found]
import orjson

from towline.gitops.ignore import Removal, without_pointer
from towline.gitops.jq_paths import without_paths
from towline.workers.jq_messages import (
    JOBS,
    Frames,
    JqAnswer,
    JqJob,
    JqRefused,
    JqResult,
    JqStarted,
    framed,
)

_CHUNK: Final = 1 << 20
_MESSAGE: Final = 300

Send = Callable[[JqAnswer], None]
Program = Callable[[Any], list[list[Any]]]


class NotJqError(ValueError):
    """An expression does not compile."""


def main() -> None:
    """Works until its standard input ends."""
    answers = os.dup(1)
    quiet = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):  # jq prints documents there (`debug`, `stderr`)
        os.dup2(quiet, descriptor)
    frames = Frames()

    def send(message: JqAnswer) -> None:
        data = memoryview(framed(message))
        while data:
            data = data[os.write(answers, data) :]

    while chunk := os.read(0, _CHUNK):
        for body in frames.feed(chunk):
            send(answer(JOBS.decode(body), send))


def answer(job: JqJob, send: Send) -> JqResult | JqRefused:
    """Carries out a job; tells of each expression before it begins."""
    failed: list[tuple[str, str]] = []
    out = []
    try:
        for removal in job.removals:
            if removal.jq:
                send(JqStarted(removal.text))
                _limited(job.cpu_seconds, functools.partial(program_of, removal.text))
        for document in job.documents:
            value = orjson.loads(document)
            for removal in job.removals:
                value = _removed(value, removal, job.cpu_seconds, failed, send)
            out.append(orjson.dumps(value))
    except NotJqError as error:
        return JqRefused(removal.text, str(error))
    return JqResult(tuple(out), tuple(failed))


def _removed(
    value: Any, removal: Removal, seconds: float, failed: list[tuple[str, str]], send: Send
) -> Any:
    if not removal.jq:
        return without_pointer(value, removal.text)
    send(JqStarted(removal.text))
    program = program_of(removal.text)
    try:
        paths = _limited(seconds, functools.partial(program, value))
        return without_paths(value, paths)
    except (ValueError, RecursionError):
        # jq quotes the document in its messages, and that may be a Secret.
        failed.append((removal.text, "it fails on the object"))
        return value


@functools.lru_cache(maxsize=256)
def program_of(expression: str) -> Program:
    """The program that lists the paths to which the expression leads.

    Raises:
        NotJqError: It does not compile.
    """
    try:
        jq.compile(expression)  # alone, so that it cannot close the parenthesis below
        program = jq.compile(f"[path({expression})]")
    except ValueError as error:
        text = str(error).partition("\n")[0].removeprefix("jq: error: ")
        raise NotJqError(text[:_MESSAGE]) from error
    return lambda value: cast("list[list[Any]]", program.input_value(value).first())


def _limited(seconds: float, work: Callable[[], Any]) -> Any:
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        return work()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


if __name__ == "__main__":
    main()
    sys.exit(0)
