"""The environment of a container: values, references, Services, `$(VAR)` expansion. Pure."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from towline.drydock.cluster import Obj
from towline.errors import InputError
from towline.kube.quantity import parse as parse_quantity

_REFERENCE = re.compile(r"\$(\$|\(([^)]*)\))")
_PATH = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


class ConfigError(InputError):
    """A container or volume cannot be configured; the message is the kubelet's."""


class Sources(msgspec.Struct, frozen=True):
    """Where configuration comes from; each function answers None for what does not exist.

    Attributes:
        config_map: ConfigMap by namespace and name.
        secret: Secret by namespace and name.
        token: Content of a token file, by pod and `serviceAccountToken` projection; raises
            ConfigError.
    """

    config_map: Callable[[str, str], Obj | None]
    secret: Callable[[str, str], Obj | None]
    token: Callable[[Obj, Obj], bytes] | None = None


def decoded(secret: Obj) -> dict[str, bytes]:
    """The data of a Secret; a value that is not base64 reads as empty."""
    values = {}
    for key, text in (secret.get("data") or {}).items():
        try:
            values[key] = base64.b64decode(text or "")
        except (binascii.Error, ValueError):
            values[key] = b""
    return values


def config_data(config_map: Obj) -> dict[str, bytes]:
    """The data of a ConfigMap, text and binary together."""
    values = {key: text.encode() for key, text in (config_map.get("data") or {}).items()}
    return values | decoded({"data": config_map.get("binaryData") or {}})


def environment_of(
    pod: Obj,
    container: Obj,
    sources: Sources,
    services: Iterable[Obj],
    facts: Mapping[str, str],
) -> dict[str, str]:
    """The variables of a container, later definitions winning.

    Args:
        pod: The Pod.
        container: The container's spec.
        sources: ConfigMaps and Secrets.
        services: Services whose addresses are announced.
        facts: Values of `status.*` and `spec.*` field paths, for example `status.podIP`.

    Raises:
        ConfigError: When something that is not optional is missing.
    """
    result = service_variables(pod, services)
    for entry in container.get("envFrom") or []:
        result |= _from_source(pod, entry, sources)
    for entry in container.get("env") or []:
        value = _value(pod, container, entry, sources, facts)
        if value is None:
            continue
        result[entry["name"]] = expand(value, result) if "value" in entry else value
    return result


def service_variables(pod: Obj, services: Iterable[Obj]) -> dict[str, str]:
    """The `NAME_SERVICE_HOST` family: Services of the namespace, and default/kubernetes always."""
    namespace = pod["metadata"]["namespace"]
    linked = pod["spec"].get("enableServiceLinks") is not False
    result: dict[str, str] = {}
    for service in services:
        meta, spec = service["metadata"], service["spec"]
        master = (meta["namespace"], meta["name"]) == ("default", "kubernetes")
        address = spec.get("clusterIP") or "None"
        if address == "None" or not (master or (linked and meta["namespace"] == namespace)):
            continue
        result |= _one_service(meta["name"], address, spec.get("ports") or [])
    return result


