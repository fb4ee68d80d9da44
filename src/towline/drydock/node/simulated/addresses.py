"""Addresses of simulated pods."""

from __future__ import annotations

import ipaddress


class Addresses:
    """Pod addresses of one node.

    Args:
        network: Where they are taken from; the first is the node's.
    """

    def __init__(self, network: ipaddress.IPv4Network) -> None:
        self._first = int(network.network_address) + 2
        self._size = network.num_addresses - 3
        self._next = 0
        self._taken: set[str] = set()

    def claim(self, address: str) -> None:
        """Marks an address as in use."""
        self._taken.add(address)

    def take(self) -> str:
        """A free address, or an empty string; those given back are used again last."""
        for step in range(self._size):
            number = (self._next + step) % self._size
            address = str(ipaddress.IPv4Address(self._first + number))
            if address not in self._taken:
                self._next = number + 1
                self._taken.add(address)
                return address
        return ""

    def give(self, address: str) -> None:
        """Makes an address free."""
        self._taken.discard(address)
