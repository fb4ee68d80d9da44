"""Rules between the fields of a container: ports, variables, probes, resources, mounts. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from towline.errors import InputError
from towline.kube import quantity
from towline.kube.names import label_key_problems, label_problems
from towline.kube.schema.fielderror import (
    FieldError,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
)

Obj = dict[str, Any]

PROTOCOLS = ("SCTP", "TCP", "UDP")
NOT_NEGATIVE = "must be greater than or equal to 0"
_POLICIES = ("Always", "IfNotPresent", "Never")
_MESSAGES = ("File", "FallbackToLogsOnError")
_PORT_NAME_MAX = 15
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_PROBE_NUMBERS = (
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
)
_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_FIELDS = frozenset(
    {
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "spec.nodeName",
        "spec.serviceAccountName",
        "status.hostIP",
        "status.hostIPs",
        "status.podIP",
        "status.podIPs",
    }
)
_FIELD_OF_MAP = re.compile(r"metadata\.(labels|annotations)\['[^']+'\]")
_STANDARD = re.compile(r"cpu|memory|ephemeral-storage|hugepages-.+")
_VARIABLE = re.compile(r"[ -<>-~]+")


def container_problems(container: Obj, path: str, volumes: set[Any]) -> Iterator[FieldError]:
    """What is wrong with a container by itself.

    Args:
        container: Defaulted.
        path: Where it stands.
        volumes: Names of the pod's volumes.
    """
    yield from name_problems(container.get("name"), f"{path}.name")
    image = container.get("image")
    if not image:
        yield required(f"{path}.image")
    yield from _ports(container.get("ports") or (), path)
    yield from _environment(container.get("env") or (), f"{path}.env")
    yield from _mounts(container, path, volumes)
    for key in _PROBES:
        if container.get(key) is not None:
            yield from _probe(container[key], f"{path}.{key}", once=key != "readinessProbe")
    yield from choice(container, "imagePullPolicy", path, _POLICIES)
    yield from _resources(container.get("resources") or {}, f"{path}.resources")
    yield from choice(container, "terminationMessagePolicy", path, _MESSAGES)


def name_problems(name: Any, path: str) -> Iterator[FieldError]:
    """A name that must be a DNS label."""
    if not name:
        yield required(path)
        return
    for problem in label_problems(str(name)):
        yield invalid(path, name, problem)


def choice(obj: Obj, key: str, path: str, supported: tuple[str, ...]) -> Iterator[FieldError]:
    """A field that has one of a few values."""
    value = obj.get(key)
    if value and value not in supported:
        yield not_supported(f"{path}.{key}", value, supported)


def port_problems(number: Any, path: str) -> Iterator[FieldError]:
    """A port number; names are not looked at."""
    if isinstance(number, int) and not 0 < number < 65536:
        yield invalid(path, number, "must be between 1 and 65535, inclusive")


def port_name_problems(name: str, path: str) -> Iterator[FieldError]:
    """The name of a port, as IANA writes service names."""
    if len(name) > _PORT_NAME_MAX:
        yield invalid(path, name, f"must be no more than {_PORT_NAME_MAX} characters")
    if not re.fullmatch("[-a-z0-9]+", name):
        text = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
        yield invalid(path, name, text)
    if not re.search("[a-z]", name):
        yield invalid(path, name, "must contain at least one letter (a-z)")
    if "--" in name:
        yield invalid(path, name, "must not contain consecutive hyphens")
    if name.startswith("-") or name.endswith("-"):
        yield invalid(path, name, "must not begin or end with a hyphen")


def _ports(ports: Any, path: str) -> Iterator[FieldError]:
    seen: set[str] = set()
    for position, port in enumerate(ports):
        where = f"{path}.ports[{position}]"
        name = port.get("name")
        if name:
            yield from port_name_problems(name, f"{where}.name")
            if name in seen:
                yield duplicate(f"{where}.name", name)
            seen.add(name)
        number = port.get("containerPort")
        if not number:
            yield required(f"{where}.containerPort")
        else:
            yield from port_problems(number, f"{where}.containerPort")
        if port.get("hostPort"):
            yield from port_problems(port["hostPort"], f"{where}.hostPort")
        yield from choice(port, "protocol", where, PROTOCOLS)


def _environment(variables: Any, path: str) -> Iterator[FieldError]:
    for position, variable in enumerate(variables):
        where = f"{path}[{position}]"
        name = variable.get("name")
        if not name:
            yield required(f"{where}.name")
        elif not _VARIABLE.fullmatch(name):
            text = (
                "a valid environment variable name must consist only of printable ASCII"
                " characters other than '='"
            )
            yield invalid(f"{where}.name", name, text)
        if variable.get("valueFrom") is not None:
            yield from _value_source(variable, f"{where}.valueFrom")


def _value_source(variable: Obj, path: str) -> Iterator[FieldError]:
    source = variable["valueFrom"]
    given = [key for key in _SOURCES if source.get(key) is not None]
    if not given:
        text = ", ".join(f"`{key}`" for key in _SOURCES[:-1])
        yield invalid(path, "", f"must specify one of: {text} or `{_SOURCES[-1]}`")
    elif variable.get("value"):
        yield invalid(path, "", "may not be specified when `value` is not empty")
    elif len(given) > 1:
        yield invalid(path, "", "may not have more than one field specified at a time")
    for key in given:
        if key in {"configMapKeyRef", "secretKeyRef"} and not source[key].get("key"):
            yield required(f"{path}.{key}.key")
    if "fieldRef" in given:
        yield from _field_path(source["fieldRef"].get("fieldPath"), f"{path}.fieldRef.fieldPath")


def _field_path(field: Any, path: str) -> Iterator[FieldError]:
    if not field:
        yield required(path)
    elif field not in _FIELDS and not _FIELD_OF_MAP.fullmatch(field):
        text = f"error converting fieldPath: field label not supported: {field}"
        yield invalid(path, field, text)


def _mounts(container: Obj, path: str, volumes: set[Any]) -> Iterator[FieldError]:
    seen: set[str] = set()
    for position, mount in enumerate(container.get("volumeMounts") or ()):
        where = f"{path}.volumeMounts[{position}]"
        if mount.get("name") not in volumes:
            yield FieldError(
                f"{where}.name", "FieldValueNotFound", f'Not found: "{mount.get("name", "")}"'
            )
        place = mount.get("mountPath")
        if not place:
            yield required(f"{where}.mountPath")
        elif place in seen:
            yield invalid(f"{where}.mountPath", place, "must be unique")
        seen.add(place or "")


def _probe(probe: Obj, path: str, *, once: bool) -> Iterator[FieldError]:
    given = [key for key in _HANDLERS if probe.get(key) is not None]
    if not given:
        yield required(path, "must specify a handler type")
    for key in given[1:]:
        yield forbidden(f"{path}.{key}", "may not specify more than 1 handler type")
    if "httpGet" in given:
        http = probe["httpGet"]
        yield from port_problems(http.get("port"), f"{path}.httpGet.port")
        yield from choice(http, "scheme", f"{path}.httpGet", ("HTTP", "HTTPS"))
    if "tcpSocket" in given:
        yield from port_problems(probe["tcpSocket"].get("port"), f"{path}.tcpSocket.port")
    for key in _PROBE_NUMBERS:
        value = probe.get(key)
        if isinstance(value, int) and value < 0:
            yield invalid(f"{path}.{key}", value, NOT_NEGATIVE)
    if once and probe.get("successThreshold", 1) > 1:
        yield invalid(f"{path}.successThreshold", probe["successThreshold"], "must be 1")


def _resources(resources: Obj, path: str) -> Iterator[FieldError]:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for side, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            yield from _amount(name, amount, f"{path}.{side}[{name}]")
    for name, amount in requests.items():
        limit = limits.get(name)
        if limit is not None and _parsed(amount) > _parsed(limit):
            text = f"must be less than or equal to {name} limit of {limit}"
            yield invalid(f"{path}.requests", str(amount), text)


def _amount(name: str, amount: Any, path: str) -> Iterator[FieldError]:
    for problem in label_key_problems(name):
        yield invalid(path, name, problem)
    if "/" not in name and not _STANDARD.fullmatch(name):
        yield invalid(path, name, "must be a standard resource type or fully qualified")
        yield invalid(path, name, "must be a standard resource for containers")
    if _parsed(amount) < 0:
        yield invalid(path, str(amount), NOT_NEGATIVE)


def _parsed(amount: Any) -> Any:
    try:
        return quantity.parse(amount)
    except InputError:
        # Malformed quantities are refused when the object is brought to its canonical form.
        return 0
