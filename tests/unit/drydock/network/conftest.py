"""Objects that the network tests are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from towline.drydock.cluster import ClusterEvent
from towline.drydock.network.directory import SERVICES, SLICES, ServiceDirectory

Obj = dict[str, Any]


@pytest.fixture
def make_service() -> Callable[..., Obj]:
    def make(name: str = "web", namespace: str = "default", **spec: Any) -> Obj:
        ports = [{"name": "http", "port": 80, "targetPort": 5000, "protocol": "TCP"}]
        base = {"type": "ClusterIP", "clusterIP": "10.96.0.7", "ports": ports}
        return {"metadata": {"name": name, "namespace": namespace}, "spec": {**base, **spec}}

    return make


@pytest.fixture
def make_slice() -> Callable[..., Obj]:
    def make(
        *addresses: str | Obj, service: str = "web", name: str = "web-1", port: int = 5000
    ) -> Obj:
        endpoints = [
            entry if isinstance(entry, dict) else {"addresses": [entry]} for entry in addresses
        ]
        return {
            "metadata": {
                "name": name,
                "namespace": "default",
                "labels": {"kubernetes.io/service-name": service},
            },
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        }

    return make


@pytest.fixture
def directory() -> ServiceDirectory:
    return ServiceDirectory()


@pytest.fixture
def learn(directory: ServiceDirectory) -> Callable[..., None]:
    """Hands objects to the directory, as a watch would."""

    def put(*objects: Obj, type_: str = "ADDED") -> None:
        for obj in objects:
            resource = SERVICES if "spec" in obj else SLICES
            directory.apply(resource, ClusterEvent(type_, obj, None))

    return put
