"""The address plan of one instance: a free index, chosen once, kept in the data folder.

Several instances share a machine, so each takes an index of its own: bridge `dd<index>`, pods
`10.244.<index>.0/24`, services `10.96.<index>.0/24`, load balancers `127.96.<index>.0/24`. A claim
file per index (in a folder that a reboot empties) says whose it is.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from pathlib import Path

import msgspec

from towline.errors import SettingsError

CLAIMS = Path("/run/towline/network")
ROUTES = Path("/proc/net/route")
INTERFACES = Path("/sys/class/net")
_FILE = "network.json"
_INDEXES = 256


class NetworkPlan(msgspec.Struct, frozen=True):
    """Addresses of one instance.

    Attributes:
        index: The instance's number on this machine.
        pod_cidr: Addresses of pods; the first is the bridge's.
        service_cidr: Cluster IPs; the registry allocates from it.
        dns_ip: Cluster IP of the DNS server, never to be given to a Service.
        kubernetes_ip: Cluster IP of the Service default/kubernetes.
        lb_cidr: Loopback addresses of LoadBalancer Services.
        bridge: Name of the network interface that joins the pods.
    """

    index: int
    pod_cidr: str
    service_cidr: str
    dns_ip: str
    kubernetes_ip: str
    lb_cidr: str
    bridge: str


def plan_of(index: int) -> NetworkPlan:
    """The addresses that belong to an index, 0 to 255."""
    return NetworkPlan(
        index=index,
        pod_cidr=f"10.244.{index}.0/24",
        service_cidr=f"10.96.{index}.0/24",
        dns_ip=f"10.96.{index}.10",
        kubernetes_ip=f"10.96.{index}.1",
        lb_cidr=f"127.96.{index}.0/24",
        bridge=f"dd{index}",
    )


def plan(
    data_dir: Path,
    *,
    claims: Path = CLAIMS,
    routes: Path = ROUTES,
    interfaces: Path = INTERFACES,
) -> NetworkPlan:
    """The plan of the instance that keeps its data in that folder; made on the first call.

    Raises:
        SettingsError: When no index is free, or the kept one was taken by another instance.
    """
    owner = str(data_dir.resolve())
    kept = data_dir / _FILE
    if kept.exists():
        known = msgspec.json.decode(kept.read_bytes(), type=NetworkPlan)
        if not _claim(claims, known.index, owner):
            raise SettingsError(
                f"network index {known.index} of {owner} is in use by another instance",
                hint=f"stop the instance named in {claims / str(known.index)}, "
                f"or start with an empty data folder",
            )
        return known
    taken = _routed_networks(routes)
    start = int.from_bytes(hashlib.sha256(owner.encode()).digest()[:2], "big")
    for step in range(_INDEXES):
        found = plan_of((start + step) % _INDEXES)
        if (interfaces / found.bridge).exists() or _overlaps(found, taken):
            continue
        if _claim(claims, found.index, owner):
            _keep(kept, found)
            return found
    raise SettingsError("no free network index on this machine", hint="stop other instances")


def release(chosen: NetworkPlan, *, claims: Path = CLAIMS) -> None:
    """Gives the index back to the machine; the data folder keeps its wish for the next start."""
    (claims / str(chosen.index)).unlink(missing_ok=True)


def _keep(file: Path, chosen: NetworkPlan) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(chosen))
    part.replace(file)


def _claim(claims: Path, index: int, owner: str) -> bool:
    """Takes the index, unless a living data folder holds it."""
    claims.mkdir(parents=True, exist_ok=True)
    claim = claims / str(index)
    try:
        descriptor = os.open(claim, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        holder = claim.read_text()
        if holder == owner:
            return True
        if _holds(Path(holder) / _FILE, index):
            return False
        claim.write_text(owner)
        return True
    with os.fdopen(descriptor, "w") as file:
        file.write(owner)
    return True


def _holds(kept: Path, index: int) -> bool:
    try:
        return msgspec.json.decode(kept.read_bytes(), type=NetworkPlan).index == index
    except (OSError, msgspec.DecodeError):
        return False


def _overlaps(chosen: NetworkPlan, taken: list[ipaddress.IPv4Network]) -> bool:
    wanted = [ipaddress.IPv4Network(chosen.pod_cidr), ipaddress.IPv4Network(chosen.service_cidr)]
    return any(network.overlaps(other) for network in wanted for other in taken)


def _routed_networks(routes: Path) -> list[ipaddress.IPv4Network]:
    """Networks of the main routing table, the default route left out."""
    if not routes.exists():
        return []
    found = []
    for line in routes.read_text().splitlines()[1:]:
        fields = line.split()
        target, mask = (int(fields[n], 16).to_bytes(4, "little") for n in (1, 7))
        if any(mask):
            found.append(
                ipaddress.IPv4Network(
                    f"{ipaddress.IPv4Address(target)}/{ipaddress.IPv4Address(mask)}", strict=False
                )
            )
    return found
