"""The shape of a step in the catalogue. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from towline.pipeline.jenkins.arguments import Signature, StepCall
from towline.pipeline.jenkins.session import Session

Run = Callable[[Session, StepCall], Awaitable[Any]]


class Step(msgspec.Struct, frozen=True):
    """A step: what it takes and what it does.

    Attributes:
        signature: Its arguments.
        run: Carries it out.
        quiet: Whether the log line that names the step is left out.
    """

    signature: Signature
    run: Run
    quiet: bool = False


def step(
    run: Run,
    *parameters: str,
    unnamed: str = "",
    required: tuple[str, ...] = (),
    body: str = "no",
    quiet: bool = False,
    lenient: bool = False,
) -> Step:
    """A step with its signature; the first parameter is the unnamed one unless said otherwise."""
    signature = Signature(
        parameters=parameters,
        unnamed=unnamed or (parameters[0] if parameters else ""),
        required=required,
        body=body,
        lenient=lenient,
    )
    return Step(signature, run, quiet)