def _one_service(name: str, address: str, ports: list[Obj]) -> dict[str, str]:
    prefix = name.upper().replace("-", "_")
    if not ports:
        return {}
    first = ports[0]
    protocol = (first.get("protocol") or "TCP").lower()
    result = {
        f"{prefix}_SERVICE_HOST": address,
        f"{prefix}_SERVICE_PORT": str(first["port"]),
        f"{prefix}_PORT": f"{protocol}://{address}:{first['port']}",
    }
    for port in ports:
        number = str(port["port"])
        kind = port.get("protocol") or "TCP"
        if port.get("name"):
            suffix = port["name"].upper().replace("-", "_")
            result[f"{prefix}_SERVICE_PORT_{suffix}"] = number
        stem = f"{prefix}_PORT_{number}_{kind}"
        result[stem] = f"{kind.lower()}://{address}:{number}"
        result[f"{stem}_PROTO"] = kind.lower()
        result[f"{stem}_PORT"] = number
        result[f"{stem}_ADDR"] = address
    return result


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replaces `$(NAME)`; unknown names stay, `$$` is one dollar."""

    def put(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return values.get(match[2], match[0])

    return _REFERENCE.sub(put, text)


def _from_source(pod: Obj, entry: Obj, sources: Sources) -> dict[str, str]:
    namespace = pod["metadata"]["namespace"]
    prefix = entry.get("prefix") or ""
    for field, look, read, kind in (
        ("configMapRef", sources.config_map, config_data, "configmap"),
        ("secretRef", sources.secret, decoded, "secret"),
    ):
        reference = entry.get(field)
        if not reference:
            continue
        found = look(namespace, reference.get("name") or "")
        if found is None:
            if reference.get("optional"):
                return {}
            raise ConfigError(f'{kind} "{reference.get("name")}" not found')
        return {f"{prefix}{key}": _text(value) for key, value in read(found).items()}
    return {}


def _text(value: bytes) -> str:
    return value.decode(errors="replace").replace("\0", "")


def _value(
    pod: Obj, container: Obj, entry: Obj, sources: Sources, facts: Mapping[str, str]
) -> str | None:
    if "value" in entry or not entry.get("valueFrom"):
        return str(entry.get("value") or "")
    origin = entry["valueFrom"]
    if reference := origin.get("fieldRef"):
        return field_value(pod, reference.get("fieldPath") or "", facts)
    if reference := origin.get("resourceFieldRef"):
        return resource_value(pod, reference, container)
    if reference := origin.get("configMapKeyRef"):
        return _key(pod, reference, sources.config_map, config_data, ("configmap", "ConfigMap"))
    if reference := origin.get("secretKeyRef"):
        return _key(pod, reference, sources.secret, decoded, ("secret", "Secret"))
    raise ConfigError(f"the source of variable {entry['name']} is not supported")


def _key(
    pod: Obj,
    reference: Obj,
    look: Callable[[str, str], Obj | None],
    read: Callable[[Obj], dict[str, bytes]],
    kinds: tuple[str, str],
) -> str | None:
    namespace, name, key = pod["metadata"]["namespace"], reference.get("name"), reference["key"]
    found = look(namespace, name or "")
    if found is None:
        if reference.get("optional"):
            return None
        raise ConfigError(f'{kinds[0]} "{name}" not found')
    data = read(found)
    if key not in data:
        if reference.get("optional"):
            return None
        raise ConfigError(f"couldn't find key {key} in {kinds[1]} {namespace}/{name}")
    return _text(data[key])


def field_value(pod: Obj, path: str, facts: Mapping[str, str]) -> str:
    """The value of a downward API field path.

    Raises:
        ConfigError: When the path is not one of those that exist.
    """
    meta: dict[str, Any] = pod["metadata"]
    if path in {"metadata.name", "metadata.namespace", "metadata.uid"}:
        return str(meta.get(path.partition(".")[2]) or "")
    if path in {"metadata.labels", "metadata.annotations"}:
        values = meta.get(path.partition(".")[2]) or {}
        return "\n".join(f"{key}={_quoted(values[key])}" for key in sorted(values))
    if match := _PATH.fullmatch(path):
        return str((meta.get(match[1]) or {}).get(match[2]) or "")
    if path in facts:
        return facts[path]
    raise ConfigError(f"unsupported fieldPath: {path}")


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def resource_value(pod: Obj, reference: Obj, container: Obj | None) -> str:
    """The value of a resourceFieldRef, divided and rounded up as Kubernetes does.

    Raises:
        ConfigError: When the container or the resource is unknown.
    """
    name = reference.get("containerName")
    if name:
        specs = [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]
        container = next((spec for spec in specs if spec["name"] == name), None)
    if container is None:
        raise ConfigError(f"container {name} not found")
    kind, _, resource = str(reference.get("resource") or "").partition(".")
    if kind not in {"limits", "requests"} or not resource:
        raise ConfigError(f"unsupported container resource: {reference.get('resource')}")
    amount = parse_quantity(((container.get("resources") or {}).get(kind) or {}).get(resource, "0"))
    divisor = parse_quantity(reference.get("divisor") or "1") or parse_quantity("1")
    return str(math.ceil(amount / divisor))
