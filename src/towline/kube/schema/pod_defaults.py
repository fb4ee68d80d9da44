"""Default values of pods and pod templates. Pure; inputs are shared, never changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from towline.errors import InputError
from towline.kube import quantity

Obj = dict[str, Any]
_FIELD_API = {"apiVersion": "v1"}
_PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_DRIVERS: dict[str, Obj] = {
    "iscsi": {"iscsiInterface": "default"},
    "rbd": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "azureDisk": {
        "cachingMode": "ReadWrite",
        "kind": "Shared",
        "fsType": "ext4",
        "readOnly": False,
    },
    "scaleIO": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
}
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


def fill(obj: Obj, defaults: Obj) -> Obj:
    """The object with defaults for fields that are absent, null or an empty text."""
    missing = {
        key: value for key, value in defaults.items() if (now := obj.get(key)) is None or now == ""
    }
    return {**obj, **missing} if missing else obj


def fill_unset(obj: Obj, defaults: Obj) -> Obj:
    """The object with defaults for fields that are absent or null; an empty text is kept."""
    missing = {key: value for key, value in defaults.items() if obj.get(key) is None}
    return {**obj, **missing} if missing else obj


def change(obj: Obj, key: str, edit: Callable[[Any], Any]) -> Obj:
    """The object with one field edited, if the field is there."""
    before = obj.get(key)
    if before is None:
        return obj
    after = edit(before)
    return obj if after is before else {**obj, key: after}


def change_items(obj: Obj, key: str, edit: Callable[[Any], Any]) -> Obj:
    """The object with every item of a list edited."""
    before = obj.get(key)
    if not isinstance(before, list) or not before:
        return obj
    after = [edit({} if item is None else item) for item in before]
    if all(a is b for a, b in zip(after, before, strict=True)):
        return obj
    return {**obj, key: after}


def default_template(template: Obj) -> Obj:
    """A pod template inside a workload."""
    before = template.get("spec")
    after = default_pod_spec(before or {})
    return template if after is before else {**template, "spec": after}


def default_pod(pod: Obj) -> Obj:
    """A pod itself: its spec, requests from limits, and the first status."""
    spec = default_pod_spec(pod.get("spec") or {})
    spec = fill(spec, {"enableServiceLinks": True})
    for key in ("initContainers", "containers"):
        spec = change_items(spec, key, _requests_from_limits)
    if spec.get("hostNetwork"):
        for key in ("initContainers", "containers"):
            spec = change_items(spec, key, _host_ports)
    status = fill(pod.get("status") or {}, {"phase": "Pending"})
    if "qosClass" not in status:
        status = {**status, "qosClass": qos_class(spec)}
    return {**pod, "spec": spec, "status": status}


def default_pod_spec(spec: Obj) -> Obj:
    """What pods and templates have in common."""
    spec = fill(
        spec,
        {
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "securityContext": {},
            "schedulerName": "default-scheduler",
        },
    )
    account = spec.get("serviceAccountName")
    if account:
        spec = fill(spec, {"serviceAccount": account})
    elif spec.get("serviceAccount"):
        spec = fill(spec, {"serviceAccountName": spec["serviceAccount"]})
    for key in _CONTAINERS:
        spec = change_items(spec, key, default_container)
    return change_items(spec, "volumes", _volume)


def default_container(container: Obj) -> Obj:
    """One container of any sort."""
    container = fill(
        container,
        {
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "imagePullPolicy": pull_policy(container.get("image") or ""),
        },
    )
    container = change_items(container, "ports", lambda port: fill(port, {"protocol": "TCP"}))
    container = change_items(container, "env", _environment)
    for key in _PROBES:
        container = change(container, key, _probe)
    return change(container, "lifecycle", _lifecycle)


def pull_policy(image: str) -> str:
    """Always for the tag `latest` (also when implied), else IfNotPresent."""
    if not image:
        return "IfNotPresent"
    name, at, _ = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    latest = tag == "latest" or (not tag and not at)
    return "Always" if latest else "IfNotPresent"


def _environment(variable: Obj) -> Obj:
    return change(variable, "valueFrom", _field_reference)


def _field_reference(source: Obj) -> Obj:
    return change(source, "fieldRef", lambda reference: fill(reference, _FIELD_API))


def _http_get(action: Obj) -> Obj:
    return change(action, "httpGet", lambda http: fill(http, {"path": "/", "scheme": "HTTP"}))


def _lifecycle(lifecycle: Obj) -> Obj:
    for key in ("postStart", "preStop"):
        lifecycle = change(lifecycle, key, _http_get)
    return lifecycle


def _probe(probe: Obj) -> Obj:
    zero = {key: value for key, value in _PROBE.items() if not probe.get(key)}
    probe = _http_get({**probe, **zero} if zero else probe)
    return change(probe, "grpc", lambda grpc: {**grpc, "service": grpc.get("service") or ""})


def _volume(volume: Obj) -> Obj:
    if all(value is None for key, value in volume.items() if key != "name"):
        return {**volume, "emptyDir": {}}
    for key in ("secret", "configMap"):
        volume = change(volume, key, lambda source: fill(source, {"defaultMode": 420}))
    volume = change(volume, "downwardAPI", _downward)
    volume = change(volume, "projected", _projected)
    volume = change(volume, "ephemeral", _ephemeral)
    return default_volume_source(volume)


def default_volume_source(source: Obj) -> Obj:
    """What volumes of pods and persistent volumes have in common."""
    for key, defaults in _DRIVERS.items():
        driver = source.get(key)
        if driver is not None:
            source = {**source, key: fill(driver, defaults)}
    return change(source, "hostPath", _host_path)


def _host_path(source: Obj) -> Obj:
    return source if source.get("type") is not None else {**source, "type": ""}


def _downward(source: Obj) -> Obj:
    source = fill(source, {"defaultMode": 420})
    return change_items(source, "items", _field_reference)


def _projected(source: Obj) -> Obj:
    return change_items(fill(source, {"defaultMode": 420}), "sources", _projection)


def _projection(source: Obj) -> Obj:
    source = change(
        source, "serviceAccountToken", lambda token: fill(token, {"expirationSeconds": 3600})
    )
    return change(source, "downwardAPI", lambda api: change_items(api, "items", _field_reference))


def _ephemeral(source: Obj) -> Obj:
    return change(
        source,
        "volumeClaimTemplate",
        lambda claim: change(claim, "spec", lambda spec: fill(spec, {"volumeMode": "Filesystem"})),
    )


def _requests_from_limits(container: Obj) -> Obj:
    resources = container.get("resources") or {}
    limits = resources.get("limits") or {}
    requests = resources.get("requests") or {}
    missing = {key: value for key, value in limits.items() if key not in requests}
    if not missing:
        return container
    return {**container, "resources": {**resources, "requests": {**requests, **missing}}}


def _host_ports(container: Obj) -> Obj:
    return change_items(
        container,
        "ports",
        lambda port: (
            port
            if port.get("hostPort") or not port.get("containerPort")
            else {**port, "hostPort": port["containerPort"]}
        ),
    )


def qos_class(spec: Obj) -> str:
    """Guaranteed, Burstable or BestEffort, from the containers' cpu and memory."""
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    guaranteed, any_given = bool(containers), False
    for container in containers:
        resources = container.get("resources") or {}
        limits = _counted(resources.get("limits"))
        requests = {**limits, **_counted(resources.get("requests"))}
        any_given = any_given or bool(requests)
        if limits.keys() != {"cpu", "memory"} or limits != requests:
            guaranteed = False
    if not any_given:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _counted(amounts: Obj | None) -> Obj:
    """Cpu and memory amounts that are given and not zero."""
    found: Obj = {}
    for key in ("cpu", "memory"):
        try:
            amount = quantity.parse((amounts or {}).get(key) or "0")
        except InputError:
            continue
        if amount:
            found[key] = amount
    return found
