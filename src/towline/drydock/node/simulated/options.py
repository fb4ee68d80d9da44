"""Settings of the simulated nodes."""

from __future__ import annotations

import ipaddress
from typing import Annotated

import msgspec

_PODS = ipaddress.IPv4Network("10.128.0.0/9")
_PREFIX = 22
MAX_NODES = 2 ** (_PREFIX - _PODS.prefixlen)
MAX_PODS = 2 ** (32 - _PREFIX) - 2

Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=86400.0)]


class SimulationOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all simulated nodes have in common; a pod's annotations say more.

    Attributes:
        nodes: How many there are, named `NAME-0`, `NAME-1`...
        node_name: First part of their names.
        max_pods: Capacity of each.
        cpu: Processors that each claims to have.
        memory: Memory that each claims to have.
        start_seconds: From the decision to start a container until it runs.
        job_seconds: How long a container runs whose pod is not restarted always.
        missing_images: Images that cannot be pulled, as shell patterns (`*:no-such-tag`).
        lease_seconds: Between two renewals of a node's Lease.
    """

    nodes: Annotated[int, msgspec.Meta(ge=1, le=MAX_NODES)] = 1
    node_name: Annotated[str, msgspec.Meta(pattern="^[a-z]([a-z0-9-]{0,40}[a-z0-9])?$")] = "sim"
    max_pods: Annotated[int, msgspec.Meta(ge=0, le=MAX_PODS)] = 1000
    cpu: str = "64"
    memory: str = "256Gi"
    start_seconds: Seconds = 0.0
    job_seconds: Seconds = 1.0
    missing_images: tuple[str, ...] = ()
    lease_seconds: Annotated[float, msgspec.Meta(ge=1.0, le=30.0)] = 10.0

    def name(self, index: int) -> str:
        """Name of a node."""
        return f"{self.node_name}-{index}"

    def names(self) -> list[str]:
        """Names of all nodes."""
        return [self.name(index) for index in range(self.nodes)]


def pod_network(index: int) -> ipaddress.IPv4Network:
    """Addresses of the pods of a node."""
    base = int(_PODS.network_address) + (index << (32 - _PREFIX))
    return ipaddress.IPv4Network((base, _PREFIX))


def node_address(index: int) -> str:
    """The node's own address: the first of its pods' network."""
    return str(pod_network(index).network_address + 1)
