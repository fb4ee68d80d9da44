"""Rules between the fields of volumes, claims and storage classes. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from towline.errors import InputError
from towline.kube import quantity
from towline.kube.names import subdomain_problems
from towline.kube.schema.field_rules import Obj, fixed, named, one_of, qualified, selector
from towline.kube.schema.fielderror import (
    FieldError,
    forbidden,
    invalid,
    not_supported,
    required,
)

_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_POLICIES = ("Delete", "Recycle", "Retain")
_NO_SOURCE = frozenset(
    {
        "capacity",
        "accessModes",
        "claimRef",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "mountOptions",
        "volumeMode",
        "nodeAffinity",
        "volumeAttributesClassName",
    }
)


def claim_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a PersistentVolumeClaim."""
    spec = obj.get("spec") or {}
    modes = spec.get("accessModes") or ()
    if not modes:
        yield required("spec.accessModes", "at least 1 access mode is required")
    if spec.get("selector") is not None:
        yield from selector(spec["selector"], "spec.selector")
    yield from _modes(modes, "spec.accessModes")
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if storage is None:
        yield required("spec.resources[storage]")
    else:
        yield from _positive(storage, "spec.resources[storage]")
    yield from named(spec.get("storageClassName"), "spec.storageClassName", subdomain_problems)
    if spec.get("volumeMode") is not None:
        yield from one_of(spec["volumeMode"], "spec.volumeMode", ("Block", "Filesystem"))


def _modes(modes: Any, path: str) -> Iterator[FieldError]:
    for mode in modes:
        if mode not in _MODES:
            yield not_supported(path, mode, _MODES)
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        why = "may not use ReadWriteOncePod with other access modes"
        yield forbidden(path, why)


def _positive(amount: Any, path: str) -> Iterator[FieldError]:
    try:
        fine = quantity.parse(amount) > 0
    except InputError as error:
        yield invalid(path, amount, error.message)
        return
    if not fine:
        yield invalid(path, amount, "must be greater than zero")


def volume_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a PersistentVolume."""
    spec = obj.get("spec") or {}
    if not spec.get("accessModes"):
        yield required("spec.accessModes")
    yield from _modes(spec.get("accessModes") or (), "spec.accessModes")
    capacity = spec.get("capacity") or {}
    if not capacity:
        yield required("spec.capacity")
    if "storage" not in capacity or len(capacity) > 1:
        yield not_supported("spec.capacity", capacity or None, ("storage",))
    for name, amount in capacity.items():
        yield from _positive(amount, f"spec.capacity[{name}]")
    policy = spec.get("persistentVolumeReclaimPolicy")
    if policy:
        yield from one_of(policy, "spec.persistentVolumeReclaimPolicy", _POLICIES)
    yield from _source(spec)
    root = (spec.get("hostPath") or {}).get("path") == "/"
    if root and policy == "Recycle":
        why = "may not be 'recycle' for a hostPath mount of '/'"
        yield forbidden("spec.persistentVolumeReclaimPolicy", why)
    yield from named(spec.get("storageClassName"), "spec.storageClassName", subdomain_problems)
    if spec.get("volumeMode") is not None:
        yield from one_of(spec["volumeMode"], "spec.volumeMode", ("Block", "Filesystem"))


def _source(spec: Obj) -> Iterator[FieldError]:
    sources = [name for name, value in spec.items() if name not in _NO_SOURCE and value is not None]
    sources.sort(key=lambda name: (name != "hostPath", name))
    for extra in sources[1:]:
        yield forbidden(f"spec.{extra}", "may not specify more than 1 volume type")
    if not sources:
        yield required("spec", "must specify a volume type")
        return
    path = (spec.get(sources[0]) or {}).get("path")
    if sources[0] in ("hostPath", "local"):
        if not path:
            yield required(f"spec.{sources[0]}.path")
        elif ".." in str(path).split("/"):
            yield invalid(f"spec.{sources[0]}.path", path, "must not contain '..'")
    if sources[0] == "local" and not spec.get("nodeAffinity"):
        yield required("spec.nodeAffinity", "Local volume requires node affinity")


def volume_changes(old: Obj, new: Obj) -> Iterator[FieldError]:
    """What an update of a PersistentVolume must leave."""
    before, after = old.get("spec") or {}, new.get("spec") or {}
    sources = {*before, *after} - _NO_SOURCE
    if any(before.get(name) != after.get(name) for name in sources):
        why = "spec.persistentvolumesource is immutable after creation"
        yield forbidden("spec.persistentvolumesource", why)
    yield from fixed(before.get("volumeMode"), after.get("volumeMode"), "spec.volumeMode")


def storage_class_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a StorageClass."""
    provisioner = obj.get("provisioner") or ""
    if not provisioner:
        yield required("provisioner")
    else:
        yield from qualified(provisioner.lower(), "provisioner")
    if "" in (obj.get("parameters") or {}):
        yield invalid("parameters", "", "field can not be empty.")
    if obj.get("reclaimPolicy"):
        yield from one_of(obj["reclaimPolicy"], "reclaimPolicy", ("Delete", "Retain"))
    binding = obj.get("volumeBindingMode")
    if not binding:
        yield required("volumeBindingMode")
    else:
        supported = ("Immediate", "WaitForFirstConsumer")
        yield from one_of(binding, "volumeBindingMode", supported)
    for position, term in enumerate(obj.get("allowedTopologies") or ()):
        for index, part in enumerate(term.get("matchLabelExpressions") or ()):
            where = f"allowedTopologies[{position}].matchLabelExpressions[{index}]"
            if not part.get("values"):
                yield required(f"{where}.values")
            yield from qualified(part.get("key"), f"{where}.key")


def csi_driver_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a CSIDriver."""
    spec = obj.get("spec") or {}
    for mode in spec.get("volumeLifecycleModes") or ():
        yield from one_of(mode, "spec.volumeLifecycleModes", ("Persistent", "Ephemeral"))
    policies = ("File", "None", "ReadWriteOnceWithFSType")
    if spec.get("fsGroupPolicy") is not None:
        yield from one_of(spec["fsGroupPolicy"], "spec.fsGroupPolicy", policies)


def csi_driver_changes(old: Obj, new: Obj) -> Iterator[FieldError]:
    """What an update of a CSIDriver must leave."""
    before, after = old.get("spec") or {}, new.get("spec") or {}
    # The path is spelled as the real server spells it.
    yield from fixed(
        before.get("attachRequired"), after.get("attachRequired"), "spec.attachedRequired"
    )
    for name in ("fsGroupPolicy", "volumeLifecycleModes"):
        yield from fixed(before.get(name), after.get(name), f"spec.{name}")


def csi_node_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a CSINode."""
    for position, driver in enumerate((obj.get("spec") or {}).get("drivers") or ()):
        for key in ("name", "nodeID"):
            if not driver.get(key):
                yield required(f"spec.drivers[{position}].{key}")
