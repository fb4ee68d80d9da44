"""Patches: JSON patch, JSON merge patch, strategic merge patch. Pure."""

from towline.kube.patch.jsonpatch import apply_json_patch
from towline.kube.patch.merge import apply_merge_patch, create_merge_patch, three_way_merge
from towline.kube.patch.strategic import apply_strategic_patch, create_three_way_strategic

__all__ = [
    "apply_json_patch",
    "apply_merge_patch",
    "apply_strategic_patch",
    "create_merge_patch",
    "create_three_way_strategic",
    "three_way_merge",
]
