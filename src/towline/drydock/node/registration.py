"""The Node object and its Lease: what the machine is, and that it lives."""

from __future__ import annotations

import datetime as dt
import logging
import os
import platform
import shutil
from pathlib import Path

from towline.aio.clock import Clock, rfc3339
from towline.drydock.cluster import Cluster, Obj
from towline.drydock.node.options import NodeOptions
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

NODES = GroupResource("", "nodes")
LEASES = GroupResource("coordination.k8s.io", "leases")
_LEASE_NAMESPACE = "kube-node-lease"
_LEASE_SECONDS = 40
_RENEW = 10.0
KUBELET_VERSION = "v1.36.1"
_MANAGER = "kubelet"
_log = logging.getLogger("towline.drydock.node")
HEALTHY = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class Registration:
    """Keeps Node and Lease.

    Args:
        cluster: Where they are.
        options: The node's settings.
        clock: Time.
        host_ip: Address of the node.
    """

    def __init__(self, cluster: Cluster, options: NodeOptions, clock: Clock, host_ip: str) -> None:
        self._cluster = cluster
        self._options = options
        self._clock = clock
        self._host_ip = host_ip

    async def run(self) -> None:
        """Registers the node and renews its lease until cancelled."""
        while True:
            try:
                await self._register()
                await self._renew()
            except ApiError as error:
                _log.warning("node not registered error=%s", error)
                await self._clock.sleep(1.0)
            else:
                await self._clock.sleep(_RENEW)

    async def _register(self) -> None:
        """Writes the Node; nothing is written when nothing changed."""
        name = self._options.node_name
        labels = {
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": _architecture(),
        }
        if self._cluster.get(NODES, "", name) is None:
            node: Obj = {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": labels},
                "spec": {
                    "podCIDR": self._options.network.pod_cidr,
                    "podCIDRs": [self._options.network.pod_cidr],
                },
            }
            try:
                await self._cluster.create(NODES, node, manager=_MANAGER)
            except ApiError as error:
                if error.reason != "AlreadyExists":
                    raise
        status = self._status()

        def change(obj: Obj) -> None:
            old = {c["type"]: c for c in (obj.get("status") or {}).get("conditions") or []}
            conditions = [_kept(old.get(entry["type"]), entry) for entry in status["conditions"]]
            obj["status"] = {**(obj.get("status") or {}), **status, "conditions": conditions}

        await self._cluster.mutate(NODES, "", name, change, manager=_MANAGER, subresource="status")

    async def _renew(self) -> None:
        name = self._options.node_name
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

    def _status(self) -> Obj:
        now = rfc3339(self._clock.now())
        disk = shutil.disk_usage(self._options.data_dir)
        resources = {
            "cpu": str(os.cpu_count() or 1),
            "memory": f"{_memory_kib()}Ki",
            "pods": str(self._options.max_pods),
            "ephemeral-storage": f"{disk.total // 1024}Ki",
        }
        return {
            "capacity": resources,
            "allocatable": resources,
            "addresses": [
                {"type": "InternalIP", "address": self._host_ip},
                {"type": "Hostname", "address": self._options.node_name},
            ],
            "conditions": [
                {
                    "type": type_,
                    "status": status,
                    "reason": reason,
                    "message": message,
                    "lastHeartbeatTime": now,
                    "lastTransitionTime": now,
                }
                for type_, status, reason, message in HEALTHY
            ],
            "nodeInfo": _node_info(),
        }


def _kept(old: Obj | None, new: Obj) -> Obj:
    """A condition that did not change keeps its times: the Lease is the heartbeat."""
    if old is not None and old.get("status") == new["status"]:
        return old
    return new


def _architecture() -> str:
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def _memory_kib() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024


def _node_info() -> Obj:
    def read(path: str) -> str:
        file = Path(path)
        return file.read_text().strip() if file.exists() else ""

    release = dict(
        line.split("=", 1) for line in read("/etc/os-release").splitlines() if "=" in line
    )
    return {
        "machineID": read("/etc/machine-id"),
        "systemUUID": read("/etc/machine-id"),
        "bootID": read("/proc/sys/kernel/random/boot_id"),
        "kernelVersion": platform.release(),
        "osImage": release.get("PRETTY_NAME", "Linux").strip('"'),
        "containerRuntimeVersion": "podman://4",
        "kubeletVersion": KUBELET_VERSION,
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": _architecture(),
    }
