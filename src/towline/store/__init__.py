"""SQL store: deliveries, runs, lineage, sessions, log chunks, migrations."""

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
