"""The volume controllers: bind claims to volumes, make and remove folders, protect what is used."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from towline.aio.clock import Clock, rfc3339
from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control import podstate
from towline.drydock.control.controller import Key, key_of
from towline.drydock.control.resources import CLAIMS, NODES, PODS, STORAGE_CLASSES, VOLUMES
from towline.drydock.control.volumebinding import (
    BIND_COMPLETED,
    BOUND_BY_CONTROLLER,
    CLAIM_PROTECTION,
    OLD_STORAGE_PROVISIONER,
    PROVISIONED_BY,
    PROVISIONER,
    SELECTED_NODE,
    STORAGE_PROVISIONER,
    VOLUME_PROTECTION,
    annotation,
    best_volume,
    claim_names,
    class_of,
    is_bound,
    is_delayed,
    mismatch,
    new_volume,
    reference_to,
    refers_to,
    volume_name,
)
from towline.drydock.control.writes import CONTROLLER_MANAGER, edit, report
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError


class Folders(Protocol):
    """Where the data of volumes are."""

    def path(self, volume: str) -> str:
        """The folder of a volume."""
        ...

    async def remove(self, volume: str) -> None:
        """Deletes the folder of a volume with everything in it; absent is not an error."""
        ...


class ClaimController:
    """Binds PersistentVolumeClaims, and makes volumes for those of its own storage class.

    Args:
        cluster: What it works on.
        folders: Where volumes are made; None when this cluster makes none.
    """

    name = "persistentvolume-controller"
    watches: frozenset[GroupResource] | None = frozenset({CLAIMS, VOLUMES, STORAGE_CLASSES, PODS})

    def __init__(self, cluster: Cluster, folders: Folders | None) -> None:
        self._cluster = cluster
        self._folders = folders

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Key]:
        """The claim itself, those of a pod, those that a volume or class may serve."""
        if resource == CLAIMS:
            return [key_of(event.object)]
        if resource == PODS:
            # A pod matters when it comes, for the wait, and when it ends, for the protection.
            if event.type == "MODIFIED" and not podstate.is_finished(event.object):
                return []
            namespace = event.object["metadata"]["namespace"]
            return [Key(namespace, name) for name, _ in claim_names(event.object)]
        reference = event.object.get("spec", {}).get("claimRef") if resource == VOLUMES else None
        if reference:
            return [Key(reference.get("namespace") or "", reference.get("name") or "")]
        return [key_of(one) for one in self._cluster.objects(CLAIMS) if not is_bound(one)]

    async def reconcile(self, key: Key) -> float | None:
        """Takes the next step."""
        claim = self._cluster.get(CLAIMS, key.namespace, key.name)
        if claim is None:
            return None
        if claim["metadata"].get("deletionTimestamp"):
            await self._let_go(claim)
        elif annotation(claim, BIND_COMPLETED):
            await self._check(claim)
        elif claim["spec"].get("volumeName"):
            await self._bind_named(claim)
        else:
            await self._find(claim)
        return None

    async def _let_go(self, claim: Obj) -> None:
        """Takes the protection off a deleted claim that no pod uses."""
        if CLAIM_PROTECTION not in (claim["metadata"].get("finalizers") or ()):
            return
        name = claim["metadata"]["name"]
        for pod in self._cluster.objects(PODS, claim["metadata"]["namespace"]):
            used = any(name == one for one, _ in claim_names(pod))
            if used and pod["spec"].get("nodeName") and not podstate.is_finished(pod):
                return
        await _drop_finalizer(self._cluster, CLAIMS, claim, CLAIM_PROTECTION)

    async def _check(self, claim: Obj) -> None:
        """Sees that a bound claim still has its volume."""
        name = claim["spec"].get("volumeName")
        volume = self._cluster.get(VOLUMES, "", name) if name else None
        if volume is None:
            what = "its PersistentVolume" if name else "reference to PersistentVolume"
            text = f"Bound claim has lost {what}. Data on the volume is lost!"
            await self._lose(claim, "ClaimLost", text)
        elif volume["spec"].get("claimRef") and not refers_to(volume, claim):
            text = "Two claims are bound to the same volume, this one is bound incorrectly"
            await self._lose(claim, "ClaimMisbound", text)
        else:
            await self._bind(claim, volume)

    async def _lose(self, claim: Obj, reason: str, message: str) -> None:
        if (claim.get("status") or {}).get("phase") == "Lost":
            return
        await report(self._cluster, CLAIMS, claim, {"phase": "Lost"})
        await self._event(claim, "Warning", reason, message)

    async def _bind_named(self, claim: Obj) -> None:
        """Binds a claim that asks for a certain volume."""
        volume = self._cluster.get(VOLUMES, "", claim["spec"]["volumeName"])
        if volume is None:
            return
        name = volume["metadata"]["name"]
        if refers_to(volume, claim):
            await self._bind(claim, volume)
        elif volume["spec"].get("claimRef"):
            text = f'volume "{name}" already bound to a different claim.'
            await self._event(claim, "Warning", "FailedBinding", text)
        elif why := mismatch(volume, claim):
            text = f'Cannot bind to requested volume "{name}": {why}'
            await self._event(claim, "Warning", "VolumeMismatch", text)
        else:
            await self._bind(claim, volume)

    async def _find(self, claim: Obj) -> None:
        """Binds a claim to a volume that fits, or has one made."""
        storage_class = self._cluster.get(STORAGE_CLASSES, "", class_of(claim))
        volumes = self._cluster.objects(VOLUMES)
        if is_delayed(storage_class):
            # Only a pod's node decides between volumes; one that is reserved is decided.
            volumes = [one for one in volumes if refers_to(one, claim)]
        volume = best_volume(claim, volumes)
        if volume is not None:
            await self._bind(claim, volume)
        elif is_delayed(storage_class) and not annotation(claim, SELECTED_NODE):
            await self._wait_for_pod(claim)
        elif class_of(claim):
            await self._provision(claim, storage_class)
        else:
            text = "no persistent volumes available for this claim and no storage class is set"
            await self._event(claim, "Normal", "FailedBinding", text)

    async def _wait_for_pod(self, claim: Obj) -> None:
        meta = claim["metadata"]
        users = [
            pod["metadata"]["name"]
            for pod in self._cluster.objects(PODS, meta["namespace"])
            if not podstate.is_finished(pod)
            and any(meta["name"] == name for name, _ in claim_names(pod))
        ]
        if not users:
            text = "waiting for first consumer to be created before binding"
            await self._event(claim, "Normal", "WaitForFirstConsumer", text)
            return
        word = "pod" if len(users) == 1 else "pods"
        text = f"waiting for {word} {','.join(sorted(users))} to be scheduled"
        await self._event(claim, "Normal", "WaitForPodScheduled", text)

    async def _provision(self, claim: Obj, storage_class: Obj | None) -> None:
        if storage_class is None:
            text = f'storageclass.storage.k8s.io "{class_of(claim)}" not found'
            await self._event(claim, "Warning", "ProvisioningFailed", text)
            return
        maker = str(storage_class.get("provisioner") or "")
        if not await self._announce(claim, maker):
            return
        if maker != PROVISIONER or self._folders is None:
            return
        meta = claim["metadata"]
        text = f'External provisioner is provisioning volume for claim "{meta["namespace"]}/'
        await self._event(claim, "Normal", "Provisioning", f'{text}{meta["name"]}"')
        name = volume_name(claim)
        node = self._cluster.get(NODES, "", annotation(claim, SELECTED_NODE))
        body = new_volume(claim, storage_class, self._folders.path(name), node)
        try:
            await self._cluster.create(VOLUMES, body, manager=CONTROLLER_MANAGER)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            return
        text = f"Successfully provisioned volume {name}"
        await self._event(claim, "Normal", "ProvisioningSucceeded", text)

    async def _announce(self, claim: Obj, maker: str) -> bool:
        """Notes on the claim who makes its volume; False when the claim is gone."""

        def write(copy: Obj) -> None:
            annotations = copy["metadata"].setdefault("annotations", {})
            annotations[STORAGE_PROVISIONER] = annotations[OLD_STORAGE_PROVISIONER] = maker

        if await edit(self._cluster, CLAIMS, claim, write) is None:
            return False
        text = (
            f"Waiting for a volume to be created either by the external provisioner '{maker}' or "
            "manually by the system administrator. If volume creation is delayed, please verify "
            "that the provisioner is running and correctly registered."
        )
        await self._event(claim, "Normal", "ExternalProvisioning", text)
        return True

    async def _bind(self, claim: Obj, volume: Obj) -> None:
        """Makes both name each other, the volume first."""
        reference = reference_to(claim)
        name = volume["metadata"]["name"]

        def to_claim(copy: Obj) -> None:
            present = copy["spec"].get("claimRef")
            if present is None:
                annotations = copy["metadata"].setdefault("annotations", {})
                annotations[BOUND_BY_CONTROLLER] = "yes"
                copy["spec"]["claimRef"] = reference
            elif not present.get("uid") and refers_to(copy, claim):
                copy["spec"]["claimRef"] = {**present, "uid": claim["metadata"]["uid"]}

        taken = await edit(self._cluster, VOLUMES, volume, to_claim)
        if taken is None or not refers_to(taken, claim):
            return

        def to_volume(copy: Obj) -> None:
            annotations = copy["metadata"].setdefault("annotations", {})
            if not copy["spec"].get("volumeName"):
                annotations[BOUND_BY_CONTROLLER] = "yes"
                copy["spec"]["volumeName"] = name
            annotations[BIND_COMPLETED] = "yes"

        bound = await edit(self._cluster, CLAIMS, claim, to_volume)
        if bound is None:
            return
        status = {
            **(bound.get("status") or {}),
            "phase": "Bound",
            "accessModes": volume["spec"].get("accessModes") or [],
            "capacity": volume["spec"].get("capacity") or {},
        }
        await report(self._cluster, CLAIMS, bound, status)

    async def _event(self, claim: Obj, type_: str, reason: str, message: str) -> None:
        await self._cluster.event(
            claim, type_=type_, reason=reason, message=message, component=self.name
        )


class VolumeController:
    """Keeps the phase of PersistentVolumes, and reclaims those whose claim is gone.

    Args:
        cluster: What it works on.
        clock: For the time of a change of phase.
        folders: Where volumes were made; None when this cluster makes none.
    """

    name = "persistentvolume-controller"
    watches: frozenset[GroupResource] | None = frozenset({VOLUMES, CLAIMS})

    def __init__(self, cluster: Cluster, clock: Clock, folders: Folders | None) -> None:
        self._cluster = cluster
        self._clock = clock
        self._folders = folders

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Key]:
        """The volume itself, or that of a claim."""
        if resource == VOLUMES:
            yield Key("", event.object["metadata"]["name"])
        elif event.object["spec"].get("volumeName"):
            yield Key("", event.object["spec"]["volumeName"])
        elif event.type == "DELETED":
            yield Key("", volume_name(event.object))

    async def reconcile(self, key: Key) -> float | None:
        """Takes the next step."""
        volume = self._cluster.get(VOLUMES, "", key.name)
        if volume is None:
            return None
        claim = self._claim_of(volume)
        if volume["metadata"].get("deletionTimestamp"):
            if claim is None:
                await self._remove(volume)
            return None
        reference = volume["spec"].get("claimRef")
        if not reference or not reference.get("uid"):
            await self._phase(volume, "Available")
        elif claim is not None:
            await self._phase(volume, "Bound")
        else:
            await self._phase(volume, "Released")
            await self._reclaim(volume)
        return None

    def _claim_of(self, volume: Obj) -> Obj | None:
        """The claim that a volume is bound to, while it exists."""
        reference = volume["spec"].get("claimRef") or {}
        where = reference.get("namespace") or "", reference.get("name") or ""
        claim = self._cluster.get(CLAIMS, *where)
        return claim if claim is not None and refers_to(volume, claim) else None

    async def _phase(self, volume: Obj, phase: str) -> None:
        before = volume.get("status") or {}
        if before.get("phase") == phase:
            return
        stamp = rfc3339(self._clock.now())
        status = {"phase": phase, "lastPhaseTransitionTime": stamp}
        await report(self._cluster, VOLUMES, volume, status)

    async def _reclaim(self, volume: Obj) -> None:
        if volume["spec"].get("persistentVolumeReclaimPolicy") != "Delete":
            return
        meta = volume["metadata"]
        if annotation(volume, PROVISIONED_BY) != PROVISIONER:
            return  # whoever made it has to remove it
        await self._cluster.delete(VOLUMES, "", meta["name"], uid=meta["uid"])

    async def _remove(self, volume: Obj) -> None:
        """Deletes the data of a volume that goes, then lets it go."""
        made_here = annotation(volume, PROVISIONED_BY) == PROVISIONER
        deletes = volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
        if made_here and deletes and self._folders is not None:
            await self._folders.remove(volume["metadata"]["name"])
        await _drop_finalizer(self._cluster, VOLUMES, volume, VOLUME_PROTECTION)


async def _drop_finalizer(
    cluster: Cluster, resource: GroupResource, obj: Obj, finalizer: str
) -> None:
    def write(copy: Obj) -> None:
        meta = copy["metadata"]
        meta["finalizers"] = [one for one in meta.get("finalizers") or () if one != finalizer]

    if finalizer in (obj["metadata"].get("finalizers") or ()):
        await edit(cluster, resource, obj, write)
