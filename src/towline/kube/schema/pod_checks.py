"""Rules between the fields of pods and pod templates: containers, volumes, placement. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from towline.kube.names import (
    label_key_problems,
    label_problems,
    label_value_problems,
    subdomain_problems,
)
from towline.kube.schema.container_checks import (
    Obj,
    choice,
    container_problems,
    name_problems,
)
from towline.kube.schema.fielderror import (
    FieldError,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
)
from towline.kube.schema.pod_placement_checks import placement_problems

_RESTARTS = ("Always", "OnFailure", "Never")
_DNS = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_MODE_MAX = 0o777
_MODE_TEXT = "must be a number between 0 and 0777 (octal), both inclusive"
_FILES = ("secret", "configMap", "downwardAPI", "projected")


def pod_spec_problems(spec: Obj, path: str) -> Iterator[FieldError]:
    """What is wrong with the specification of a pod or of a template."""
    volumes = spec.get("volumes") or ()
    yield from _volumes(volumes, f"{path}.volumes")
    names = {volume.get("name") for volume in volumes}
    if not spec.get("containers"):
        yield required(f"{path}.containers")
    yield from _containers(spec, path, names)
    yield from choice(spec, "restartPolicy", path, _RESTARTS)
    yield from choice(spec, "dnsPolicy", path, _DNS)
    yield from _placement(spec, path)
    yield from placement_problems(spec, path)
    for key, rule in (
        ("serviceAccountName", subdomain_problems),
        ("hostname", label_problems),
        ("subdomain", label_problems),
    ):
        value = spec.get(key)
        for problem in rule(str(value)) if value else ():
            yield invalid(f"{path}.{key}", value, problem)


def _containers(spec: Obj, path: str, volumes: set[Any]) -> Iterator[FieldError]:
    seen: set[str] = set()
    for key in ("containers", "initContainers"):
        for position, container in enumerate(spec.get(key) or ()):
            where = f"{path}.{key}[{position}]"
            yield from container_problems(container, where, volumes)
            name = container.get("name")
            if name and name in seen:
                yield duplicate(f"{where}.name", name)
            seen.add(name)
            if key == "initContainers" and container.get("restartPolicy") != "Always":
                yield from _one_shot(container, where)
            if spec.get("hostNetwork"):
                yield from _host_ports(container, where)


def _one_shot(container: Obj, path: str) -> Iterator[FieldError]:
    text = "may not be set for init containers without restartPolicy=Always"
    for key in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(key) is not None:
            yield forbidden(f"{path}.{key}", text)


def _host_ports(container: Obj, path: str) -> Iterator[FieldError]:
    for position, port in enumerate(container.get("ports") or ()):
        number = port.get("hostPort")
        if number and number != port.get("containerPort"):
            text = "must match `containerPort` when `hostNetwork` is true"
            yield invalid(f"{path}.ports[{position}].hostPort", number, text)


def _volumes(volumes: Iterable[Obj], path: str) -> Iterator[FieldError]:
    seen: set[str] = set()
    for position, volume in enumerate(volumes):
        where = f"{path}[{position}]"
        name = volume.get("name")
        yield from name_problems(name, f"{where}.name")
        if name and name in seen:
            yield duplicate(f"{where}.name", name)
        seen.add(name or "")
        sources = [key for key, value in volume.items() if key != "name" and value is not None]
        for key in sorted(sources, key=lambda key: key != "emptyDir")[1:]:
            yield forbidden(f"{where}.{key}", "may not specify more than 1 volume type")
        for key in sources:
            if key in _FILES:
                yield from _files(volume[key], key, f"{where}.{key}")


def _files(source: Obj, key: str, path: str) -> Iterator[FieldError]:
    if key == "secret" and not source.get("secretName"):
        yield required(f"{path}.secretName")
    if key == "configMap" and not source.get("name"):
        yield required(f"{path}.name")
    yield from _mode(source.get("defaultMode"), f"{path}.defaultMode")
    for position, item in enumerate(source.get("items") or ()):
        where = f"{path}.items[{position}]"
        if key != "downwardAPI" and not item.get("key"):
            yield required(f"{where}.key")
        place = item.get("path")
        if not place:
            yield required(f"{where}.path")
        elif place.startswith("/"):
            yield invalid(f"{where}.path", place, "must be a relative path")
        elif ".." in place.split("/"):
            yield invalid(f"{where}.path", place, "must not contain '..'")
        yield from _mode(item.get("mode"), f"{where}.mode")


def _mode(mode: Any, path: str) -> Iterator[FieldError]:
    if isinstance(mode, int) and not 0 <= mode <= _MODE_MAX:
        yield invalid(path, mode, _MODE_TEXT)


def _placement(spec: Obj, path: str) -> Iterator[FieldError]:
    for key, value in (spec.get("nodeSelector") or {}).items():
        for problem in label_key_problems(key):
            yield invalid(f"{path}.nodeSelector", key, problem)
        for problem in label_value_problems(str(value)):
            yield invalid(f"{path}.nodeSelector", value, problem)
    for position, toleration in enumerate(spec.get("tolerations") or ()):
        yield from _toleration(toleration, f"{path}.tolerations[{position}]")


def _toleration(toleration: Obj, path: str) -> Iterator[FieldError]:
    key, operator = toleration.get("key"), toleration.get("operator") or "Equal"
    for problem in label_key_problems(key) if key else ():
        yield invalid(f"{path}.key", key, problem)
    if not key and operator != "Exists":
        text = (
            "operator must be Exists when `key` is empty, which means"
            ' "match all values and all keys"'
        )
        yield invalid(f"{path}.operator", operator, text)
    if operator not in {"Equal", "Exists"}:
        yield not_supported(f"{path}.operator", operator, ("Equal", "Exists"))
    yield from choice(toleration, "effect", path, _EFFECTS)
