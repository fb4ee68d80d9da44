"""IP addresses and networks: `ip`, `cidr` and what they tell. Pure."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv6Address,
    IPv6Interface,
    ip_address,
    ip_interface,
)

from towline.kube.cel import costs
from towline.kube.cel.functions import Functions
from towline.kube.cel.issues import EvaluationError
from towline.kube.cel.types import CelType, opaque
from towline.kube.cel.values import HostValue

FUNCTIONS = Functions()
_overload = FUNCTIONS.overload
_MULTICAST = IPv4Address("224.0.0.0")


class IpValue(HostValue):
    """An address in an expression."""

    TYPE: CelType = opaque("net.IP")

    def __init__(self, address: IPv4Address | IPv6Address) -> None:
        self.address = address

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IpValue) and self.address == other.address

    def __hash__(self) -> int:
        return hash(self.address)


class CidrValue(HostValue):
    """A network in an expression; it remembers the address it was written with."""

    TYPE: CelType = opaque("net.CIDR")

    def __init__(self, interface: IPv4Interface | IPv6Interface) -> None:
        self.interface = interface

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CidrValue) and self.interface == other.interface

    def __hash__(self) -> int:
        return hash(self.interface)


def _parse_ip(text: str) -> IPv4Address | IPv6Address:
    try:
        address = ip_address(text)
    except ValueError:
        raise EvaluationError(
            f'IP Address "{text}" parse error during conversion from string: ParseAddr("{text}"):'
            " unable to parse IP"
        ) from None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            raise EvaluationError(f'IP address "{text}" with zone value is not allowed')
        if address.ipv4_mapped is not None:
            raise EvaluationError(f'IPv4-mapped IPv6 address "{text}" is not allowed')
    return address


def _parse_cidr(text: str) -> CidrValue:
    head, slash, bits = text.partition("/")
    twice = "network address parse error during conversion from string: "
    if not slash or not bits.isdigit() or (len(bits) > 1 and bits[0] == "0"):
        why = "no '/'" if not slash else f'bad bits after slash: "{bits}"'
        raise EvaluationError(f'{twice}{twice}netip.ParsePrefix("{text}"): {why}')
    try:
        interface = ip_interface(text)
    except ValueError:
        raise EvaluationError(
            f'{twice}{twice}netip.ParsePrefix("{text}"): ParseAddr("{head}"): unable to parse IP'
        ) from None
    address = interface.ip
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        raise EvaluationError(f'{twice}IPv4-mapped IPv6 address "{text}" is not allowed')
    return CidrValue(interface)


@_overload("ip", "(string) -> net.IP", cost=costs.traversal)
def _ip(text: str) -> IpValue:
    return IpValue(_parse_ip(text))


@_overload("isIP", "(string) -> bool", cost=costs.traversal)
def _is_ip(text: str) -> bool:
    try:
        _parse_ip(text)
    except EvaluationError:
        return False
    return True


@_overload("ip.isCanonical", "(string) -> bool", cost=costs.twice)
def _is_canonical(text: str) -> bool:
    return str(_parse_ip(text)) == text


@_overload("string", "(net.IP) -> string")
def _string_of_ip(value: IpValue) -> str:
    return str(value.address)


@_overload("family", "net.IP.() -> int")
def _family(value: IpValue) -> int:
    return value.address.version


_Address = IPv4Address | IPv6Address
_TESTS: dict[str, Callable[[_Address], bool]] = {
    "isUnspecified": lambda address: address.is_unspecified,
    "isLoopback": lambda address: address.is_loopback,
    "isLinkLocalMulticast": lambda address: (
        int(address) >> 8 == int(_MULTICAST) >> 8
        if address.version == 4
        else address.packed[0] == 0xFF and address.packed[1] & 0x0F == 0x02
    ),
    "isLinkLocalUnicast": lambda address: address.is_link_local,
    "isGlobalUnicast": lambda address: (
        not (
            address.is_unspecified
            or address.is_loopback
            or address.is_multicast
            or address.is_link_local
            or str(address) == "255.255.255.255"
        )
    ),
}


def _test(holds: Callable[[_Address], bool]) -> Callable[[IpValue], bool]:
    return lambda value: holds(value.address)


for _name, _holds in _TESTS.items():
    _overload(_name, "net.IP.() -> bool")(_test(_holds))


@_overload("cidr", "(string) -> net.CIDR", cost=costs.traversal)
def _cidr(text: str) -> CidrValue:
    return _parse_cidr(text)


@_overload("isCIDR", "(string) -> bool", cost=costs.traversal)
def _is_cidr(text: str) -> bool:
    try:
        _parse_cidr(text)
    except EvaluationError:
        return False
    return True


def _contains(value: CidrValue, address: _Address) -> bool:
    network = value.interface.network
    return network.version == address.version and address in network


@_overload("containsIP", "net.CIDR.(string) -> bool", cost=costs.both)
def _contains_text(value: CidrValue, text: str) -> bool:
    return _contains(value, _parse_ip(text))


@_overload("containsIP", "net.CIDR.(net.IP) -> bool", cost=costs.both)
def _contains_ip(value: CidrValue, address: IpValue) -> bool:
    return _contains(value, address.address)


@_overload("containsCIDR", "net.CIDR.(net.CIDR) -> bool", cost=costs.both)
def _contains_cidr(value: CidrValue, other: CidrValue) -> bool:
    inside = other.interface.network
    narrower = value.interface.network.prefixlen <= inside.prefixlen
    return narrower and _contains(value, inside.network_address)


@_overload("containsCIDR", "net.CIDR.(string) -> bool", cost=costs.both)
def _contains_cidr_text(value: CidrValue, text: str) -> bool:
    return _contains_cidr(value, _parse_cidr(text))


@_overload("ip", "net.CIDR.() -> net.IP")
def _ip_of_cidr(value: CidrValue) -> IpValue:
    return IpValue(value.interface.ip)


@_overload("prefixLength", "net.CIDR.() -> int")
def _prefix_length(value: CidrValue) -> int:
    return value.interface.network.prefixlen


@_overload("masked", "net.CIDR.() -> net.CIDR")
def _masked(value: CidrValue) -> CidrValue:
    return CidrValue(ip_interface(str(value.interface.network)))


@_overload("string", "(net.CIDR) -> string")
def _string_of_cidr(value: CidrValue) -> str:
    return value.interface.with_prefixlen
