"""Settings of the node."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from towline.drydock.network.plan import NetworkPlan


class NodeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a node needs to know.

    Attributes:
        data_dir: Folder that the node owns: images, containers, volumes, logs. Absolute.
        network: Addresses of this instance, from `towline.drydock.network.plan.plan`.
        node_name: Name of the Node object.
        cluster_domain: Suffix of DNS names.
        api_host: Address on which the API server listens, for the Service default/kubernetes.
        api_port: Its port; 0 leaves that Service to its endpoints.
        registry_mirrors: Registry host to the location that is asked first, e.g.
            `{"docker.io": "127.0.0.1:5000"}`.
        insecure_registries: Hosts (`host:port`) that speak plain HTTP; loopback ones are implied.
        hostpath_root: Folder beneath which hostPath volumes are allowed; None forbids them.
        allow_privileged: Whether privileged containers and host namespaces are allowed.
        max_pods: Capacity of the node.
        metrics_seconds: Between two looks at what pods and the machine use.
        drain_seconds: Longest wait for connections in flight before a container is told to end.
        stop_on_exit: Whether `Node.run` tears everything down when it is cancelled.
    """

    data_dir: Path
    network: NetworkPlan
    node_name: str = "drydock"
    cluster_domain: str = "cluster.local"
    api_host: str = "127.0.0.1"
    api_port: int = 0
    registry_mirrors: Mapping[str, str] = {}
    insecure_registries: tuple[str, ...] = ()
    hostpath_root: Path | None = None
    allow_privileged: bool = False
    max_pods: int = 110
    metrics_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=300.0)] = 15.0
    drain_seconds: float = 2.0
    stop_on_exit: bool = False
