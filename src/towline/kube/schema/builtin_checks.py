"""Rules between the fields of built-in objects that a schema cannot express. Pure.

The kinds that people write by hand come first: workloads, pods, Services, configuration, labels.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from towline.errors import InputError
from towline.kube.cron import parse_schedule
from towline.kube.names import config_key_problems, label_key_problems, label_value_problems
from towline.kube.refs import GroupVersionKind
from towline.kube.schema.container_checks import NOT_NEGATIVE
from towline.kube.schema.fielderror import (
    FieldError,
    forbidden,
    invalid,
    not_supported,
    required,
    too_long,
)
from towline.kube.schema.pod_checks import pod_spec_problems
from towline.kube.schema.service_checks import service_problems
from towline.kube.selectors import label_selector_of
from towline.kube.status import ApiError

Obj = dict[str, Any]

MAX_ANNOTATIONS = 262144
MAX_DATA = 1024 * 1024
_RBAC = "rbac.authorization.k8s.io"
_ROLES = ("Role", "ClusterRole")
_PERCENT = re.compile("[0-9]+%")
_PERCENT_TEXT = (
    "a valid percent string must be a numeric string followed by an ending '%'"
    " (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
)
_KEYS_OF_SECRETS = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}


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
    for field in ("replicas", "minReadySeconds", "revisionHistoryLimit"):
        number = spec.get(field)
        if isinstance(number, int) and number < 0:
            yield invalid(f"spec.{field}", number, NOT_NEGATIVE)
    yield from _template(template, always=True)
    if (template.get("spec") or {}).get("activeDeadlineSeconds") is not None:
        text = "activeDeadlineSeconds in ReplicaSet is not Supported"
        yield forbidden("spec.template.spec.activeDeadlineSeconds", text)
    for field, number in (obj.get("status") or {}).items():
        if field.endswith("eplicas") and isinstance(number, int) and number < 0:
            yield invalid(f"status.{field}", number, NOT_NEGATIVE)


def _deployment(obj: Obj) -> Iterator[FieldError]:
    yield from _workload(obj)
    spec = obj.get("spec") or {}
    yield from _strategy(spec.get("strategy") or {})
    deadline, ready = spec.get("progressDeadlineSeconds"), spec.get("minReadySeconds") or 0
    if isinstance(deadline, int) and deadline <= ready:
        text = "must be greater than minReadySeconds"
        yield invalid("spec.progressDeadlineSeconds", deadline, text)


def _strategy(strategy: Obj) -> Iterator[FieldError]:
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if kind == "Recreate" and rolling is not None:
        text = "may not be specified when strategy `type` is 'Recreate'"
        yield forbidden("spec.strategy.rollingUpdate", text)
    elif kind not in {None, "Recreate", "RollingUpdate"}:
        yield not_supported("spec.strategy", strategy, ("Recreate", "RollingUpdate"))
    elif kind == "RollingUpdate" and rolling:
        path = "spec.strategy.rollingUpdate"
        for field in ("maxUnavailable", "maxSurge"):
            yield from _share(rolling.get(field), f"{path}.{field}")
        surge, unavailable = rolling.get("maxSurge"), rolling.get("maxUnavailable")
        if surge in {0, "0%"} and unavailable in {0, "0%"}:
            text = "may not be 0 when `maxSurge` is 0"
            yield invalid(f"{path}.maxUnavailable", unavailable, text)
        percent = isinstance(unavailable, str) and _PERCENT.fullmatch(unavailable)
        if percent and int(unavailable[:-1]) > 100:
            yield invalid(f"{path}.maxUnavailable", unavailable, "must not be greater than 100%")


def _share(value: Any, path: str) -> Iterator[FieldError]:
    """A count or a percentage."""
    if isinstance(value, str) and not _PERCENT.fullmatch(value):
        yield invalid(path, value, _PERCENT_TEXT)
    elif isinstance(value, int) and value < 0:
        yield invalid(path, value, NOT_NEGATIVE)


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
    path = "spec.template.metadata.labels"
    mismatch = invalid(path, labels or None, "`selector` does not match template `labels`")
    if selector is None:
        yield required("spec.selector")
        yield mismatch
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
        yield mismatch


def _template(template: Obj, *, always: bool, path: str = "spec.template") -> Iterator[FieldError]:
    # The path leaves out `metadata`, as the real server's does.
    yield from check_metadata(template.get("metadata") or {}, path)
    spec = template.get("spec") or {}
    yield from pod_spec_problems(spec, f"{path}.spec")
    policy = spec.get("restartPolicy")
    if always and policy not in {None, "Always"}:
        yield not_supported(f"{path}.spec.restartPolicy", policy, ("Always",))


def _job(obj: Obj) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    for field in ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit"):
        number = spec.get(field)
        if isinstance(number, int) and number < 0:
            yield invalid(f"spec.{field}", number, NOT_NEGATIVE)
    template = spec.get("template") or {}
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
    yield from pod_spec_problems(obj.get("spec") or {}, "spec")


# --- configuration and the rest ------------------------------------------------------------------


def _configuration(obj: Obj) -> Iterator[FieldError]:
    total = 0
    for field in ("data", "binaryData"):
        for key, value in (obj.get(field) or {}).items():
            for problem in config_key_problems(key):
                yield invalid(f"{field}[{key}]", key, problem)
            total += len(str(value))
    for key in sorted((obj.get("data") or {}).keys() & (obj.get("binaryData") or {}).keys()):
        yield invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
    if total > MAX_DATA:
        yield too_long("", MAX_DATA)


def _secret(obj: Obj) -> Iterator[FieldError]:
    yield from _configuration(obj)
    data = obj.get("data") or {}
    kind = obj.get("type") or ""
    if kind == "kubernetes.io/basic-auth" and not data.keys() & {"username", "password"}:
        yield required("data[username]")
        yield required("data[password]")
    if kind == "kubernetes.io/service-account-token":
        name = "kubernetes.io/service-account.name"
        if not ((obj.get("metadata") or {}).get("annotations") or {}).get(name):
            yield required(f"metadata.annotations[{name}]")
    for key in _KEYS_OF_SECRETS.get(kind, ()):
        if key not in data:
            yield required(f"data[{key}]")
        elif key == ".dockerconfigjson" and not _is_json(data[key]):
            yield invalid(f"data[{key}]", "<secret contents redacted>", "it is not JSON")


def _is_json(encoded: str) -> bool:
    try:
        json.loads(base64.b64decode(encoded))
    except ValueError:
        return False
    return True


def _event(obj: Obj) -> Iterator[FieldError]:
    about = obj.get("involvedObject") or {}
    own = (obj.get("metadata") or {}).get("namespace", "")
    namespace = about.get("namespace") or ""
    if namespace != own and not (not namespace and own == "default"):
        yield invalid("involvedObject.namespace", namespace, "does not match event.namespace")


def _role(obj: Obj) -> Iterator[FieldError]:
    for position, rule in enumerate(obj.get("rules") or ()):
        if not rule.get("verbs"):
            text = "verbs must contain at least one value"
            yield required(f"rules[{position}].verbs", text)


def _binding(obj: Obj) -> Iterator[FieldError]:
    role = obj.get("roleRef") or {}
    everywhere = obj.get("kind") == "ClusterRoleBinding"
    supported = ("ClusterRole",) if everywhere else _ROLES
    if role.get("kind") not in supported:
        yield not_supported("roleRef.kind", role.get("kind") or "", supported)
    if not role.get("name"):
        yield required("roleRef.name")
    for position, subject in enumerate(obj.get("subjects") or ()):
        where = f"subjects[{position}]"
        if not subject.get("name"):
            yield required(f"{where}.name")
        account = subject.get("kind") == "ServiceAccount"
        if everywhere and account and not subject.get("namespace"):
            yield required(f"{where}.namespace")


_RULES: dict[tuple[str, str], Callable[[Obj], Iterator[FieldError]]] = {
    ("", "Pod"): _pod,
    ("", "Service"): service_problems,
    ("", "ConfigMap"): _configuration,
    ("", "Secret"): _secret,
    ("", "Event"): _event,
    ("apps", "Deployment"): _deployment,
    ("apps", "ReplicaSet"): _workload,
    ("apps", "DaemonSet"): _workload,
    ("apps", "StatefulSet"): _stateful_set,
    ("batch", "Job"): _job,
    ("batch", "CronJob"): _cron_job,
    (_RBAC, "Role"): _role,
    (_RBAC, "ClusterRole"): _role,
    (_RBAC, "RoleBinding"): _binding,
    (_RBAC, "ClusterRoleBinding"): _binding,
}
