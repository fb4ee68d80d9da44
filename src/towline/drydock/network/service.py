"""The network of the cluster in one place: pods' namespaces, Services, names."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from towline.drydock.cluster import Cluster, Obj
from towline.drydock.network.connections import Connections
from towline.drydock.network.directory import (
    SERVICES,
    SLICES,
    ServiceDirectory,
    ServiceKey,
)
from towline.drydock.network.dns import DnsServer, host_resolvers
from towline.drydock.network.dns_zone import ClusterZone
from towline.drydock.network.plan import NetworkPlan
from towline.drydock.network.proxy import ServiceProxy
from towline.drydock.network.routing import (
    Target,
    balancer_ip_of,
    choose_balancer_ip,
    routes_of,
    wants_balancer,
)
from towline.drydock.network.sandboxes import Sandboxes
from towline.kube.status import ApiError

_log = logging.getLogger("towline.drydock.network")
_RESOLV = Path("/etc/resolv.conf")
_NODE_IP = "127.0.0.1"
_MANAGER = "drydock-network"
KUBERNETES = ServiceKey("default", "kubernetes")
DNS = ServiceKey("kube-system", "kube-dns")


class Network:
    """Bridge, namespaces, Service proxy and DNS of one instance.

    Args:
        cluster: Where Services and EndpointSlices are.
        plan: Addresses of this instance.
        domain: Cluster domain.
        api: Where the API server listens, for the Service default/kubernetes; None leaves that
            Service to its endpoints.
    """

    def __init__(
        self, cluster: Cluster, plan: NetworkPlan, *, domain: str, api: Target | None
    ) -> None:
        self._cluster = cluster
        self._plan = plan
        self._api = api
        self.sandboxes = Sandboxes(plan)
        self.connections = Connections()
        self._directory = ServiceDirectory()
        self._proxy = ServiceProxy(self.connections)
        zone = ClusterZone(self._directory, domain, (plan.pod_cidr, plan.service_cidr))
        self._dns = DnsServer(zone, plan.dns_ip, host_resolvers(_RESOLV, plan.dns_ip))
        self._balancer_ips: dict[ServiceKey, str] = {}

    async def start(self) -> None:
        """Makes the bridge and the routes; what a crash left is found again.

        Raises:
            CommandError: When the kernel refuses.
        """
        await self.sandboxes.start()

    async def run(self) -> None:
        """Carries connections and answers names until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._proxy.run())
            group.create_task(self._dns.run())
            await self._reserve_dns_ip()
            await self._follow()

    async def teardown(self) -> None:
        """Removes namespaces, bridge and routes."""
        await self.sandboxes.teardown()

    async def _reserve_dns_ip(self) -> None:
        """A Service holds the DNS address, so that no other gets it."""
        port = {"port": 53, "targetPort": 53}
        obj: Obj = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": DNS.name,
                "namespace": DNS.namespace,
                "labels": {"k8s-app": "kube-dns", "kubernetes.io/name": "Drydock"},
            },
            "spec": {
                "clusterIP": self._plan.dns_ip,
                "ports": [
                    {"name": "dns", "protocol": "UDP", **port},
                    {"name": "dns-tcp", "protocol": "TCP", **port},
                ],
            },
        }
        try:
            await self._cluster.create(SERVICES, obj, manager=_MANAGER)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                _log.warning("DNS service not created error=%s", error)

    async def _follow(self) -> None:
        waiting = {SERVICES, SLICES}
        async for resource, event in self._cluster.watch(SERVICES, SLICES):
            key = self._directory.apply(resource, event)
            if waiting:
                if event.type != "SYNCED":
                    continue
                waiting.discard(resource)
                if not waiting:
                    await self._sync_all()
            elif key is not None:
                await self._sync(key)

    async def _sync_all(self) -> None:
        """First those that have an address, so that nobody else is given it."""
        keys = sorted(self._directory.keys(), key=lambda key: not self._present_ip(key))
        for key in keys:
            await self._sync(key)

    async def _sync(self, key: ServiceKey) -> None:
        try:
            await self._bring_up(key)
        except Exception:  # noqa: BLE001  # one Service is one supervised unit
            _log.exception("service not served service=%s/%s", *key)

    async def _bring_up(self, key: ServiceKey) -> None:
        service = self._directory.service(key)
        if service is None or key == DNS or service["spec"].get("type") == "ExternalName":
            self._balancer_ips.pop(key, None)
            self._proxy.set_routes(key, {})
            return
        ip = self._balancer_ip(key, service)
        self._proxy.set_routes(
            key,
            routes_of(
                key,
                service,
                self._directory.endpoints(key),
                node_ip=_NODE_IP,
                balancer_ip=ip,
                fixed=self._api if key == KUBERNETES else None,
            ),
        )
        if balancer_ip_of(service) != ip:
            await self._write_balancer(key, service, ip)

    def _present_ip(self, key: ServiceKey) -> str:
        service = self._directory.service(key)
        return balancer_ip_of(service) if service else ""

    def _balancer_ip(self, key: ServiceKey, service: Obj) -> str:
        if not wants_balancer(service):
            self._balancer_ips.pop(key, None)
            return balancer_ip_of(service) if service["spec"].get("loadBalancerClass") else ""
        if key not in self._balancer_ips:
            taken = self._balancer_ips.values()
            if ip := choose_balancer_ip(service, self._plan.lb_cidr, taken):
                self._balancer_ips[key] = ip
            else:
                _log.warning("no load balancer address left service=%s/%s", *key)
        return self._balancer_ips.get(key, "")

    async def _write_balancer(self, key: ServiceKey, service: Obj, ip: str) -> None:
        def change(obj: Obj) -> None:
            obj["status"] = {"loadBalancer": {"ingress": [{"ip": ip}]} if ip else {}}

        try:
            await self._cluster.mutate(
                SERVICES,
                key.namespace,
                key.name,
                change,
                manager=_MANAGER,
                subresource="status",
                uid=service["metadata"].get("uid", ""),
            )
        except ApiError as error:
            _log.warning("load balancer status not written service=%s/%s error=%s", *key, error)
