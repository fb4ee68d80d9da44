"""Which pods stand behind a Service, and on which ports. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from towline.drydock.cluster import Obj
from towline.drydock.control import podstate

HEADLESS_LABEL = "service.kubernetes.io/headless"
TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time"


class Port(NamedTuple):
    """A port of a Service, resolved to a number."""

    name: str
    port: int
    protocol: str
    app_protocol: str

    def body(self, *, with_empty_name: bool) -> Obj:
        """As Endpoints and EndpointSlices write it."""
        body: Obj = {"port": self.port, "protocol": self.protocol}
        if self.name or with_empty_name:
            body["name"] = self.name
        if self.app_protocol:
            body["appProtocol"] = self.app_protocol
        return body


class Backend(NamedTuple):
    """A pod behind a Service.

    Attributes:
        pod: The pod.
        address: Its IP address.
        ports: The Service's ports as this pod has them.
        serving: The pod is ready.
        terminating: It is being deleted.
        published: The Service wants it whatever its state is.
    """

    pod: Obj
    address: str
    ports: tuple[Port, ...]
    serving: bool
    terminating: bool
    published: bool

    @property
    def leaving(self) -> bool:
        """Whether it is to get no new connections because it is being deleted."""
        return self.terminating and not self.published

    @property
    def ready(self) -> bool:
        """Whether it takes new connections."""
        return self.published or (self.serving and not self.terminating)


def backends(service: Obj, pods: Iterable[Obj]) -> list[Backend]:
    """Pods that the Service selects, with an address, in a stable order."""
    selector = service["spec"].get("selector") or {}
    publish = bool(service["spec"].get("publishNotReadyAddresses"))
    found = []
    for pod in pods:
        address = (pod.get("status") or {}).get("podIP")
        if not address or podstate.is_finished(pod) or not selects(selector, pod):
            continue
        found.append(
            Backend(
                pod,
                address,
                tuple(sorted(_ports(service, pod))),
                podstate.is_ready(pod),
                podstate.is_terminating(pod),
                publish,
            )
        )
    return sorted(found, key=lambda one: one.pod["metadata"]["name"])


def selects(selector: dict[str, str], pod: Obj) -> bool:
    """Whether a Service's selector, which must not be empty, matches a pod."""
    labels = pod["metadata"].get("labels") or {}
    matches = all(labels.get(name) == value for name, value in selector.items())
    return matches and len(selector) > 0


def _ports(service: Obj, pod: Obj) -> Iterable[Port]:
    for port in service["spec"].get("ports") or ():
        number = target_port(port, pod)
        if number is not None:
            yield Port(
                port.get("name") or "",
                number,
                port.get("protocol") or "TCP",
                port.get("appProtocol") or "",
            )


def target_port(port: dict[str, Any], pod: Obj) -> int | None:
    """The number of a Service port's target in a pod; None when the pod names no such port."""
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target or int(port["port"])
    spec = pod.get("spec") or {}
    sidecars = [
        one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"
    ]
    for container in [*(spec.get("containers") or ()), *sidecars]:
        for named in container.get("ports") or ():
            same_protocol = (named.get("protocol") or "TCP") == (port.get("protocol") or "TCP")
            if named.get("name") == target and same_protocol:
                return int(named["containerPort"])
    return None


def target_reference(pod: Obj) -> Obj:
    """The reference to the pod that an address carries."""
    meta = pod["metadata"]
    return {
        "kind": "Pod",
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": meta["uid"],
    }


def hostname(service: Obj, pod: Obj) -> str:
    """The pod's own DNS name below the Service, or empty."""
    spec = pod.get("spec") or {}
    below = spec.get("subdomain") == service["metadata"]["name"]
    return str(spec.get("hostname") or "") if below else ""


def is_headless(service: Obj) -> bool:
    """Whether the Service has no address of its own."""
    return bool(service["spec"].get("clusterIP") == "None")
