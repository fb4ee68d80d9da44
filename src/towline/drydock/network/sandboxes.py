"""A network namespace and an address per pod. The namespace's name is the only record of both."""

from __future__ import annotations

import ipaddress
import logging
import re
from pathlib import Path

import msgspec

from towline.drydock.network import links
from towline.drydock.network.plan import NetworkPlan
from towline.errors import CommandError, LimitError

_log = logging.getLogger("towline.drydock.network")


class Sandbox(msgspec.Struct, frozen=True):
    """Where a pod's containers meet.

    Attributes:
        pod_uid: The pod.
        name: Name of the network namespace.
        ip: The pod's address.
    """

    pod_uid: str
    name: str
    ip: str

    @property
    def path(self) -> Path:
        """The namespace's file."""
        return links.NAMESPACES / self.name


class Sandboxes:
    """The pods' network namespaces of one instance.

    Args:
        plan: Addresses to hand out.
    """

    def __init__(self, plan: NetworkPlan) -> None:
        self._plan = plan
        self._network = ipaddress.IPv4Network(plan.pod_cidr)
        self._prefix = f"{plan.bridge}-"
        self._pattern = re.compile(rf"{re.escape(self._prefix)}(\d+)-([0-9a-zA-Z-]+)")
        self._known: dict[str, Sandbox] = {}
        self._last = 1

    @property
    def gateway(self) -> str:
        """The bridge's address: the host as pods see it."""
        return str(self._network.network_address + 1)

    async def start(self) -> None:
        """Makes the bridge and finds the namespaces that are there.

        Raises:
            CommandError: When the kernel refuses.
        """
        await links.make_bridge(
            self._plan.bridge,
            f"{self.gateway}/{self._network.prefixlen}",
            self._plan.service_cidr,
        )
        for name in links.namespaces(self._prefix):
            if match := self._pattern.fullmatch(name):
                number, uid = int(match[1]), match[2]
                self._known[uid] = Sandbox(uid, name, str(self._network.network_address + number))
                self._last = max(self._last, number)

    def get(self, pod_uid: str) -> Sandbox | None:
        """The pod's namespace, if it is there."""
        return self._known.get(pod_uid)

    def pod_uids(self) -> list[str]:
        """Pods that have a namespace."""
        return list(self._known)

    async def ensure(self, pod_uid: str) -> Sandbox:
        """Makes the pod's namespace unless it is there.

        Raises:
            CommandError: When the kernel refuses.
            LimitError: When all addresses are in use.
        """
        known = self._known.get(pod_uid)
        if known is not None:
            return known
        number = self._free_number()
        sandbox = Sandbox(
            pod_uid,
            f"{self._prefix}{number}-{pod_uid}",
            str(self._network.network_address + number),
        )
        self._known[pod_uid] = sandbox
        try:
            await links.make_namespace(
                sandbox.name,
                link=self._link(number),
                bridge=self._plan.bridge,
                address=sandbox.ip,
                prefix=self._network.prefixlen,
                gateway=self.gateway,
            )
        except BaseException:
            del self._known[pod_uid]
            raise
        return sandbox

    async def remove(self, pod_uid: str) -> None:
        """Removes the pod's namespace, if it is there.

        Raises:
            CommandError: When the kernel refuses.
        """
        sandbox = self._known.get(pod_uid)
        if sandbox is not None:
            await links.remove_namespace(sandbox.name, self._link(self._number(sandbox)))
            self._known.pop(pod_uid, None)

    async def teardown(self) -> None:
        """Removes every namespace, the bridge and the route of this instance."""
        for name in links.namespaces(self._prefix):
            match = self._pattern.fullmatch(name)
            try:
                await links.remove_namespace(name, self._link(int(match[1])) if match else "")
            except CommandError as error:
                _log.warning("namespace stays name=%s error=%s", name, error)
        self._known.clear()
        await links.remove_bridge(self._plan.bridge, self._plan.service_cidr)

    def _free_number(self) -> int:
        """The next free number after the last one given, so that addresses rest before reuse."""
        used = {self._number(sandbox) for sandbox in self._known.values()}
        size = self._network.num_addresses
        for step in range(1, size):
            number = (self._last + step) % size
            if 2 <= number < size - 1 and number not in used:
                self._last = number
                return number
        raise LimitError(f"no free pod address in {self._plan.pod_cidr}")

    def _number(self, sandbox: Sandbox) -> int:
        return int(ipaddress.IPv4Address(sandbox.ip)) - int(self._network.network_address)

    def _link(self, number: int) -> str:
        return f"{self._plan.bridge}v{number}"
