"""Claims and volumes: which fit, how they are bound, what the scheduler must know. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from towline.drydock.cluster import Obj
from towline.drydock.control.nodefit import matches_terms
from towline.drydock.control.usage import amount_of
from towline.kube.selectors import label_selector_of

PROVISIONER = "drydock.io/local-path"
BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
STORAGE_PROVISIONER = "volume.kubernetes.io/storage-provisioner"
OLD_STORAGE_PROVISIONER = "volume.beta.kubernetes.io/storage-provisioner"
CLAIM_PROTECTION = "kubernetes.io/pvc-protection"
VOLUME_PROTECTION = "kubernetes.io/pv-protection"

_HOSTNAME = "kubernetes.io/hostname"


def annotation(obj: Obj, name: str) -> str:
    """An annotation, or an empty string."""
    return str((obj["metadata"].get("annotations") or {}).get(name) or "")


def class_of(obj: Obj) -> str:
    """Name of the storage class of a claim or volume; empty for none."""
    return str((obj.get("spec") or {}).get("storageClassName") or "")


def is_delayed(storage_class: Obj | None) -> bool:
    """Whether claims of the class wait until a pod needs them."""
    return bool(storage_class) and (storage_class or {}).get("volumeBindingMode") == (
        "WaitForFirstConsumer"
    )


def refers_to(volume: Obj, claim: Obj) -> bool:
    """Whether a volume is bound to, or reserved for, a claim."""
    reference = volume["spec"].get("claimRef")
    if not reference:
        return False
    meta = claim["metadata"]
    named = (reference.get("namespace"), reference.get("name")) == (
        meta["namespace"],
        meta["name"],
    )
    return named and reference.get("uid") in (None, "", meta["uid"])


def mismatch(volume: Obj, claim: Obj) -> str:
    """Why a volume does not do for a claim; empty when it does."""
    wanted, offered = claim["spec"], volume["spec"]
    asked = str(((wanted.get("resources") or {}).get("requests") or {}).get("storage") or "0")
    has = str((offered.get("capacity") or {}).get("storage") or "0")
    if amount_of("storage", has) < amount_of("storage", asked):
        return "requested PV is too small"
    if class_of(volume) != class_of(claim):
        return "storageClassName does not match"
    if wanted.get("volumeMode", "Filesystem") != offered.get("volumeMode", "Filesystem"):
        return "incompatible volumeMode"
    if not set(wanted.get("accessModes") or ()) <= set(offered.get("accessModes") or ()):
        return "incompatible accessMode"
    return ""


def best_volume(claim: Obj, volumes: Iterable[Obj], node: Obj | None = None) -> Obj | None:
    """The volume to bind a claim to: one reserved for it, else the smallest that fits.

    Args:
        claim: The claim.
        volumes: All volumes.
        node: Where it must be reachable, when that is known.
    """
    selector = claim["spec"].get("selector")
    matching = label_selector_of(selector) if selector is not None else None
    fitting: list[Obj] = []
    for volume in volumes:
        if volume["metadata"].get("deletionTimestamp") or mismatch(volume, claim):
            continue
        if refers_to(volume, claim):
            return volume
        if volume["spec"].get("claimRef") or (node is not None and not reaches(volume, node)):
            continue
        if matching is None or matching.matches(volume["metadata"].get("labels")):
            fitting.append(volume)
    return min(fitting, key=_size, default=None)


def _size(volume: Obj) -> tuple[int, str]:
    storage = str((volume["spec"].get("capacity") or {}).get("storage") or "0")
    return (amount_of("storage", storage), volume["metadata"]["name"])


def reaches(volume: Obj, node: Obj) -> bool:
    """Whether a volume can be used on a node."""
    required = (volume["spec"].get("nodeAffinity") or {}).get("required")
    return required is None or matches_terms(required.get("nodeSelectorTerms"), node)


def is_bound(claim: Obj) -> bool:
    """Whether a claim has its volume for good."""
    return bool(claim["spec"].get("volumeName")) and bool(annotation(claim, BIND_COMPLETED))


def reference_to(claim: Obj) -> dict[str, Any]:
    """The reference from a volume to its claim."""
    meta = claim["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "name": meta["name"],
        "namespace": meta["namespace"],
        "uid": meta["uid"],
        "resourceVersion": meta["resourceVersion"],
    }


def new_volume(claim: Obj, storage_class: Obj, path: str, node: Obj | None) -> Obj:
    """The volume that is made for a claim: a folder of a node.

    Args:
        claim: The claim.
        storage_class: Its class.
        path: The folder.
        node: The node; None for a folder that is not on a certain one.
    """
    spec: dict[str, Any] = {
        "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
        "accessModes": list(claim["spec"].get("accessModes") or ()),
        "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy", "Delete"),
        "storageClassName": storage_class["metadata"]["name"],
        "volumeMode": claim["spec"].get("volumeMode", "Filesystem"),
        "claimRef": reference_to(claim),
        "hostPath": {"path": path, "type": "DirectoryOrCreate"},
    }
    if node is not None:
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [_only(node)]}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": volume_name(claim),
            "annotations": {PROVISIONED_BY: PROVISIONER},
            "finalizers": [VOLUME_PROTECTION],
        },
        "spec": spec,
    }


def _only(node: Obj) -> dict[str, Any]:
    host = (node["metadata"].get("labels") or {}).get(_HOSTNAME)
    if host:
        return {"matchExpressions": [{"key": _HOSTNAME, "operator": "In", "values": [host]}]}
    field = {"key": "metadata.name", "operator": "In", "values": [node["metadata"]["name"]]}
    return {"matchFields": [field]}


def volume_name(claim: Obj) -> str:
    """Name of the volume that is made for a claim."""
    return f"pvc-{claim['metadata']['uid']}"


def claim_names(pod: Obj) -> list[tuple[str, bool]]:
    """Claims that a pod uses, as (name, whether it is made with the pod)."""
    found = []
    for volume in (pod.get("spec") or {}).get("volumes") or ():
        if "persistentVolumeClaim" in volume:
            found.append((str(volume["persistentVolumeClaim"].get("claimName") or ""), False))
        elif "ephemeral" in volume:
            found.append((f"{pod['metadata']['name']}-{volume['name']}", True))
    return found
