"""Carries out a claim: writes owner references of adopted and released objects."""

from __future__ import annotations

from towline.drydock.cluster import Cluster, Obj
from towline.drydock.control.ownership import (
    Claim,
    add_reference,
    controller_of,
    controller_reference,
    drop_references,
)
from towline.drydock.control.writes import edit
from towline.kube.refs import GroupResource


async def take_over(
    cluster: Cluster, resource: GroupResource, owner: Obj, claim: Claim
) -> list[Obj]:
    """Adopts and releases; returns all objects that `owner` now controls."""
    uid = owner["metadata"]["uid"]
    reference = controller_reference(owner)
    result = list(claim.owned)
    for obj in claim.adopt:
        adopted = await edit(cluster, resource, obj, lambda copy: add_reference(copy, reference))
        controller = controller_of(adopted) if adopted is not None else None
        if adopted is not None and controller is not None and controller["uid"] == uid:
            result.append(adopted)
    for obj in claim.release:
        await edit(cluster, resource, obj, lambda copy: drop_references(copy, [uid]))
    return result
