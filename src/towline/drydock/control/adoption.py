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
    cluster: Cluster, resource: GroupResource, owner: Obj, claim: Claim, *, finalizer: str = ""
) -> list[Obj]:
    """Adopts and releases; returns all objects that `owner` now controls.

    Args:
        cluster: Where they are.
        resource: What they are.
        owner: Who adopts and releases.
        claim: Which.
        finalizer: Put on what is adopted and taken from what is released; may be empty.
    """
    uid = owner["metadata"]["uid"]
    reference = controller_reference(owner)

    def adopt(copy: Obj) -> None:
        add_reference(copy, reference)
        held = copy["metadata"].get("finalizers") or []
        if finalizer and (controller_of(copy) or {}).get("uid") == uid and finalizer not in held:
            copy["metadata"]["finalizers"] = [*held, finalizer]

    def release(copy: Obj) -> None:
        drop_references(copy, [uid])
        if finalizer:
            held = copy["metadata"].get("finalizers") or []
            copy["metadata"]["finalizers"] = [one for one in held if one != finalizer]

    result = list(claim.owned)
    for obj in claim.adopt:
        adopted = await edit(cluster, resource, obj, adopt)
        controller = controller_of(adopted) if adopted is not None else None
        if adopted is not None and controller is not None and controller["uid"] == uid:
            result.append(adopted)
    for obj in claim.release:
        await edit(cluster, resource, obj, release)
    return result
