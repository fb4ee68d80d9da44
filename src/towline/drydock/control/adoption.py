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
from towline.kube.refs import GroupResource


async def take_over(
    cluster: Cluster, resource: GroupResource, owner: Obj, claim: Claim, manager: str
) -> list[Obj]:
    """Adopts and releases; returns all objects that `owner` now controls."""
    uid = owner["metadata"]["uid"]
    reference = controller_reference(owner)
    result = list(claim.owned)
    for obj in claim.adopt:
        meta = obj["metadata"]
        adopted = await cluster.mutate(
            resource,
            meta["namespace"],
            meta["name"],
            lambda copy: add_reference(copy, reference),
            manager=manager,
            uid=meta["uid"],
        )
        controller = controller_of(adopted) if adopted is not None else None
        if adopted is not None and controller is not None and controller["uid"] == uid:
            result.append(adopted)
    for obj in claim.release:
        meta = obj["metadata"]
        await cluster.mutate(
            resource,
            meta["namespace"],
            meta["name"],
            lambda copy: drop_references(copy, [uid]),
            manager=manager,
            uid=meta["uid"],
        )
    return result
