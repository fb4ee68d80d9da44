"""A declarative pipeline as values; expressions stay syntax trees until they are needed. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from towline.text.groovy.tree import Call, Closure, Node, Position

AgentKind = Literal["any", "none", "label", "docker", "dockerfile"]

# In the order in which they run.
POST_CONDITIONS = (
    "always",
    "changed",
    "fixed",
    "regression",
    "aborted",
    "success",
    "unsuccessful",
    "unstable",
    "failure",
    "notBuilt",
    "cleanup",
)


class Problem(msgspec.Struct, frozen=True):
    """Something in a `pipeline { }` that cannot work."""

    at: Position
    message: str
    hint: str = ""


class Agent(msgspec.Struct, frozen=True):
    """Where stages run; `values` are the settings of docker and dockerfile."""

    kind: AgentKind
    values: dict[str, Node] = msgspec.field(default_factory=dict)


class Variable(msgspec.Struct, frozen=True):
    """An entry of `environment { }`."""

    at: Position
    name: str
    value: Node


class When(msgspec.Struct, frozen=True):
    """`when { }`: all conditions must hold."""

    conditions: tuple[Call, ...]
    before_agent: bool = False


class Axis(msgspec.Struct, frozen=True):
    """An axis of a matrix, or of an exclusion; `negated` for `notValues`."""

    name: str
    values: tuple[str, ...]
    negated: bool = False


class StageModel(msgspec.Struct, frozen=True, kw_only=True):
    """A stage; exactly one of `steps`, `stages` and `parallel` says what it does."""

    at: Position
    name: Node
    agent: Agent | None = None
    environment: tuple[Variable, ...] = ()
    when: When | None = None
    options: tuple[Call, ...] = ()
    steps: Closure | None = None
    stages: tuple[StageModel, ...] = ()
    parallel: tuple[StageModel, ...] = ()
    matrix: Matrix | None = None
    fail_fast: bool = False
    post: dict[str, Closure] = msgspec.field(default_factory=dict)


class Matrix(msgspec.Struct, frozen=True):
    """`matrix { }`: the cell runs once per combination of values that is not excluded."""

    axes: tuple[Axis, ...]
    excludes: tuple[tuple[Axis, ...], ...]
    cell: StageModel


class PipelineModel(msgspec.Struct, frozen=True, kw_only=True):
    """A whole `pipeline { }`."""

    agent: Agent
    environment: tuple[Variable, ...] = ()
    options: tuple[Call, ...] = ()
    parameters: tuple[Call, ...] = ()
    stages: tuple[StageModel, ...] = ()
    post: dict[str, Closure] = msgspec.field(default_factory=dict)
