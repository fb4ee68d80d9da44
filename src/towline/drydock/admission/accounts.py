"""Pods and their ServiceAccount: it must exist, and lends its token and pull secrets. Pure."""

from __future__ import annotations

from random import Random
from typing import Any

from towline.drydock.refusals import forbidden
from towline.kube.names import generated_name
from towline.kube.refs import GroupResource

Obj = dict[str, Any]

ACCOUNTS = GroupResource("", "serviceaccounts")
DEFAULT = "default"
MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
_PREFIX = "kube-api-access-"
_PODS = GroupResource("", "pods")
_SECONDS = 3607
_MODE = 0o644
_MIRROR = "kubernetes.io/config.mirror"


def account_name(pod: Obj) -> str:
    """The name of the pod's ServiceAccount."""
    spec = pod.get("spec") or {}
    return str(spec.get("serviceAccountName") or spec.get("serviceAccount") or DEFAULT)


def prepare(pod: Obj, account: Obj | None, rng: Random) -> Obj:
    """A new pod with what its ServiceAccount gives it.

    Args:
        pod: The pod.
        account: Its ServiceAccount, None when there is none.
        rng: For the name of the volume.

    Raises:
        ApiError: Forbidden, there is no such ServiceAccount.
    """
    meta = pod["metadata"]
    if _MIRROR in (meta.get("annotations") or {}):
        return pod
    if account is None:
        name = account_name(pod)
        why = (
            f"error looking up service account {meta['namespace']}/{name}:"
            f' serviceaccount "{name}" not found'
        )
        raise forbidden(_PODS, meta.get("name", ""), why)
    spec = pod["spec"]
    if _automounts(spec, account):
        spec = _mounted(spec, rng)
    if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
        spec = {**spec, "imagePullSecrets": list(account["imagePullSecrets"])}
    return {**pod, "spec": spec}


def _automounts(spec: Obj, account: Obj) -> bool:
    for asked in (spec, account):
        value = asked.get("automountServiceAccountToken")
        if value is not None:
            return bool(value)
    return True


def _mounted(spec: Obj, rng: Random) -> Obj:
    volumes = spec.get("volumes") or []
    names = [str(volume.get("name") or "") for volume in volumes]
    present = next((name for name in names if name.startswith(_PREFIX)), "")
    name = present or generated_name(_PREFIX, rng)
    result = dict(spec)
    added = False
    for field in ("initContainers", "containers"):
        given = spec.get(field)
        if given:
            result[field] = [_with_mount(container, name) for container in given]
            added = added or result[field] != given
    if added and not present:
        result["volumes"] = [*volumes, {"name": name, "projected": _projection()}]
    return result


def _with_mount(container: Obj, name: str) -> Obj:
    mounts = container.get("volumeMounts") or []
    if any(mount.get("mountPath") == MOUNT_PATH for mount in mounts):
        return container
    mount = {"mountPath": MOUNT_PATH, "name": name, "readOnly": True}
    return {**container, "volumeMounts": [*mounts, mount]}


def _projection() -> Obj:
    reference = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    return {
        "defaultMode": _MODE,
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": _SECONDS, "path": "token"}},
            {
                "configMap": {
                    "items": [{"key": "ca.crt", "path": "ca.crt"}],
                    "name": "kube-root-ca.crt",
                }
            },
            {"downwardAPI": {"items": [{"fieldRef": reference, "path": "namespace"}]}},
        ],
    }
