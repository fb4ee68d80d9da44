"""The GitOps engine: keeps a cluster at what git says, by Application resources."""

from towline.controllers.application.controller import ApplicationController, builtin_schemas
from towline.controllers.application.kinds import engine_kind
from towline.controllers.application.ports import (
    ClusterApi,
    Drift,
    EngineObserver,
    LiveCache,
    RepositoryPort,
)
from towline.controllers.application.settings import EngineSettings
from towline.controllers.application.tree import Node, build_tree

__all__ = [
    "ApplicationController",
    "ClusterApi",
    "Drift",
    "EngineObserver",
    "EngineSettings",
    "LiveCache",
    "Node",
    "RepositoryPort",
    "build_tree",
    "builtin_schemas",
    "engine_kind",
]
