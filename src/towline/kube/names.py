"""Names of objects and labels: what Kubernetes accepts, and its messages when it does not.

Each `*_problems` function returns the texts that a validation error carries, an empty list when
the value is fine. Pure; random suffixes take their generator from the caller.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Protocol

SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
SUFFIX_LENGTH = 5
GENERATED_PREFIX_MAX = 58

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_DNS_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_LABEL_NAME = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = f"({_LABEL_NAME})?"
_CONFIG_KEY = "[-._a-zA-Z0-9]+"

_LABEL_RE = re.compile(_LABEL)
_SUBDOMAIN_RE = re.compile(_SUBDOMAIN)
_DNS_1035_RE = re.compile(_DNS_1035)
_LABEL_NAME_RE = re.compile(_LABEL_NAME)
_LABEL_VALUE_RE = re.compile(_LABEL_VALUE)
_CONFIG_KEY_RE = re.compile(_CONFIG_KEY)

_NAME_CHARACTERS = (
    "must consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character"
)


def _too_long(limit: int) -> str:
    return f"must be no more than {limit} characters"


def _mismatch(message: str, pattern: str, *examples: str) -> str:
    quoted = ",  or ".join(f"'{example}'" for example in examples)
    return f"{message} (e.g. {quoted}, regex used for validation is '{pattern}')"


def subdomain_problems(value: str) -> list[str]:
    """Checks a DNS-1123 subdomain (most object names, at most 253 bytes)."""
    problems = [_too_long(253)] if len(value.encode()) > 253 else []
    if not _SUBDOMAIN_RE.fullmatch(value):
        text = (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "
            "'-' or '.', and must start and end with an alphanumeric character"
        )
        problems.append(_mismatch(text, _SUBDOMAIN, "example.com"))
    return problems


def label_problems(value: str) -> list[str]:
    """Checks a DNS-1123 label (namespaces, containers, at most 63 bytes)."""
    problems = [_too_long(63)] if len(value.encode()) > 63 else []
    if not _LABEL_RE.fullmatch(value):
        text = (
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
            "and must start and end with an alphanumeric character"
        )
        problems.append(_mismatch(text, _LABEL, "my-name", "123-abc"))
    return problems


def dns1035_problems(value: str) -> list[str]:
    """Checks a DNS-1035 label (Services, at most 63 bytes, starts with a letter)."""
    problems = [_too_long(63)] if len(value.encode()) > 63 else []
    if not _DNS_1035_RE.fullmatch(value):
        text = (
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
            "start with an alphabetic character, and end with an alphanumeric character"
        )
        problems.append(_mismatch(text, _DNS_1035, "my-name", "abc-123"))
    return problems


def path_segment_problems(value: str) -> list[str]:
    """Checks a name that only has to be one segment of a URL path (RBAC objects)."""
    if value in {".", ".."}:
        return [f"may not be '{value}'"]
    return [f"may not contain '{mark}'" for mark in "/%" if mark in value]


def address_problems(value: str) -> list[str]:
    """Checks a name that has to be an IP address as it is usually written (IPAddresses)."""
    try:
        # A zone belongs to a machine, not to the address.
        usual = str(ipaddress.ip_address(value.replace("%", "/")))
    except ValueError:
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    return [] if value == usual else [f'must be in canonical form ("{usual}")']


def label_key_problems(value: str) -> list[str]:
    """Checks the key of a label or annotation: `[prefix/]name`."""
    prefix, slash, name = value.rpartition("/")
    problems: list[str] = []
    if "/" in prefix:
        text = _mismatch(_NAME_CHARACTERS, _LABEL_NAME, "MyName", "my.name", "123-abc")
        optional = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return [f"a valid label key {text} {optional}"]
    if slash:
        if not prefix:
            problems.append("prefix part must be non-empty")
        else:
            problems += [f"prefix part {problem}" for problem in subdomain_problems(prefix)]
    if not name:
        problems.append("name part must be non-empty")
    elif len(name.encode()) > 63:
        problems.append(f"name part {_too_long(63)}")
    if not _LABEL_NAME_RE.fullmatch(name):
        text = _mismatch(_NAME_CHARACTERS, _LABEL_NAME, "MyName", "my.name", "123-abc")
        problems.append(f"name part {text}")
    return problems


def label_value_problems(value: str) -> list[str]:
    """Checks the value of a label (at most 63 bytes)."""
    problems = [_too_long(63)] if len(value.encode()) > 63 else []
    if not _LABEL_VALUE_RE.fullmatch(value):
        text = (
            "a valid label must be an empty string or consist of alphanumeric characters, "
            "'-', '_' or '.', and must start and end with an alphanumeric character"
        )
        problems.append(_mismatch(text, _LABEL_VALUE, "MyValue", "my_value", "12345"))
    return problems


def config_key_problems(value: str) -> list[str]:
    """Checks a key of a ConfigMap's or Secret's data."""
    problems = [_too_long(253)] if len(value.encode()) > 253 else []
    if not _CONFIG_KEY_RE.fullmatch(value):
        text = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
        problems.append(_mismatch(text, _CONFIG_KEY, "key.name", "KEY_NAME", "key-name"))
    if value == ".":
        problems.append("must not be '.'")
    elif value == "..":
        problems.append("must not be '..'")
    elif value.startswith(".."):
        problems.append("must not start with '..'")
    return problems


class Chooser(Protocol):
    """A source of randomness such as `random.Random`."""

    def choice(self, seq: str, /) -> str:
        """One of the characters."""
        ...


def random_suffix(rng: Chooser, length: int = SUFFIX_LENGTH) -> str:
    """Random characters for a generated name; the alphabet cannot spell words."""
    return "".join(rng.choice(SUFFIX_ALPHABET) for _ in range(length))


def generated_name(prefix: str, rng: Chooser) -> str:
    """A name for `metadata.generateName`: the prefix cut to 58 characters plus five random ones."""
    return prefix[:GENERATED_PREFIX_MAX] + random_suffix(rng)
