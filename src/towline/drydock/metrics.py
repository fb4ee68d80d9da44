"""What nodes tell of the use of processors and memory: the values, and the port to ask for them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """Use of resources.

    Attributes:
        cpu: Mean over a window, in billionths of a processor.
        memory: Working set at the end of the window, in bytes.
    """

    cpu: int
    memory: int

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.cpu + other.cpu, self.memory + other.memory)


class NodeSample(msgspec.Struct, frozen=True):
    """The use of one node.

    Attributes:
        at: End of the window.
        window: Its length in seconds.
        usage: What was used.
    """

    at: dt.datetime
    window: float
    usage: Usage


class PodSample(msgspec.Struct, frozen=True):
    """The use of one pod.

    Attributes:
        at: End of the window.
        window: Its length in seconds; the shortest one when the containers' differ.
        containers: What the running containers used, by their names.
    """

    at: dt.datetime
    window: float
    containers: Mapping[str, Usage]


class MetricsSource(Protocol):
    """Who measures."""

    def nodes(self) -> Mapping[str, NodeSample]:
        """The nodes that have been measured, by name."""
        ...

    def pod(self, pod: dict[str, Any]) -> PodSample | None:
        """The use of a pod; None while one of its running containers has not been measured.

        Args:
            pod: The Pod object.
        """
        ...
