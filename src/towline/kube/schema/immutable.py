"""What must not change in an update of a built-in object, and rules between its fields.

Pure; the texts are those that GitOps engines and people match on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from towline.errors import InputError
from towline.kube import quantity
from towline.kube.refs import GroupVersionKind
from towline.kube.schema import policy_checks, storage_checks
from towline.kube.schema.builtin_checks import Obj, check_object
from towline.kube.schema.field_rules import fixed
from towline.kube.schema.fielderror import FieldError, forbidden, invalid
from towline.kube.schema.job_changes import job_changes
from towline.kube.schema.node_checks import node_changes

_FIXED = "field is immutable"
_POD_EDITABLE = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` "
    "(allow it to be set to 1 if it was previously negative)"
)
_SET_EDITABLE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)
_SET_TEXT = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
    "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
    "'minReadySeconds' are forbidden"
)
_CLAIM_TEXT = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName "
    "for bound claims"
)


def check_update(gvk: GroupVersionKind, old: Obj | None, new: Obj) -> list[FieldError]:
    """What is wrong with a write of a built-in object.

    Args:
        gvk: Its kind.
        old: The stored object; None for a create, which checks only the rules between fields.
        new: What is to be stored, defaulted.

    Returns:
        The errors; empty when the write is fine.
    """
    errors = list(check_object(gvk, new))
    rule = _RULES.get((gvk.group, gvk.kind))
    if old is not None and rule is not None:
        errors += rule(old, new)
    return errors


def _at(obj: Obj, *path: str) -> Any:
    found: Any = obj
    for key in path:
        found = (found or {}).get(key)
    return found


def _fixed(old: Obj, new: Obj, *path: str) -> Iterator[FieldError]:
    value = _at(new, *path)
    if value != _at(old, *path):
        yield invalid(".".join(path), value, _FIXED)


def _workload(old: Obj, new: Obj) -> Iterator[FieldError]:
    yield from _fixed(old, new, "spec", "selector")


def _service(old: Obj, new: Obj) -> Iterator[FieldError]:
    before, after = old.get("spec") or {}, new.get("spec") or {}
    if "ExternalName" in {before.get("type"), after.get("type")}:
        return
    if before.get("clusterIP") and before["clusterIP"] != after.get("clusterIP"):
        value = after.get("clusterIPs") or [after.get("clusterIP", "")]
        yield invalid("spec.clusterIPs[0]", value, "may not change once set")
    if before.get("type") == after.get("type") == "LoadBalancer" and before.get(
        "loadBalancerClass"
    ) != after.get("loadBalancerClass"):
        value = after.get("loadBalancerClass")
        yield invalid("spec.loadBalancerClass", value, "may not change once set")


def _config(old: Obj, new: Obj) -> Iterator[FieldError]:
    if not old.get("immutable"):
        return
    text = "field is immutable when `immutable` is set"
    for key in ("immutable", "data", "binaryData"):
        if old.get(key) != new.get(key):
            yield forbidden(key, text)


def _secret(old: Obj, new: Obj) -> Iterator[FieldError]:
    yield from _fixed(old, new, "type")
    yield from _config(old, new)


def _stateful_set(old: Obj, new: Obj) -> Iterator[FieldError]:
    before, after = old.get("spec") or {}, new.get("spec") or {}
    if {k: v for k, v in before.items() if k not in _SET_EDITABLE} != {
        k: v for k, v in after.items() if k not in _SET_EDITABLE
    }:
        yield forbidden("spec", _SET_TEXT)


def _claim(old: Obj, new: Obj) -> Iterator[FieldError]:
    before, after = old.get("spec") or {}, new.get("spec") or {}
    bound = _at(old, "status", "phase") == "Bound"
    asked_again = before.get("resources") != after.get("resources")
    if _claim_fixed(before, after) != _claim_fixed(after, after) or (asked_again and not bound):
        yield forbidden("spec", _CLAIM_TEXT)
        return
    capacity = _at(old, "status", "capacity", "storage")
    wanted = _at(new, "spec", "resources", "requests", "storage")
    asked = _at(old, "spec", "resources", "requests", "storage")
    # A volume may be larger than what was asked for; only asking for less is refused.
    if capacity and wanted and asked and _less(wanted, asked) and not _less(capacity, wanted):
        path = "spec.resources.requests.storage"
        yield forbidden(path, "field can not be less than status.capacity")


def _claim_fixed(spec: Obj, latest: Obj) -> Obj:
    """The part that must stay; a volume may be bound once, a class may be filled in."""
    resources = {k: v for k, v in (spec.get("resources") or {}).items() if k != "requests"}
    fixed = {**spec, "resources": resources}
    fixed.pop("volumeAttributesClassName", None)
    if not spec.get("volumeName") and latest.get("volumeName"):
        fixed["volumeName"] = latest["volumeName"]
    if spec.get("storageClassName") is None and latest.get("storageClassName"):
        fixed["storageClassName"] = latest["storageClassName"]
    return fixed


def _less(left: str, right: str) -> bool:
    try:
        return quantity.parse(left) < quantity.parse(right)
    except InputError:
        return False


def _pod(old: Obj, new: Obj) -> Iterator[FieldError]:
    for key in ("containers", "initContainers"):
        if len(_at(old, "spec", key) or ()) != len(_at(new, "spec", key) or ()):
            yield forbidden(f"spec.{key}", "pod updates may not add or remove containers")
            return
    before, after = _pod_fixed(old), _pod_fixed(new)
    if not before.get("nodeName"):
        # Gates may be lifted before the pod has a node.
        for spec in (before, after):
            spec.pop("schedulingGates", None)
    if before != after:
        yield forbidden("spec", _POD_EDITABLE)
    deadline = _at(old, "spec", "activeDeadlineSeconds")
    wanted = _at(new, "spec", "activeDeadlineSeconds")
    if deadline is not None and (wanted is None or wanted > deadline):
        text = "must be less than or equal to previous value"
        yield invalid("spec.activeDeadlineSeconds", wanted, text)


def _pod_fixed(pod: Obj) -> Obj:
    spec = dict(pod.get("spec") or {})
    for key in ("containers", "initContainers"):
        if key in spec:
            spec[key] = [
                {k: v for k, v in item.items() if k not in {"image", "resources"}}
                for item in spec[key]
            ]
    for key in (
        "activeDeadlineSeconds",
        "tolerations",
        "terminationGracePeriodSeconds",
        "ephemeralContainers",
    ):
        spec.pop(key, None)
    return spec


def _role_binding(old: Obj, new: Obj) -> Iterator[FieldError]:
    if old.get("roleRef") != new.get("roleRef"):
        given = new.get("roleRef") or {}
        names = {"APIGroup": "apiGroup", "Kind": "kind", "Name": "name"}
        spelt = {shown: given.get(name, "") for shown, name in names.items()}
        yield invalid("roleRef", spelt, "cannot change roleRef")


def _storage_class(old: Obj, new: Obj) -> Iterator[FieldError]:
    if old.get("parameters") != new.get("parameters"):
        yield forbidden("parameters", "updates to parameters are forbidden.")
    for key in ("provisioner", "reclaimPolicy", "volumeBindingMode"):
        yield from fixed(old.get(key), new.get(key), key)


def _revision(old: Obj, new: Obj) -> Iterator[FieldError]:
    yield from fixed(old.get("data"), new.get("data"), "data")


def _ingress_class(old: Obj, new: Obj) -> Iterator[FieldError]:
    yield from _fixed(old, new, "spec", "controller")


def _endpoint_slice(old: Obj, new: Obj) -> Iterator[FieldError]:
    yield from fixed(old.get("addressType"), new.get("addressType"), "addressType")


def _runtime_class(old: Obj, new: Obj) -> Iterator[FieldError]:
    yield from fixed(old.get("handler"), new.get("handler"), "handler")


_RBAC = "rbac.authorization.k8s.io"
_RULES: dict[tuple[str, str], Callable[[Obj, Obj], Iterator[FieldError]]] = {
    ("", "Pod"): _pod,
    ("", "Service"): _service,
    ("", "ConfigMap"): _config,
    ("", "Secret"): _secret,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Node"): node_changes,
    ("", "PersistentVolume"): storage_checks.volume_changes,
    ("", "ResourceQuota"): policy_checks.quota_changes,
    ("apps", "ControllerRevision"): _revision,
    ("discovery.k8s.io", "EndpointSlice"): _endpoint_slice,
    ("networking.k8s.io", "IngressClass"): _ingress_class,
    ("node.k8s.io", "RuntimeClass"): _runtime_class,
    ("scheduling.k8s.io", "PriorityClass"): policy_checks.priority_class_changes,
    ("storage.k8s.io", "CSIDriver"): storage_checks.csi_driver_changes,
    ("apps", "Deployment"): _workload,
    ("apps", "ReplicaSet"): _workload,
    ("apps", "DaemonSet"): _workload,
    ("apps", "StatefulSet"): _stateful_set,
    ("batch", "Job"): job_changes,
    (_RBAC, "RoleBinding"): _role_binding,
    (_RBAC, "ClusterRoleBinding"): _role_binding,
    ("storage.k8s.io", "StorageClass"): _storage_class,
}
