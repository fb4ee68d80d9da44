"""Identity and storage of a StatefulSet's pods: labels, claims, who owns a claim. Pure."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from towline.drydock.cluster import Obj
from towline.drydock.control.ownership import controller_reference

POD_NAME_LABEL = "statefulset.kubernetes.io/pod-name"
INDEX_LABEL = "apps.kubernetes.io/pod-index"
_DELETE = "Delete"


def identified(name: str, number: int) -> dict[str, str]:
    """The labels that tell a pod from its siblings."""
    return {POD_NAME_LABEL: name, INDEX_LABEL: str(number)}


def claims_of(owner: Obj, number: int) -> list[tuple[str, Obj]]:
    """Claims of the pod with that ordinal, as (volume, PersistentVolumeClaim)."""
    found = []
    labels = (owner["spec"].get("selector") or {}).get("matchLabels") or {}
    for template in owner["spec"].get("volumeClaimTemplates") or ():
        meta = template["metadata"]
        metadata: Obj = {
            "name": f"{meta['name']}-{owner['metadata']['name']}-{number}",
            "namespace": owner["metadata"]["namespace"],
            "labels": {**(meta.get("labels") or {}), **labels},
        }
        if meta.get("annotations"):
            metadata["annotations"] = dict(meta["annotations"])
        body = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": metadata,
            "spec": copy.deepcopy(template.get("spec") or {}),
        }
        found.append((meta["name"], body))
    return found


def with_claims(owner: Obj, spec: Obj, number: int) -> Obj:
    """A pod's spec with the set's claims as volumes, in place of volumes of the same name."""
    volumes = [
        {"name": volume, "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}}
        for volume, claim in claims_of(owner, number)
    ]
    if not volumes:
        return spec
    names = {volume["name"] for volume in volumes}
    others = [one for one in spec.get("volumes") or () if one["name"] not in names]
    return {**spec, "volumes": [*volumes, *others]}


def is_stale(claim: Obj, pod: Obj) -> bool:
    """Whether the claim belongs to an earlier pod of this name, and goes with it."""
    return any(
        one["kind"] == "Pod"
        and one["name"] == pod["metadata"]["name"]
        and one["uid"] != pod["metadata"].get("uid")
        for one in claim["metadata"].get("ownerReferences") or ()
    )


def wanted_owners(
    owner: Obj, pod: Obj, claim: Obj, *, condemned: bool
) -> list[dict[str, Any]] | None:
    """The owner references that the retention policy asks for, None when they are right.

    Args:
        owner: The StatefulSet.
        pod: The pod that uses the claim.
        claim: The claim.
        condemned: Whether the pod's ordinal is out of range.
    """
    policy = owner["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
    scaled, deleted = policy.get("whenScaled") == _DELETE, policy.get("whenDeleted") == _DELETE
    before = list(claim["metadata"].get("ownerReferences") or ())
    if any(_stale(reference, each) for reference in before for each in (owner, pod)):
        return None
    ours = {owner["metadata"]["uid"], pod["metadata"]["uid"]}
    others = [reference for reference in before if reference["uid"] not in ours]
    wanted: Iterable[Obj] = ()
    if not any(reference.get("controller") for reference in others):
        if scaled and condemned:
            wanted = (pod,)
        elif deleted:
            wanted = (owner,)
    after = [*others, *(controller_reference(each) for each in wanted)]
    return None if after == before else after


def _stale(reference: Obj, obj: Obj) -> bool:
    meta = obj["metadata"]
    same_name = (reference["kind"], reference["name"]) == (obj["kind"], meta["name"])
    return same_name and bool(reference["uid"] != meta["uid"])
