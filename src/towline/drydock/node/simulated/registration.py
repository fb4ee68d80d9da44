"""The Node objects of simulated nodes and their Leases."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Sequence

from towline.aio.clock import Clock, rfc3339
from towline.drydock.cluster import Cluster, Obj
from towline.drydock.node.registration import HEALTHY, KUBELET_VERSION, LEASES, NODES
from towline.drydock.node.simulated.options import SimulationOptions, node_address, pod_network
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

SIMULATED = "drydock.io/simulated"
PODS = GroupResource("", "pods")
_LEASE_NAMESPACE = "kube-node-lease"
_LEASE_SECONDS = 40
_MANAGER = "kubelet"
_TOGETHER = 64
_RETRY = 1.0
_log = logging.getLogger("towline.drydock.node")


class SimulatedRegistration:
    """Keeps Nodes and Leases.

    Args:
        cluster: Where they are.
        options: What the nodes are like.
        clock: Time.
    """

    def __init__(self, cluster: Cluster, options: SimulationOptions, clock: Clock) -> None:
        self._cluster = cluster
        self._options = options
        self._clock = clock

    async def run(self) -> None:
        """Registers the nodes and renews their leases until cancelled."""
        await self._retire()
        indexes = range(self._options.nodes)
        groups = [indexes[start : start + _TOGETHER] for start in indexes[::_TOGETHER]]
        first = True
        while True:
            for group in groups:
                await self._attempt(group)
                # Spread out, so that many nodes do not write all at once; but not at the start.
                await self._clock.sleep(0 if first else self._options.lease_seconds / len(groups))
            if first:
                await self._clock.sleep(self._options.lease_seconds)
            first = False

    async def _attempt(self, group: Sequence[int]) -> None:
        try:
            # Together, so that they share a commit.
            await asyncio.gather(*(self._register(index) for index in group))
        except ApiError as error:
            _log.warning("simulated node not registered error=%s", error)
            await self._clock.sleep(_RETRY)

    async def _register(self, index: int) -> None:
        name = self._options.name(index)
        if self._cluster.get(NODES, "", name) is None:
            node = node_of(index, self._options, self._clock.now())
            try:
                await self._cluster.create(NODES, node, manager=_MANAGER)
            except ApiError as error:
                if error.reason != "AlreadyExists":
                    raise
        await self._renew(name)

    async def _renew(self, name: str) -> None:
        now = self._clock.now().astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {
            "holderIdentity": name,
            "leaseDurationSeconds": _LEASE_SECONDS,
            "renewTime": now,
        }
        if self._cluster.get(LEASES, _LEASE_NAMESPACE, name) is None:
            lease: Obj = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": name, "namespace": _LEASE_NAMESPACE},
                "spec": spec,
            }
            await self._cluster.create(LEASES, lease, manager=_MANAGER)
            return

        def change(obj: Obj) -> None:
            obj["spec"] = {**obj.get("spec", {}), **spec}

        await self._cluster.mutate(LEASES, _LEASE_NAMESPACE, name, change, manager=_MANAGER)

    async def _retire(self) -> None:
        """Removes nodes that an earlier start simulated and this one does not, with their pods."""
        gone = {
            node["metadata"]["name"]
            for node in self._cluster.objects(NODES, labels={SIMULATED: "true"})
        } - set(self._options.names())
        if not gone:
            return
        for pod in self._cluster.objects(PODS):
            if pod["spec"].get("nodeName") in gone:
                meta = pod["metadata"]
                await self._cluster.delete(
                    PODS, meta["namespace"], meta["name"], uid=meta["uid"], grace=0
                )
        for name in sorted(gone):
            await self._cluster.delete(NODES, "", name)
            await self._cluster.delete(LEASES, _LEASE_NAMESPACE, name)


def node_of(index: int, options: SimulationOptions, now: dt.datetime) -> Obj:
    """The Node object of a simulated node; its label and its runtime say what it is."""
    name, network, stamp = options.name(index), str(pod_network(index)), rfc3339(now)
    resources = {
        "cpu": options.cpu,
        "memory": options.memory,
        "pods": str(options.max_pods),
        "ephemeral-storage": "1Ti",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                SIMULATED: "true",
            },
        },
        "spec": {"podCIDR": network, "podCIDRs": [network]},
        "status": {
            "capacity": resources,
            "allocatable": resources,
            "addresses": [
                {"type": "InternalIP", "address": node_address(index)},
                {"type": "Hostname", "address": name},
            ],
            "conditions": [
                {
                    "type": type_,
                    "status": status,
                    "reason": reason,
                    "message": message,
                    "lastHeartbeatTime": stamp,
                    "lastTransitionTime": stamp,
                }
                for type_, status, reason, message in HEALTHY
            ],
            "nodeInfo": {
                "machineID": "",
                "systemUUID": "",
                "bootID": "",
                "kernelVersion": "simulated",
                "osImage": "simulated",
                "containerRuntimeVersion": "simulated://1",
                "kubeletVersion": KUBELET_VERSION,
                "kubeProxyVersion": "",
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
        },
    }
