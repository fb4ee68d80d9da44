"""What a run is started with, and what comes out of it, as values. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from towline.pipeline.jenkins.results import Result
from towline.text.groovy.limits import Limits


class ScmFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The repository and revision that a run was started for.

    Attributes:
        url: Clone URL.
        branch: Short branch name, or an empty string.
        commit: Full object id; may be empty before the first checkout.
    """

    url: str
    branch: str = ""
    commit: str = ""


class PreviousRun(msgspec.Struct, frozen=True, kw_only=True):
    """The completed run before this one."""

    number: int
    result: Result
    display_name: str = ""
    url: str = ""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A commit that is new in this run, for `when { changeset }` and `currentBuild.changeSets`."""

    commit: str
    message: str
    author: str = ""
    timestamp: int = 0
    paths: tuple[str, ...] = ()


class RunContext(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a run knows when it starts.

    Attributes:
        job: Job name, with folders.
        number: Build number, from 1.
        env: Built-in environment: PATH, HOME, WORKSPACE, JENKINS_URL and so on. `BUILD_NUMBER`,
            `JOB_NAME`, `BUILD_TAG`, `BRANCH_NAME` and their kind are filled in when absent.
        params: Values given to this run, by name; others have their declared default.
        scm: What `checkout scm` means; None when the run has no repository.
        previous: The completed run before this one, or None.
        jobs: Jobs that `build job:` may name, to the names of their parameters (None: any); None
            when the list is not known.
        changes: Commits since the previous run.
        causes: Class names of what started the run, such as `UserIdCause`.
        start_millis: Wall time of the start in milliseconds since 1970.
        url: Page of this run, or an empty string.
        limits: Bounds of the interpreter.
    """

    job: str
    number: int
    env: Mapping[str, str] = msgspec.field(default_factory=dict)
    params: Mapping[str, str | bool] = msgspec.field(default_factory=dict)
    scm: ScmFacts | None = None
    previous: PreviousRun | None = None
    jobs: Mapping[str, tuple[str, ...] | None] | None = None
    changes: tuple[Change, ...] = ()
    causes: tuple[str, ...] = ()
    start_millis: int = 0
    url: str = ""
    limits: Limits = Limits()


class StageOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """A stage when the run had ended; `status` as in `StageChanged`."""

    stage_id: str
    name: str
    status: str
    message: str = ""


class RunOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended.

    Attributes:
        result: Build result.
        error: Message of the error that ended it (secrets masked), or an empty string.
        stages: Stages in the order of their start.
        display_name: What the script called the run, or an empty string.
        description: What the script said about the run, or an empty string.
        variables: `env.X = ...` assignments, seen by a run that waits for this one.
    """

    result: Result
    error: str = ""
    stages: tuple[StageOutcome, ...] = ()
    display_name: str = ""
    description: str = ""
    variables: Mapping[str, str] = msgspec.field(default_factory=dict)
