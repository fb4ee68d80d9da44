"""SQL store: deliveries, runs, lineage, sessions, log chunks, migrations; and blobs in files.

The SQL half is loaded when its names are first used: workers and commands use blobs only.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from towline.store.store import Store
    from towline.store.values import (
        Account,
        AuditRecord,
        Delivery,
        HookSecret,
        Image,
        LineageRow,
        ManifestCommit,
        Mark,
        NewRun,
        Run,
        Session,
        Stage,
        Step,
    )

__all__ = [
    "Account",
    "AuditRecord",
    "Delivery",
    "HookSecret",
    "Image",
    "LineageRow",
    "ManifestCommit",
    "Mark",
    "NewRun",
    "Run",
    "Session",
    "Stage",
    "Step",
    "Store",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{'store' if name == 'Store' else 'values'}")
    return getattr(module, name)
