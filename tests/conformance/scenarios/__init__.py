"""Conversations, one function each; the functions of all topics are collected in `SCENARIOS`."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from peers.recording import Talk

from scenarios import (
    access,
    applying,
    bodies,
    configuration,
    custom,
    deleting,
    discovery,
    every_kind,
    listing,
    namespaces,
    patching,
    pods,
    rules,
    services,
    tables,
    watching,
    workloads,
)

Scenario = Callable[[Talk], None]


def _of(module: ModuleType) -> list[Scenario]:
    return [
        each
        for name, each in vars(module).items()
        if callable(each) and not name.startswith("_") and each.__module__ == module.__name__
    ]


SCENARIOS: tuple[Scenario, ...] = (
    *(
        scenario
        for module in (
            access,
            applying,
            bodies,
            configuration,
            custom,
            deleting,
            discovery,
            listing,
            namespaces,
            patching,
            pods,
            rules,
            services,
            tables,
            watching,
            workloads,
        )
        for scenario in _of(module)
    ),
    *every_kind.SCENARIOS,
)
