"""The dynamic scope of a step: stage, directory, environment, secrets, registry, step ids. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from towline.pipeline.jenkins.results import Result, worst


class StepIds:
    """Numbers the steps of one block; ids are paths of counters, the same on every replay."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._count = 0

    def next(self) -> str:
        """The id of the next step in this block."""
        number = self._count
        self._count += 1
        return f"{self.prefix}.{number}" if self.prefix else str(number)

    def child(self) -> StepIds:
        """Ids for a block that is the next step here."""
        return StepIds(self.next())


class Stage:
    """A stage in progress.

    Attributes:
        stage_id: Id of the stage step.
        name: Its name.
        result: Worst of what happened in it.
        message: Why it is not a success.
    """

    def __init__(self, stage_id: str, name: str) -> None:
        self.stage_id = stage_id
        self.name = name
        self.result: Result = "SUCCESS"
        self.message = ""

    def worsen(self, result: Result, message: str) -> None:
        """Takes note of something that went wrong."""
        if worst(self.result, result) != self.result:
            self.result = result
            self.message = message


class Registry(msgspec.Struct, frozen=True):
    """What `docker.withRegistry` set: URL, prefix for image names, credential."""

    url: str = ""
    prefix: str = ""
    credentials_id: str = ""


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a step inherits from the blocks around it.

    Attributes:
        ids: Numbers the steps of the present block.
        stage: Innermost stage.
        overlay: Variables of `withEnv` and its kin; None unsets.
        cwd: Directory relative to the workspace.
        container: Container of `.inside`, or None.
        secrets: Bound secret values by variable.
        registry: Registry of `docker.withRegistry`.
        unwinds: Whether `finally` blocks run on cancellation: inside a time-out and in branches
            that may be cancelled by another one.
    """

    ids: StepIds
    stage: Stage | None = None
    overlay: Mapping[str, str | None] = msgspec.field(default_factory=dict)
    cwd: str = "."
    container: str | None = None
    secrets: Mapping[str, str] = msgspec.field(default_factory=dict)
    registry: Registry = Registry()
    unwinds: bool = False

    def inside(self, **changes: Any) -> Surroundings:
        """The surroundings of a block: ids of its own, and what the block changes."""
        if "ids" not in changes:
            changes["ids"] = self.ids.child()
        return msgspec.structs.replace(self, **changes)

    def with_variables(self, variables: Mapping[str, str | None]) -> Mapping[str, str | None]:
        """The overlay with further variables."""
        return {**self.overlay, **variables}
