"""Pretended use of simulated pods and nodes: constant, and the same at every run.

Nothing is measured here. What a container uses is what the pod's annotations say, for all of its
containers or for the one whose name follows behind a dot:

    drydock.io/sim-cpu      such as 250m
    drydock.io/sim-memory   such as 64Mi

Without them it is half of what the container requests, and a small figure that follows from its
name where nothing is requested. A node uses what its pods use, and a little for itself.
"""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Iterable, Mapping

from towline.aio.clock import Clock, parse_rfc3339
from towline.drydock.cluster import Cluster, Obj
from towline.drydock.metrics import NodeSample, PodSample, Usage
from towline.drydock.node.simulated.behaviour import PREFIX
from towline.errors import InputError
from towline.kube.quantity import parse
from towline.kube.refs import GroupResource

_PODS = GroupResource("", "pods")
_LONGEST_WINDOW = 15.0
_SHORTEST_WINDOW = 1.0
_MIB = 1024 * 1024
_NANO = 1_000_000_000
_GREATEST = 2**53
_NODE_ITSELF = Usage(100_000_000, 512 * _MIB)


class SimulatedMetrics:
    """Answers what simulated nodes and pods use.

    Args:
        cluster: Where pods are.
        names: The nodes.
        clock: Time.
    """

    def __init__(self, cluster: Cluster, names: Iterable[str], clock: Clock) -> None:
        self._cluster = cluster
        self._names = tuple(names)
        self._clock = clock

    def nodes(self) -> Mapping[str, NodeSample]:
        """Every node's sample."""
        totals = dict.fromkeys(self._names, _NODE_ITSELF)
        for pod in self._cluster.objects(_PODS):
            node = pod["spec"].get("nodeName")
            sample = self.pod(pod) if node in totals else None
            for used in sample.containers.values() if sample is not None else ():
                totals[node] += used
        now = self._clock.now()
        return {name: NodeSample(now, _LONGEST_WINDOW, used) for name, used in totals.items()}

    def pod(self, pod: Obj) -> PodSample | None:
        """A pod's sample; None in the first second of one of its containers."""
        if pod["spec"].get("nodeName") not in self._names:
            return None
        now = self._clock.now()
        ages = {name: (now - begun).total_seconds() for name, begun in _running(pod).items()}
        if not ages or min(ages.values()) < _SHORTEST_WINDOW:
            return None
        used = {spec["name"]: usage_of(pod, spec) for spec in _specs(pod) if spec["name"] in ages}
        return PodSample(now, min(_LONGEST_WINDOW, *ages.values()), used)


def usage_of(pod: Obj, container: Obj) -> Usage:
    """What a simulated container uses.

    Args:
        pod: The pod.
        container: The container's spec.
    """
    requests = (container.get("resources") or {}).get("requests") or {}
    meta = pod["metadata"]
    seed = zlib.crc32(f"{meta['namespace']}/{meta['name']}/{container['name']}".encode())
    cpu = _told(meta, "cpu", container["name"], _NANO)
    if cpu is None:
        half = _amount(requests.get("cpu"), _NANO)
        cpu = (1 + seed % 20) * 1_000_000 if half is None else half // 2
    memory = _told(meta, "memory", container["name"], 1)
    if memory is None:
        half = _amount(requests.get("memory"), 1)
        memory = (8 + seed // 20 % 56) * _MIB if half is None else half // 2
    return Usage(cpu, memory)


def _told(meta: Obj, name: str, container: str, scale: int) -> int | None:
    """An amount from the annotations; None without one that makes sense."""
    notes = meta.get("annotations") or {}
    own = _amount(notes.get(f"{PREFIX}{name}.{container}"), scale)
    return own if own is not None else _amount(notes.get(f"{PREFIX}{name}"), scale)


def _amount(text: str | None, scale: int) -> int | None:
    if text is None:
        return None
    try:
        value = int(parse(text) * scale)
    except InputError:
        return None
    return value if 0 <= value <= _GREATEST else None


def _running(pod: Obj) -> dict[str, dt.datetime]:
    """The running containers and when they began."""
    status = pod.get("status") or {}
    found = {}
    for field in ("initContainerStatuses", "containerStatuses"):
        for entry in status.get(field) or ():
            begun = ((entry.get("state") or {}).get("running") or {}).get("startedAt")
            if begun:
                found[entry["name"]] = parse_rfc3339(begun)
    return found


def _specs(pod: Obj) -> list[Obj]:
    return [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]
