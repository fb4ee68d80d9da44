"""Names of the cluster (Kubernetes DNS specification 1.1.0), from the directory. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import msgspec

from towline.drydock.network.directory import (
    Endpoint,
    ServiceDirectory,
    ServiceKey,
    cluster_ip,
    is_headless,
)
from towline.drydock.network.dns_message import (
    Code,
    Kind,
    Record,
    address_data,
    authority_of,
    encode_name,
    service_data,
)

_TTL = 5


class Answer(msgspec.Struct, frozen=True):
    """What the zone says: a code and records."""

    code: Code
    records: list[Record] = []
    authority: list[Record] = []


class ClusterZone:
    """Answers names below the cluster domain and reverse names of cluster addresses.

    Args:
        directory: Services and endpoints.
        domain: Cluster domain, for example `cluster.local`.
        networks: Pod and service ranges whose reverse names end here.
    """

    def __init__(self, directory: ServiceDirectory, domain: str, networks: tuple[str, ...]) -> None:
        self._directory = directory
        self._domain = domain.lower()
        self._networks = [ipaddress.IPv4Network(text) for text in networks]

    def answer(self, name: str, kind: int) -> Answer | None:
        """The answer to a question, or None when another server has to be asked."""
        if name == self._domain or name.endswith("." + self._domain):
            return self._forward(name, kind)
        if name.endswith(".in-addr.arpa"):
            return self._reverse(name, kind)
        if "." not in name:
            return self._missing()
        return None

    def _missing(self) -> Answer:
        return Answer(Code.NO_NAME, [], [authority_of(self._domain, _TTL)])

    def _forward(self, name: str, kind: int) -> Answer:
        labels = name.removesuffix(self._domain).rstrip(".").split(".")
        match labels:
            case [*head, service, namespace, "svc"]:
                return self._service(name, kind, head, ServiceKey(namespace, service))
            case [address, _, "pod"]:
                return self._pod(name, kind, address)
            case _ if self._is_inner(labels):
                return Answer(Code.OK, [], [authority_of(self._domain, _TTL)])
            case _:
                return self._missing()

    def _is_inner(self, labels: list[str]) -> bool:
        """Whether names exist below that name."""
        match labels:
            case [""] | ["svc"] | ["pod"]:
                return True
            case [namespace, "svc" | "pod"]:
                return any(key.namespace == namespace for key in self._directory.keys())  # noqa: SIM118
            case _:
                return False

    def _pod(self, name: str, kind: int, address: str) -> Answer:
        try:
            ip = str(ipaddress.IPv4Address(address.replace("-", ".")))
        except ipaddress.AddressValueError:
            return self._missing()
        return self._addresses(name, kind, [ip])

    def _service(self, name: str, kind: int, head: list[str], key: ServiceKey) -> Answer:
        service = self._directory.service(key)
        if service is None:
            return self._missing()
        if service["spec"].get("type") == "ExternalName" and not head:
            target = service["spec"].get("externalName") or ""
            return Answer(Code.OK, [Record(name, Kind.CNAME, _TTL, encode_name(target))])
        match head:
            case []:
                return self._addresses(name, kind, self._service_ips(key))
            case [port, protocol] if port.startswith("_") and protocol.startswith("_"):
                return self._ports(name, kind, key, port[1:], protocol[1:])
            case [hostname] if is_headless(service):
                ips = [e.ip for e in self._ready(key) if _host_label(e) == hostname]
                return self._addresses(name, kind, ips) if ips else self._missing()
            case _:
                return self._missing()

    def _service_ips(self, key: ServiceKey) -> list[str]:
        service = self._directory.service(key)
        if service is None:
            return []
        if ip := cluster_ip(service):
            return [ip]
        return list(dict.fromkeys(endpoint.ip for endpoint in self._ready(key)))

    def _ready(self, key: ServiceKey) -> Iterator[Endpoint]:
        return (endpoint for endpoint in self._directory.endpoints(key) if endpoint.ready)

    def _addresses(self, name: str, kind: int, ips: list[str]) -> Answer:
        if kind in {Kind.A, Kind.ANY} and ips:
            return Answer(Code.OK, [Record(name, Kind.A, _TTL, address_data(ip)) for ip in ips])
        if not ips:
            return self._missing()
        return Answer(Code.OK, [], [authority_of(self._domain, _TTL)])

    def _ports(self, name: str, kind: int, key: ServiceKey, port: str, protocol: str) -> Answer:
        host = f"{key.name}.{key.namespace}.svc.{self._domain}"
        service = self._directory.service(key) or {"spec": {}}
        wanted = [
            entry
            for entry in service["spec"].get("ports") or []
            if (entry.get("name") or "") == port
            and (entry.get("protocol") or "TCP").lower() == protocol
        ]
        if not wanted:
            return self._missing()
        if cluster_ip(service):
            found = [(entry["port"], host) for entry in wanted]
        else:
            found = [
                (endpoint.ports[port], f"{_host_label(endpoint)}.{host}")
                for endpoint in self._ready(key)
                if port in endpoint.ports
            ]
        if kind not in {Kind.SRV, Kind.ANY}:
            return Answer(Code.OK, [], [authority_of(self._domain, _TTL)])
        return Answer(
            Code.OK,
            [Record(name, Kind.SRV, _TTL, service_data(number, host)) for number, host in found],
        )

    def _reverse(self, name: str, kind: int) -> Answer | None:
        octets = name.removesuffix(".in-addr.arpa").split(".")
        try:
            ip = ipaddress.IPv4Address(".".join(reversed(octets)))
        except ipaddress.AddressValueError:
            return self._missing()
        if not ip.is_loopback and not any(ip in network for network in self._networks):
            return None
        target = self._name_of(str(ip))
        if not target:
            return self._missing()
        if kind not in {Kind.PTR, Kind.ANY}:
            return Answer(Code.OK, [], [authority_of(self._domain, _TTL)])
        return Answer(Code.OK, [Record(name, Kind.PTR, _TTL, encode_name(target))])

    def _name_of(self, ip: str) -> str:
        if key := self._directory.by_cluster_ip(ip):
            return f"{key.name}.{key.namespace}.svc.{self._domain}"
        if found := self._directory.host_of(ip):
            key, hostname = found
            return f"{hostname}.{key.name}.{key.namespace}.svc.{self._domain}"
        return ""


def _host_label(endpoint: Endpoint) -> str:
    """The name of a pod within its headless Service: its host name, or its dashed address."""
    return endpoint.hostname or endpoint.ip.replace(".", "-")
