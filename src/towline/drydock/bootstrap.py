"""What a cluster has from its first start: namespaces, and the API server as a service."""

from __future__ import annotations

from typing import Any

from towline.drydock.admission.services import ServicePlan
from towline.drydock.registry import Registry
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

Obj = dict[str, Any]

MANAGER = "drydock"
NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
ROOT_CA = "kube-root-ca.crt"
STORAGE_CLASS = "standard"
_NAMESPACES = GroupResource("", "namespaces")
_SERVICES = GroupResource("", "services")
_CONFIG_MAPS = GroupResource("", "configmaps")
_STORAGE_CLASSES = GroupResource("storage.k8s.io", "storageclasses")
_SERVICE_CIDRS = GroupResource("networking.k8s.io", "servicecidrs")
_ENDPOINTS = GroupResource("", "endpoints")
_SLICES = GroupResource("discovery.k8s.io", "endpointslices")
_LABELS = {"component": "apiserver", "provider": "kubernetes"}


async def ensure_defaults(
    registry: Registry, plan: ServicePlan, *, host: str, port: int, ca: str
) -> None:
    """Creates what lacks and corrects what names the server's address.

    Args:
        registry: Where to create.
        plan: The services' address space.
        host: Address that the API server listens on.
        port: Its port.
        ca: The cluster's certificate authority, PEM.
    """
    for name in NAMESPACES:
        await _ensure(registry, _NAMESPACES, _object("v1", "Namespace", "", name))
    service = _object("v1", "Service", "default", "kubernetes", labels=_LABELS)
    service["spec"] = {
        "type": "ClusterIP",
        "clusterIP": plan.api_address,
        "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": port}],
    }
    await _ensure_service_range(registry, plan.cidr)
    await _free_changed_address(registry, plan.api_address)
    await _ensure(registry, _SERVICES, service)
    root = _object("v1", "ConfigMap", "kube-system", ROOT_CA)
    root["data"] = {"ca.crt": ca}
    await _ensure(registry, _CONFIG_MAPS, root)
    address = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104  # compared only
    # Its slice is made here too: without the label it would be mirrored into another one.
    unmirrored = {"endpointslice.kubernetes.io/skip-mirror": "true"}
    endpoints = _object("v1", "Endpoints", "default", "kubernetes", labels=unmirrored)
    endpoints["subsets"] = [
        {
            "addresses": [{"ip": address}],
            "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
        }
    ]
    await _ensure(registry, _ENDPOINTS, endpoints)
    labels = {"kubernetes.io/service-name": "kubernetes"}
    slice_ = _object("discovery.k8s.io/v1", "EndpointSlice", "default", "kubernetes", labels=labels)
    slice_ |= {
        "addressType": "IPv6" if ":" in address else "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    }
    await _ensure(registry, _SLICES, slice_)
    await _ensure_storage_class(registry)


async def _ensure_storage_class(registry: Registry) -> None:
    """Creates the default class of volumes; one that somebody changed or replaced is theirs."""
    if registry.objects(_STORAGE_CLASSES):
        return
    standard = _object("storage.k8s.io/v1", "StorageClass", "", STORAGE_CLASS)
    standard["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    standard |= {
        "provisioner": "drydock.io/local-path",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    await _ensure(registry, _STORAGE_CLASSES, standard)


async def _ensure_service_range(registry: Registry, cidr: str) -> None:
    """Says where cluster IPs come from; a range cannot change, a moved one is made again."""
    live = registry.get(_SERVICE_CIDRS, "", "kubernetes")
    if live is not None:
        if live["spec"].get("cidrs") == [cidr]:
            return
        await registry.delete(_SERVICE_CIDRS, "", "kubernetes")
    wanted = _object("networking.k8s.io/v1", "ServiceCIDR", "", "kubernetes")
    wanted["spec"] = {"cidrs": [cidr]}
    await _ensure(registry, _SERVICE_CIDRS, wanted)


async def _free_changed_address(registry: Registry, address: str) -> None:
    """Removes the API server's service when the address space moved: addresses cannot change."""
    live = registry.get(_SERVICES, "default", "kubernetes")
    if live is not None and live["spec"].get("clusterIP") != address:
        await registry.delete(_SERVICES, "default", "kubernetes")


def _object(
    api_version: str, kind: str, namespace: str, name: str, *, labels: Obj | None = None
) -> Obj:
    meta: Obj = {"name": name}
    if namespace:
        meta["namespace"] = namespace
    if labels:
        meta["labels"] = labels
    return {"apiVersion": api_version, "kind": kind, "metadata": meta}


async def _ensure(registry: Registry, resource: GroupResource, wanted: Obj) -> None:
    meta = wanted["metadata"]
    try:
        await registry.create(resource, wanted, manager=MANAGER)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise

    def correct(live: Obj) -> None:
        if labels := meta.get("labels"):
            live["metadata"]["labels"] = {**(live["metadata"].get("labels") or {}), **labels}
        for name, value in wanted.items():
            if name not in ("apiVersion", "kind", "metadata"):
                live[name] = value

    await registry.mutate(
        resource, meta.get("namespace", ""), meta["name"], correct, manager=MANAGER
    )
