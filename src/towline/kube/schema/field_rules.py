"""Rules that fields of many kinds share: numbers, choices, addresses, selectors, names. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from towline.kube.names import label_key_problems, label_value_problems
from towline.kube.schema.fielderror import FieldError, forbidden, invalid, not_supported, required

Obj = dict[str, Any]

NOT_NEGATIVE = "must be greater than or equal to 0"
NO_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
NO_RANGE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_PERCENT = re.compile("[0-9]+%")
_PERCENT_TEXT = (
    "a valid percent string must be a numeric string followed by an ending '%'"
    " (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
)
_OPERATORS_WITH_VALUES = ("In", "NotIn")
_OPERATORS_ALONE = ("Exists", "DoesNotExist")


def not_negative(obj: Obj, names: Iterable[str], path: str) -> Iterator[FieldError]:
    """Numbers that may be absent but not below zero."""
    for name in names:
        number = obj.get(name)
        if isinstance(number, int) and number < 0:
            yield invalid(f"{path}.{name}" if path else name, number, NOT_NEGATIVE)


def one_of(value: Any, path: str, supported: Iterable[str]) -> Iterator[FieldError]:
    """A value that has to be there and be one of a few; an absent one counts as empty."""
    if (value or "") not in supported:
        yield not_supported(path, value or "", supported)


def count_or_share(value: Any, path: str) -> Iterator[FieldError]:
    """A count or a percentage."""
    if isinstance(value, str) and not _PERCENT.fullmatch(value):
        yield invalid(path, value, _PERCENT_TEXT)
    elif isinstance(value, int) and value < 0:
        yield invalid(path, value, NOT_NEGATIVE)


def not_above_all(value: Any, path: str) -> Iterator[FieldError]:
    """A percentage is at most a hundred."""
    if isinstance(value, str) and _PERCENT.fullmatch(value) and int(value[:-1]) > 100:
        yield invalid(path, value, "must not be greater than 100%")


def named(value: Any, path: str, rule: Callable[[str], list[str]]) -> Iterator[FieldError]:
    """A name, where one is given."""
    for problem in rule(str(value)) if value else ():
        yield invalid(path, value, problem)


def qualified(value: Any, path: str) -> Iterator[FieldError]:
    """A name like that of a label."""
    for problem in label_key_problems(str(value or "")):
        yield invalid(path, value or "", problem)


def domain_path(value: str, path: str) -> Iterator[FieldError]:
    """A name such as `example.com/thing`."""
    domain, slash, rest = value.partition("/")
    if not domain or not slash or not rest:
        yield invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')


def labels(given: Obj, path: str) -> Iterator[FieldError]:
    """Keys and values of labels."""
    for key, value in given.items():
        for problem in label_key_problems(key):
            yield invalid(path, key, problem)
        for problem in label_value_problems(str(value)):
            yield invalid(path, value, problem)


def selector(given: Any, path: str) -> Iterator[FieldError]:
    """The parts of a label selector."""
    yield from labels((given or {}).get("matchLabels") or {}, f"{path}.matchLabels")
    for position, part in enumerate((given or {}).get("matchExpressions") or ()):
        yield from _requirement(part, f"{path}.matchExpressions[{position}]")


def _requirement(part: Obj, path: str) -> Iterator[FieldError]:
    operator, values = part.get("operator") or "", part.get("values") or ()
    if operator in _OPERATORS_WITH_VALUES:
        if not values:
            why = "must be specified when `operator` is 'In' or 'NotIn'"
            yield required(f"{path}.values", why)
    elif operator in _OPERATORS_ALONE:
        if values:
            why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            yield forbidden(f"{path}.values", why)
    else:
        yield invalid(f"{path}.operator", operator, "not a valid selector operator")
    yield from qualified(part.get("key"), f"{path}.key")
    for position, value in enumerate(values):
        for problem in label_value_problems(str(value)):
            yield invalid(f"{path}.values[{position}]", value, problem)


def address(value: Any, path: str) -> Iterator[FieldError]:
    """An IP address."""
    if not is_address(value):
        yield invalid(path, value or "", NO_ADDRESS)


def is_address(text: Any) -> bool:
    """Whether a text is an IP address."""
    try:
        ipaddress.ip_address(str(text))
    except ValueError:
        return False
    return True


def network(value: Any, path: str) -> Iterator[FieldError]:
    """A range of addresses."""
    if network_of(value) is None:
        yield invalid(path, value or "", NO_RANGE)


def network_of(text: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """A range of addresses from its text, None when it is none."""
    try:
        return ipaddress.ip_network(str(text), strict=False) if "/" in str(text) else None
    except ValueError:
        return None


def fixed(old: Any, new: Any, path: str) -> Iterator[FieldError]:
    """A value that no update changes."""
    if old != new:
        yield invalid(path, new, "field is immutable")
