"""Rules between the fields of built-in objects that a schema cannot express. Pure.

The kinds that people write by hand come first: workloads, pods, Services, configuration, labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from towline.errors import InputError
from towline.kube.cron import parse_schedule
from towline.kube.names import (
    config_key_problems,
    label_key_problems,
    label_problems,
    label_value_problems,
)
from towline.kube.refs import GroupVersionKind
from towline.kube.schema.fielderror import (
    FieldError,
    duplicate,
    invalid,
    not_supported,
    required,
    too_long,
)
from towline.kube.selectors import label_selector_of
from towline.kube.status import ApiError

Obj = dict[str, Any]

MAX_ANNOTATIONS = 262144
MAX_DATA = 1024 * 1024
_POLICIES = ("Always", "IfNotPresent", "Never")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_SERVICE_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")


def check_object(gvk: GroupVersionKind, obj: Obj) -> Iterator[FieldError]:
    """Rules for one object by itself, defaulted."""
    yield from check_metadata(obj.get("metadata") or {})
    rule = _RULES.get((gvk.group, gvk.kind))
    if rule:
        yield from rule(obj)


def check_metadata(metadata: Obj, path: str = "metadata") -> Iterator[FieldError]:
    """Labels and annotations of any object, custom resources included."""
    yield from check_labels(metadata.get("labels") or {}, f"{path}.labels")
    total = 0
    for key, value in (metadata.get("annotations") or {}).items():
        for problem in label_key_problems(key.lower()):
            yield invalid(f"{path}.annotations", key, problem)
        total += len(key.encode()) + len(str(value).encode())
    if total > MAX_ANNOTATIONS:
        yield too_long(f"{path}.annotations", MAX_ANNOTATIONS)


def check_labels(labels: Obj, path: str) -> Iterator[FieldError]:
    """Keys and values of labels."""
    for key, value in labels.items():
        for problem in label_key_problems(key):
            yield invalid(path, key, problem)
        for problem in label_value_problems(str(value)):
            yield invalid(path, value, problem)


# --- workloads -----------------------------------------------------------------------------------


def _workload(obj: Obj) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    yield from _selector(spec.get("selector"), labels)
    replicas = spec.get("replicas")
    if isinstance(replicas, int) and replicas < 0:
        yield invalid("spec.replicas", replicas, "must be greater than or equal to 0")
    yield from _template(template, always=True)


def _stateful_set(obj: Obj) -> Iterator[FieldError]:
    """A set's pods also have its claims as volumes."""
    spec = obj.get("spec") or {}
    template = spec.get("template") or {}
    pod = template.get("spec") or {}
    volumes = pod.get("volumes") or []
    present = {volume.get("name") for volume in volumes}
    claims = {
        (one.get("metadata") or {}).get("name") for one in spec.get("volumeClaimTemplates") or ()
    }
    added = [{"name": name} for name in sorted(str(name) for name in claims - present)]
    whole = {**template, "spec": {**pod, "volumes": [*volumes, *added]}}
    yield from _workload({**obj, "spec": {**spec, "template": whole}})


def _selector(selector: Any, labels: Obj) -> Iterator[FieldError]:
    if selector is None:
        yield required("spec.selector")
        return
    if not selector:
        yield invalid("spec.selector", selector, "empty selector is invalid for deployment")
        return
    try:
        fits = label_selector_of(selector).matches(labels)
    except ApiError as error:
        yield invalid("spec.selector", selector, error.message)
        return
    if not fits:
        path = "spec.template.metadata.labels"
        yield invalid(path, labels, "`selector` does not match template `labels`")


def _template(template: Obj, *, always: bool, path: str = "spec.template") -> Iterator[FieldError]:
    yield from check_metadata(template.get("metadata") or {}, f"{path}.metadata")
    spec = template.get("spec") or {}
    yield from _pod_spec(spec, f"{path}.spec")
    policy = spec.get("restartPolicy")
    if always and policy not in {None, "Always"}:
        yield not_supported(f"{path}.spec.restartPolicy", policy, ("Always",))


def _job(obj: Obj) -> Iterator[FieldError]:
    template = (obj.get("spec") or {}).get("template") or {}
    yield from _job_template(template, "spec.template")


def _job_template(template: Obj, path: str) -> Iterator[FieldError]:
    yield from _template(template, always=False, path=path)
    policy = (template.get("spec") or {}).get("restartPolicy")
    if policy in {None, "Always"}:
        yield required(f"{path}.spec.restartPolicy", 'valid values: "OnFailure", "Never"')


def _schedule(text: str) -> Iterator[FieldError]:
    if "TZ" in text:
        why = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        yield invalid("spec.schedule", text, why)
        return
    try:
        parse_schedule(text)
    except InputError as error:
        yield invalid("spec.schedule", text, error.message)


def _cron_job(obj: Obj) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    schedule = spec.get("schedule")
    if schedule:
        yield from _schedule(str(schedule))
    else:
        yield required("spec.schedule")
    job = (spec.get("jobTemplate") or {}).get("spec") or {}
    yield from _job_template(job.get("template") or {}, "spec.jobTemplate.spec.template")


# --- pods ----------------------------------------------------------------------------------------


def _pod(obj: Obj) -> Iterator[FieldError]:
    yield from _pod_spec(obj.get("spec") or {}, "spec")


