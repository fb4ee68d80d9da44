"""Server-side apply: field sets, ownership, merge. Pure."""

from towline.kube.ssa.apply import server_side_apply, track_update
from towline.kube.ssa.fieldset import FieldSet
from towline.kube.ssa.typed import Comparison, compare, field_set_of

__all__ = [
    "Comparison",
    "FieldSet",
    "compare",
    "field_set_of",
    "server_side_apply",
    "track_update",
]
