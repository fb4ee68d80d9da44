"""The claims of a pod, as the scheduler sees them: bound, waiting for a node, or in the way."""

from __future__ import annotations

import msgspec

from towline.drydock.cluster import Cluster, Obj
from towline.drydock.control.resources import CLAIMS, NODES, STORAGE_CLASSES, VOLUMES
from towline.drydock.control.volumebinding import (
    SELECTED_NODE,
    annotation,
    best_volume,
    claim_names,
    class_of,
    is_bound,
    is_delayed,
    reaches,
    reference_to,
)
from towline.drydock.control.writes import edit

_MISMATCH = "node(s) didn't match PersistentVolume's node affinity"
_NO_VOLUMES = "node(s) didn't find available persistent volumes to bind"
_VANISHED = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
_NO_PROVISIONER = ("", "kubernetes.io/no-provisioner")


class PodVolumes(msgspec.Struct, frozen=True):
    """What a pod's claims mean for its place.

    Attributes:
        blocked: Why the pod can be on no node; empty when nothing is in the way.
        bound: The volumes of bound claims; None for one that is gone.
        waiting: Claims that are bound once a node is chosen, with their class.
        present: Volumes that such a claim might be bound to.
    """

    blocked: str = ""
    bound: tuple[Obj | None, ...] = ()
    waiting: tuple[tuple[Obj, Obj], ...] = ()
    present: tuple[Obj, ...] = ()

    def problem(self, node: Obj) -> str:
        """Why the volumes cannot be had on a node; empty when they can."""
        for volume in self.bound:
            if volume is None:
                return _VANISHED
            if not reaches(volume, node):
                return _MISMATCH
        for claim, storage_class in self.waiting:
            chosen = annotation(claim, SELECTED_NODE)
            if chosen and chosen != node["metadata"]["name"]:
                return _MISMATCH
            makes = storage_class.get("provisioner", "") not in _NO_PROVISIONER
            if not makes and best_volume(claim, self.present, node) is None:
                return _NO_VOLUMES
        return ""


def look(cluster: Cluster, pod: Obj) -> PodVolumes:
    """Reads the claims of a pod and what they depend on."""
    bound: list[Obj | None] = []
    waiting: list[tuple[Obj, Obj]] = []
    for name, generic in claim_names(pod):
        claim = cluster.get(CLAIMS, pod["metadata"]["namespace"], name)
        if claim is None:
            if generic:
                return PodVolumes(
                    "waiting for ephemeral volume controller to create the persistentvolumeclaim "
                    f'"{name}"'
                )
            return PodVolumes(f'persistentvolumeclaim "{name}" not found')
        if (claim.get("status") or {}).get("phase") == "Lost":
            volume = claim["spec"].get("volumeName", "")
            return PodVolumes(
                f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{volume}"'
            )
        if claim["metadata"].get("deletionTimestamp"):
            return PodVolumes(f'persistentvolumeclaim "{name}" is being deleted')
        if is_bound(claim):
            bound.append(cluster.get(VOLUMES, "", claim["spec"]["volumeName"]))
            continue
        storage_class = cluster.get(STORAGE_CLASSES, "", class_of(claim))
        if storage_class is None or not is_delayed(storage_class):
            return PodVolumes("pod has unbound immediate PersistentVolumeClaims")
        waiting.append((_with_living_node(cluster, claim), storage_class))
    present = tuple(cluster.objects(VOLUMES)) if waiting else ()
    return PodVolumes("", tuple(bound), tuple(waiting), present)


def _with_living_node(cluster: Cluster, claim: Obj) -> Obj:
    """The claim without its chosen node when that node is gone: another one may be chosen."""
    chosen = annotation(claim, SELECTED_NODE)
    if not chosen or cluster.get(NODES, "", chosen) is not None:
        return claim
    annotations = dict(claim["metadata"]["annotations"])
    del annotations[SELECTED_NODE]
    return {**claim, "metadata": {**claim["metadata"], "annotations": annotations}}


async def choose_node(cluster: Cluster, volumes: PodVolumes, node: Obj, manager: str) -> None:
    """Tells waiting claims where they are needed: by a present volume, or by the node's name."""
    name = node["metadata"]["name"]
    reserved: set[str] = set()
    for claim, _ in volumes.waiting:
        free = [one for one in volumes.present if one["metadata"]["name"] not in reserved]
        volume = best_volume(claim, free, node)
        if volume is not None:
            reserved.add(volume["metadata"]["name"])
            await _reserve(cluster, volume, claim, manager)
        elif annotation(claim, SELECTED_NODE) != name:
            await _select(cluster, claim, name, manager)


async def _reserve(cluster: Cluster, volume: Obj, claim: Obj, manager: str) -> None:
    reference = reference_to(claim)

    def write(copy: Obj) -> None:
        if not copy["spec"].get("claimRef"):
            copy["spec"]["claimRef"] = reference

    await edit(cluster, VOLUMES, volume, write, manager=manager)


async def _select(cluster: Cluster, claim: Obj, node: str, manager: str) -> None:
    def write(copy: Obj) -> None:
        if not copy["spec"].get("volumeName"):
            copy["metadata"].setdefault("annotations", {})[SELECTED_NODE] = node

    await edit(cluster, CLAIMS, claim, write, manager=manager)
