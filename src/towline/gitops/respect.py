"""RespectIgnoreDifferences: a target that leaves what is ignored as it is in the cluster."""

from __future__ import annotations

from typing import Any

from towline.kube.patch.merge import apply_merge_patch, create_merge_patch
from towline.kube.patch.strategic import apply_strategic_patch
from towline.kube.patch.strategic_diff import create_three_way_strategic
from towline.kube.schema.node import SchemaNode

Obj = dict[str, Any]


def respecting(bare_target: Obj, bare_live: Obj, live: Obj, schema: SchemaNode | None) -> Obj:
    """The target with the ignored fields of the live object.

    Args:
        bare_target: The target without the ignored fields.
        bare_live: The live object without them.
        live: The live object.
        schema: The kind's schema: lists with keys are merged by them; without one a list is one
            value.
    """
    wanted = {name: value for name, value in live.items() if name != "status"}
    present = {name: value for name, value in bare_live.items() if name != "status"}
    if schema is None:
        patched: Obj = apply_merge_patch(bare_target, create_merge_patch(present, wanted))
        return patched
    ignored = create_three_way_strategic(present, wanted, present, schema)
    return apply_strategic_patch(bare_target, ignored, schema)
