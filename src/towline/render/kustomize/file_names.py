"""Names of the files when a build writes one for each object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from towline.render.kustomize.ids import NOWHERE
from towline.render.kustomize.resource import Resource
from towline.render.kustomize.schema import Schemas


def file_names(objects: Sequence[dict[str, Any]]) -> list[str]:
    """A name for each object: kind and name, after the namespace when there are several."""
    schemas = Schemas()
    resources = [Resource(each, schemas) for each in objects]
    spaces = {each.id.effective_namespace for each in resources} - {NOWHERE}
    names = []
    for each in resources:
        gvk = each.gvk
        kind = "_".join(part for part in (gvk.group, gvk.version, gvk.kind) if part)
        name = f"{kind}_{each.name}.yaml".lower()
        space = each.id.effective_namespace
        names.append(f"{space.lower()}_{name}" if len(spaces) > 1 and space != NOWHERE else name)
    return names
