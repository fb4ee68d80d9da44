"""What the network knows of Services and their endpoints, kept from watch events. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from towline.drydock.cluster import ClusterEvent, Obj
from towline.kube.refs import GroupResource

SERVICES = GroupResource("", "services")
SLICES = GroupResource("discovery.k8s.io", "endpointslices")
_SERVICE_LABEL = "kubernetes.io/service-name"


class ServiceKey(NamedTuple):
    """Identity of a Service."""

    namespace: str
    name: str


class Endpoint(NamedTuple):
    """One address of an EndpointSlice with its state.

    Attributes:
        ip: Address of the pod.
        ports: Port name to port number, for this protocol-agnostic slice.
        ready: Whether new connections may go there.
        serving: Whether it answers although it is terminating.
        hostname: The pod's host name within a headless Service, or an empty string.
    """

    ip: str
    ports: Mapping[str, int]
    ready: bool
    serving: bool
    hostname: str


class ServiceDirectory:
    """Services and endpoints by name and by address."""

    def __init__(self) -> None:
        self._services: dict[ServiceKey, Obj] = {}
        self._slices: dict[ServiceKey, dict[str, Obj]] = {}
        self._cluster_ips: dict[str, ServiceKey] = {}
        self._hosts: dict[str, dict[ServiceKey, str]] = {}

    def apply(self, resource: GroupResource, event: ClusterEvent) -> ServiceKey | None:
        """Takes a watch event in; returns the Service that it touches, if any."""
        if event.type == "SYNCED":
            return None
        gone = event.type == "DELETED"
        meta = event.object["metadata"]
        if resource == SERVICES:
            key = ServiceKey(meta["namespace"], meta["name"])
            self._set_service(key, None if gone else event.object)
            return key
        owner = (meta.get("labels") or {}).get(_SERVICE_LABEL)
        if not owner:
            return None
        key = ServiceKey(meta["namespace"], owner)
        slices = self._slices.setdefault(key, {})
        if gone:
            slices.pop(meta["name"], None)
        else:
            slices[meta["name"]] = event.object
        self._index_hosts(key)
        return key

    def keys(self) -> list[ServiceKey]:
        """Every known Service."""
        return list(self._services)

    def service(self, key: ServiceKey) -> Obj | None:
        """The Service object."""
        return self._services.get(key)

    def by_cluster_ip(self, ip: str) -> ServiceKey | None:
        """The Service with that cluster IP."""
        return self._cluster_ips.get(ip)

    def host_of(self, ip: str) -> tuple[ServiceKey, str] | None:
        """A Service and host name under which that pod address is published."""
        for key, hostname in self._hosts.get(ip, {}).items():
            return key, hostname
        return None

    def endpoints(self, key: ServiceKey) -> Iterator[Endpoint]:
        """Addresses behind a Service, in a stable order."""
        for name in sorted(self._slices.get(key, {})):
            yield from endpoints_of(self._slices[key][name])

    def _set_service(self, key: ServiceKey, obj: Obj | None) -> None:
        old = self._services.pop(key, None)
        if old is not None:
            self._cluster_ips.pop(cluster_ip(old), None)
        if obj is not None:
            self._services[key] = obj
            if cluster_ip(obj):
                self._cluster_ips[cluster_ip(obj)] = key

    def _index_hosts(self, key: ServiceKey) -> None:
        for ip in [ip for ip, names in self._hosts.items() if key in names]:
            del self._hosts[ip][key]
            if not self._hosts[ip]:
                del self._hosts[ip]
        for endpoint in self.endpoints(key):
            if endpoint.hostname:
                self._hosts.setdefault(endpoint.ip, {})[key] = endpoint.hostname


def cluster_ip(service: Obj) -> str:
    """The cluster IP of a Service; empty for headless and external ones."""
    ip = service.get("spec", {}).get("clusterIP") or ""
    return "" if ip == "None" else ip


def is_headless(service: Obj) -> bool:
    """Whether the Service has no cluster IP by wish."""
    return bool(service.get("spec", {}).get("clusterIP") == "None")


def endpoints_of(obj: Obj) -> Iterator[Endpoint]:
    """The addresses of one EndpointSlice; other address families than IPv4 are left out."""
    if obj.get("addressType", "IPv4") != "IPv4":
        return
    ports = {port.get("name") or "": port["port"] for port in obj.get("ports") or [] if port}
    for entry in obj.get("endpoints") or []:
        conditions: dict[str, Any] = entry.get("conditions") or {}
        ready = conditions.get("ready") is not False
        serving = conditions.get("serving")
        for ip in entry.get("addresses") or []:
            yield Endpoint(
                ip=ip,
                ports=ports,
                ready=ready,
                serving=ready if serving is None else bool(serving),
                hostname=entry.get("hostname") or "",
            )