def _pod_spec(spec: Obj, path: str) -> Iterator[FieldError]:
    volumes = spec.get("volumes") or ()
    yield from _unique_names(volumes, f"{path}.volumes")
    names = {volume.get("name") for volume in volumes}
    containers = spec.get("containers") or ()
    if not containers:
        yield required(f"{path}.containers")
    seen: set[str] = set()
    for key in ("initContainers", "containers"):
        for position, container in enumerate(spec.get(key) or ()):
            where = f"{path}.{key}[{position}]"
            yield from _container(container, where, names)
            name = container.get("name")
            if name in seen:
                yield duplicate(f"{where}.name", name)
            seen.add(name)
    policy = spec.get("restartPolicy")
    if policy not in {None, "Always", "OnFailure", "Never"}:
        yield not_supported(f"{path}.restartPolicy", policy, ("Always", "OnFailure", "Never"))
    grace = spec.get("terminationGracePeriodSeconds")
    if isinstance(grace, int) and grace < 0:
        text = "must be greater than or equal to 0"
        yield invalid(f"{path}.terminationGracePeriodSeconds", grace, text)


def _unique_names(items: Iterable[Obj], path: str) -> Iterator[FieldError]:
    seen: set[str] = set()
    for position, item in enumerate(items):
        name = item.get("name")
        yield from _name(name, f"{path}[{position}].name")
        if name and name in seen:
            yield duplicate(f"{path}[{position}].name", name)
        seen.add(name or "")


def _name(name: Any, path: str) -> Iterator[FieldError]:
    if not name:
        yield required(path)
        return
    for problem in label_problems(str(name)):
        yield invalid(path, name, problem)


def _container(container: Obj, path: str, volumes: set[Any]) -> Iterator[FieldError]:
    yield from _name(container.get("name"), f"{path}.name")
    image = container.get("image")
    if not image:
        yield required(f"{path}.image")
    elif image != image.strip():
        yield invalid(f"{path}.image", image, "must not have leading or trailing whitespace")
    policy = container.get("imagePullPolicy")
    if policy and policy not in _POLICIES:
        yield not_supported(f"{path}.imagePullPolicy", policy, _POLICIES)
    for position, port in enumerate(container.get("ports") or ()):
        where = f"{path}.ports[{position}]"
        number = port.get("containerPort")
        if not number:
            yield required(f"{where}.containerPort")
        else:
            yield from _port(number, f"{where}.containerPort")
        yield from _protocol(port, where)
    for position, variable in enumerate(container.get("env") or ()):
        if not variable.get("name"):
            yield required(f"{path}.env[{position}].name")
    yield from _mounts(container, path, volumes)


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


def _port(number: Any, path: str) -> Iterator[FieldError]:
    if isinstance(number, int) and not 0 < number < 65536:
        yield invalid(path, number, "must be between 1 and 65535, inclusive")


def _protocol(port: Obj, path: str) -> Iterator[FieldError]:
    protocol = port.get("protocol")
    if protocol and protocol not in _PROTOCOLS:
        yield not_supported(f"{path}.protocol", protocol, _PROTOCOLS)


# --- Services and configuration ------------------------------------------------------------------


def _service(obj: Obj) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    kind = spec.get("type") or "ClusterIP"
    if kind not in _SERVICE_TYPES:
        yield not_supported("spec.type", kind, _SERVICE_TYPES)
    ports = spec.get("ports") or ()
    headless = spec.get("clusterIP") == "None"
    if not ports and not headless and kind != "ExternalName":
        yield required("spec.ports")
    if kind == "ExternalName" and not spec.get("externalName"):
        yield required("spec.externalName")
    seen: set[str] = set()
    taken: set[tuple[Any, Any]] = set()
    for position, port in enumerate(ports):
        where = f"spec.ports[{position}]"
        name = port.get("name")
        if name:
            yield from _name(name, f"{where}.name")
        elif len(ports) > 1:
            yield required(f"{where}.name")
        if name and name in seen:
            yield duplicate(f"{where}.name", name)
        seen.add(name or "")
        if not port.get("port"):
            yield invalid(f"{where}.port", 0, "must be between 1 and 65535, inclusive")
        else:
            yield from _port(port["port"], f"{where}.port")
        yield from _port(port.get("targetPort"), f"{where}.targetPort")
        yield from _protocol(port, where)
        identity = (port.get("protocol"), port.get("port"))
        if identity in taken:
            shown = {"protocol": identity[0], "port": identity[1]}
            yield duplicate(where, shown)
        taken.add(identity)


def _configuration(obj: Obj) -> Iterator[FieldError]:
    total = 0
    for field in ("data", "binaryData"):
        for key, value in (obj.get(field) or {}).items():
            for problem in config_key_problems(key):
                yield invalid(f"{field}[{key}]", key, problem)
            total += len(str(value))
    if total > MAX_DATA:
        yield too_long("", MAX_DATA)


_RULES: dict[tuple[str, str], Callable[[Obj], Iterator[FieldError]]] = {
    ("", "Pod"): _pod,
    ("", "Service"): _service,
    ("", "ConfigMap"): _configuration,
    ("", "Secret"): _configuration,
    ("apps", "Deployment"): _workload,
    ("apps", "ReplicaSet"): _workload,
    ("apps", "DaemonSet"): _workload,
    ("apps", "StatefulSet"): _stateful_set,
    ("batch", "Job"): _job,
    ("batch", "CronJob"): _cron_job,
}
