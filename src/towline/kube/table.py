"""Rows of server-side tables: what `kubectl get` prints for each kind. Pure.

`columns` gives the column definitions of a kind, `row` the cells of one object, always with the
cells of the wide view (clients hide those).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from towline.kube.printers.cells import NAME, Column, Moment, Obj, age, moment_of
from towline.kube.printers.custom import custom_cells, custom_columns
from towline.kube.printers.kinds import PRINTERS
from towline.kube.refs import GroupVersionKind

_CREATED = Column("Created At", "date")


def columns(
    gvk: GroupVersionKind, crd_columns: Sequence[Obj] | None = None
) -> list[dict[str, Any]]:
    """The `columnDefinitions` of a kind.

    Args:
        gvk: The kind.
        crd_columns: `additionalPrinterColumns` of a custom kind (may be empty); None for others.
    """
    if crd_columns is not None:
        return custom_columns(crd_columns)
    printer = PRINTERS.get(gvk.group_kind)
    found = printer.columns if printer else (NAME, _CREATED)
    return [column.definition() for column in found]


def row(
    gvk: GroupVersionKind,
    obj: Obj,
    now: str | datetime,
    crd_columns: Sequence[Obj] | None = None,
) -> list[Any]:
    """The cells of one object, in the order of `columns`.

    Args:
        gvk: The kind.
        obj: The object.
        now: Time against which ages are counted, RFC 3339 or an aware datetime.
        crd_columns: As for `columns`.
    """
    moment: Moment = moment_of(now) if isinstance(now, str) else now
    metadata = obj.get("metadata") or {}
    if crd_columns is not None:
        return custom_cells(obj, crd_columns, moment)
    printer = PRINTERS.get(gvk.group_kind)
    if printer is None:
        return [metadata.get("name", ""), metadata.get("creationTimestamp")]
    return printer.cells(obj, moment)


def row_conditions(gvk: GroupVersionKind, obj: Obj) -> list[dict[str, Any]]:
    """The row's own conditions: pods that ended are marked as completed."""
    if gvk.group or gvk.kind != "Pod":
        return []
    phase = (obj.get("status") or {}).get("phase")
    messages = {
        "Succeeded": "The pod has completed successfully.",
        "Failed": "The pod failed.",
    }
    if phase not in messages:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": messages[phase]}]


__all__ = ["age", "columns", "row", "row_conditions"]
