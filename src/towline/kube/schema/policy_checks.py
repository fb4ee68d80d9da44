"""Rules between the fields of budgets, autoscalers, quotas, classes, leases and webhooks. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import urlsplit

from towline.errors import InputError
from towline.kube import quantity
from towline.kube.names import label_problems, subdomain_problems
from towline.kube.schema.field_rules import (
    Obj,
    count_or_share,
    fixed,
    labels,
    named,
    not_above_all,
    not_negative,
    one_of,
    qualified,
    selector,
)
from towline.kube.schema.fielderror import (
    FieldError,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
)

_POSITIVE = "must be greater than zero"
_METRICS = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_HIGHEST_PRIORITY = 1_000_000_000
_SYSTEM_CLASSES = ("system-node-critical", "system-cluster-critical")
_SCOPES = (
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
)
_POD_SCOPES = frozenset(_SCOPES) - {"VolumeAttributesClass"}
_COUNTED = frozenset(
    {
        "pods",
        "services",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    }
)
_COMPUTE = frozenset({"cpu", "memory", "ephemeral-storage"})
_OF_PODS = frozenset(
    {"pods", *_COMPUTE, *(f"{side}.{n}" for side in ("requests", "limits") for n in _COMPUTE)}
)
_QUOTA = _COUNTED | _OF_PODS | {"requests.storage"}
_BEST_EFFORT_SCOPES = frozenset({"BestEffort"})


def budget_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a PodDisruptionBudget."""
    spec = obj.get("spec") or {}
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if least is not None and most is not None:
        shown = {
            "MinAvailable": least,
            "Selector": spec.get("selector"),
            "MaxUnavailable": most,
            "UnhealthyPodEvictionPolicy": spec.get("unhealthyPodEvictionPolicy"),
        }
        yield invalid("spec", shown, "minAvailable and maxUnavailable cannot be both set")
    for name, value in (("minAvailable", least), ("maxUnavailable", most)):
        if value is not None:
            yield from count_or_share(value, f"spec.{name}")
            yield from not_above_all(value, f"spec.{name}")
    policy, path = spec.get("unhealthyPodEvictionPolicy"), "spec.unhealthyPodEvictionPolicy"
    if policy is not None:
        yield from one_of(policy, path, ("AlwaysAllow", "IfHealthyBudget"))
    yield from selector(spec.get("selector"), "spec.selector")


def autoscaler_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a HorizontalPodAutoscaler, in its stored version."""
    spec = obj.get("spec") or {}
    least, most = spec.get("minReplicas"), spec.get("maxReplicas") or 0
    metrics = _metrics_of(spec)
    floor = 1
    if least is not None and least < floor:
        yield invalid("spec.minReplicas", least, f"must be greater than or equal to {floor}")
    if most < 1:
        yield required("spec.maxReplicas", "must be set and greater than 0")
    if least is not None and most < least:
        why = "must be greater than or equal to `minReplicas`"
        yield invalid("spec.maxReplicas", most, why)
    yield from _target(spec.get("scaleTargetRef") or {}, "spec.scaleTargetRef")
    for position, metric in enumerate(metrics):
        yield from _metric(metric, f"spec.metrics[{position}]")
    outside = any(metric.get("type") in ("Object", "External") for metric in metrics)
    if least == 0 and not outside:
        why = "must specify at least one Object or External metric to support scaling to zero"
        yield forbidden("spec.metrics", f"{why} replicas")
    for way in ("scaleUp", "scaleDown"):
        rules = (spec.get("behavior") or {}).get(way) or {}
        yield from _scaling(rules, f"spec.behavior.{way}")


def _metrics_of(spec: Obj) -> list[Obj]:
    """The metrics, those of version 1 as version 2 says them."""
    share = spec.get("targetCPUUtilizationPercentage")
    if share is None:
        return spec.get("metrics") or []
    target = {"type": "Utilization", "averageUtilization": share}
    return [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def _target(target: Obj, path: str) -> Iterator[FieldError]:
    for key in ("kind", "name"):
        if not target.get(key):
            yield required(f"{path}.{key}")
    version = target.get("apiVersion") or ""
    if "/" not in version and not (version == "v1" and target.get("kind") == _CONTROLLER):
        yield invalid(f"{path}.apiVersion", version, "apiVersion must specify API group")


_CONTROLLER = "ReplicationController"


def _metric(metric: Obj, path: str) -> Iterator[FieldError]:
    kind = metric.get("type") or ""
    if not kind:
        yield required(f"{path}.type", "must specify a metric source type")
        return
    if kind not in _METRICS:
        yield not_supported(f"{path}.type", kind, sorted(_METRICS))
        return
    source = metric.get(_METRICS[kind])
    where = f"{path}.{_METRICS[kind]}"
    if source is None:
        yield required(where, "must populate information for the given metric source")
        return
    if kind in ("Resource", "ContainerResource") and not source.get("name"):
        yield required(f"{where}.name", "must specify a resource name")
    yield from _metric_target(source.get("target") or {}, f"{where}.target", kind)


def _metric_target(target: Obj, path: str, kind: str) -> Iterator[FieldError]:
    yield from one_of(target.get("type"), f"{path}.type", ("Utilization", "Value", "AverageValue"))
    share = target.get("averageUtilization")
    if share is not None and share < 1:
        yield invalid(f"{path}.averageUtilization", share, "must be greater than 0")
    for name in ("value", "averageValue"):
        if target.get(name) is not None and _amount(target[name]) <= 0:
            yield invalid(f"{path}.{name}", target[name], "must be positive")
    if kind in ("Resource", "ContainerResource"):
        given = [name for name in ("averageUtilization", "averageValue") if target.get(name)]
        if not given and share is None:
            why = "must set either a target raw value or a target utilization"
            yield required(f"{path}.averageUtilization", why)
        if len(given) > 1:
            why = "may not set both a target raw value and a target utilization"
            yield forbidden(f"{path}.averageValue", why)


def _scaling(rules: Obj, path: str) -> Iterator[FieldError]:
    window = rules.get("stabilizationWindowSeconds")
    if window is not None and window < 0:
        why = "must be greater than or equal to zero"
        yield invalid(f"{path}.stabilizationWindowSeconds", window, why)
    if rules.get("selectPolicy") is not None:
        yield from one_of(rules["selectPolicy"], f"{path}.selectPolicy", ("Disabled", "Max", "Min"))
    for position, policy in enumerate(rules.get("policies") or ()):
        where = f"{path}.policies[{position}]"
        yield from one_of(policy.get("type"), f"{where}.type", ("Percent", "Pods"))
        for name in ("value", "periodSeconds"):
            number = policy.get(name) or 0
            if number <= 0:
                yield invalid(f"{where}.{name}", number, _POSITIVE)


def priority_class_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a PriorityClass."""
    name = (obj.get("metadata") or {}).get("name") or ""
    value = obj.get("value") or 0
    if value > _HIGHEST_PRIORITY and name not in _SYSTEM_CLASSES:
        why = f"maximum allowed value of a user defined priority is {_HIGHEST_PRIORITY}"
        yield forbidden("value", why)
    if obj.get("preemptionPolicy") is not None:
        supported = ("PreemptLowerPriority", "Never")
        yield from one_of(obj["preemptionPolicy"], "preemptionPolicy", supported)


def priority_class_changes(old: Obj, new: Obj) -> Iterator[FieldError]:
    """What an update of a PriorityClass must leave."""
    if old.get("value") != new.get("value"):
        yield forbidden("value", "may not be changed in an update.")
    yield from fixed(old.get("preemptionPolicy"), new.get("preemptionPolicy"), "preemptionPolicy")


def lease_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a Lease."""
    spec = obj.get("spec") or {}
    seconds = spec.get("leaseDurationSeconds")
    if seconds is not None and seconds <= 0:
        yield invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0")
    yield from not_negative(spec, ("leaseTransitions",), "spec")


def runtime_class_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a RuntimeClass."""
    handler = obj.get("handler") or ""
    if not handler:
        yield required("handler")
    yield from named(handler, "handler", label_problems)
    chosen = (obj.get("scheduling") or {}).get("nodeSelector") or {}
    yield from labels(chosen, "scheduling.nodeSelector")


def limit_range_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a LimitRange."""
    seen: set[str] = set()
    for position, limit in enumerate((obj.get("spec") or {}).get("limits") or ()):
        path, kind = f"spec.limits[{position}]", limit.get("type") or ""
        yield from qualified(kind, f"{path}.type")
        if kind in seen:
            yield duplicate(f"{path}.type", kind)
        seen.add(kind)
        if kind == "Pod":
            for name in ("default", "defaultRequest"):
                if limit.get(name):
                    why = "may not be specified when `type` is 'Pod'"
                    yield forbidden(f"{path}.{name}", why)
        for name in ("max", "min", "default", "defaultRequest"):
            for resource in limit.get(name) or {}:
                yield from _limited_name(resource, f"{path}.{name}[{resource}]", kind)
        yield from _bounds(limit, path)


def _limited_name(resource: str, path: str, kind: str) -> Iterator[FieldError]:
    for error in qualified(resource, path):
        yield invalid(path, resource, error.message.partition(": ")[2].partition(": ")[2])
    known = "/" in resource or resource in _COMPUTE or resource.startswith("hugepages-")
    if kind in ("Container", "Pod") and not known:
        yield invalid(path, resource, "must be a standard resource for containers")


def _bounds(limit: Obj, path: str) -> Iterator[FieldError]:
    ordered = (
        ("min", "max", "min", "max"),
        ("min", "defaultRequest", "defaultRequest", "default request"),
        ("defaultRequest", "max", "defaultRequest", "max"),
        ("defaultRequest", "default", "defaultRequest", "default"),
        ("min", "default", "default", "default"),
        ("default", "max", "default", "max"),
    )
    shown = {"min": "min", "defaultRequest": "default request", "default": "default"}
    for low, high, blamed, word in ordered:
        floor, ceiling = limit.get(low) or {}, limit.get(high) or {}
        for name in floor.keys() & ceiling.keys():
            if _amount(floor[name]) > _amount(ceiling[name]):
                value = (limit.get(blamed) or {}).get(name)
                if (low, high) == ("min", "default"):
                    # The real server names the smaller of the two, which is the minimum here.
                    value = floor[name]
                why = (
                    f"{shown[low]} value {floor[name]} is greater than {word} value {ceiling[name]}"
                )
                yield invalid(f"{path}.{blamed}[{name}]", value, why)


def _amount(text: object) -> Decimal:
    try:
        return Decimal(quantity.parse(str(text)))
    except InputError:
        return Decimal(0)


def quota_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a ResourceQuota."""
    spec = obj.get("spec") or {}
    hard = spec.get("hard") or {}
    for name, amount in hard.items():
        path = f"spec.hard[{name}]"
        yield from qualified(name, path)
        if "/" not in name and name not in _QUOTA and "hugepages-" not in name:
            yield invalid(path, name, "must be a standard resource for quota")
        if _amount(amount) < 0:
            yield invalid(path, amount, "must be greater than or equal to 0")
        elif name in _COUNTED and _amount(amount) % 1:
            yield invalid(path, amount, "must be an integer")
    scopes = spec.get("scopes") or []
    yield from _scopes(scopes, hard)


def _scopes(scopes: list[str], hard: Obj) -> Iterator[FieldError]:
    path = "spec.scopes"
    for scope in scopes:
        if scope not in _SCOPES:
            yield invalid(path, scopes, "unsupported scope")
            continue
        allowed = {"pods"} if scope in _BEST_EFFORT_SCOPES else _OF_PODS
        for name in hard:
            standard = "/" not in name
            if scope in _POD_SCOPES and standard and name in _QUOTA and name not in allowed:
                yield invalid(path, scopes, "unsupported scope applied to resource")
    for one, other in (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating")):
        if one in scopes and other in scopes:
            yield invalid(path, scopes, "conflicting scopes")


def quota_changes(old: Obj, new: Obj) -> Iterator[FieldError]:
    """What an update of a ResourceQuota must leave."""
    before, after = old.get("spec") or {}, new.get("spec") or {}
    if sorted(before.get("scopes") or ()) != sorted(after.get("scopes") or ()):
        yield invalid("spec.scopes", after.get("scopes"), "field is immutable")


def webhook_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a webhook configuration."""
    seen: set[str] = set()
    for position, hook in enumerate(obj.get("webhooks") or ()):
        path, name = f"webhooks[{position}]", hook.get("name") or ""
        if not name:
            yield required(f"{path}.name")
        yield from named(name, f"{path}.name", subdomain_problems)
        if name and name.count(".") < 2:
            why = "should be a domain with at least three segments separated by dots"
            yield invalid(f"{path}.name", name, why)
        if name in seen:
            yield duplicate(f"{path}.name", name)
        seen.add(name)
        yield from _hook(hook, path)


def _hook(hook: Obj, path: str) -> Iterator[FieldError]:
    versions = hook.get("admissionReviewVersions") or []
    if not versions:
        yield required(f"{path}.admissionReviewVersions", "must specify one of v1, v1beta1")
    for position, rule in enumerate(hook.get("rules") or ()):
        for name in ("operations", "apiGroups", "apiVersions", "resources"):
            if not rule.get(name):
                yield required(f"{path}.rules[{position}].{name}")
    yield from one_of(hook.get("failurePolicy"), f"{path}.failurePolicy", ("Fail", "Ignore"))
    yield from one_of(hook.get("matchPolicy"), f"{path}.matchPolicy", ("Equivalent", "Exact"))
    effects = hook.get("sideEffects")
    yield from one_of(effects, f"{path}.sideEffects", ("None", "NoneOnDryRun"))
    seconds = hook.get("timeoutSeconds")
    if seconds is not None and not 1 <= seconds <= 30:
        why = "the timeout value must be between 1 and 30 seconds"
        yield invalid(f"{path}.timeoutSeconds", seconds, why)
    for name in ("namespaceSelector", "objectSelector"):
        yield from selector(hook.get(name), f"{path}.{name}")
    yield from _client(hook.get("clientConfig") or {}, f"{path}.clientConfig")


def _client(config: Obj, path: str) -> Iterator[FieldError]:
    url, service = config.get("url"), config.get("service")
    if (url is None) == (service is None):
        yield required(path, "exactly one of url or service is required")
    elif url is not None:
        form = "; desired format: https://host[/path]"
        parts = urlsplit(url)
        if parts.scheme != "https":
            why = f"'https' is the only allowed URL scheme{form}"
            yield invalid(f"{path}.url", parts.scheme, why)
        if not parts.hostname:
            yield invalid(f"{path}.url", "", f"host must be specified{form}")
    elif service is not None:
        for name in ("name", "namespace"):
            if not service.get(name):
                yield required(f"{path}.service.{name}", f"service {name} is required")


def admission_policy_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a ValidatingAdmissionPolicy; its expressions are not looked at."""
    spec = obj.get("spec") or {}
    if not spec.get("matchConstraints"):
        yield required("spec.matchConstraints")
    elif not spec["matchConstraints"].get("resourceRules"):
        yield required("spec.matchConstraints.resourceRules")
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        why = "validations or auditAnnotations must contain at least one item"
        for name in ("validations", "auditAnnotations"):
            yield required(f"spec.{name}", why)


def admission_binding_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a ValidatingAdmissionPolicyBinding."""
    spec = obj.get("spec") or {}
    if not spec.get("policyName"):
        yield required("spec.policyName")
    if not spec.get("validationActions"):
        yield required("spec.validationActions", "at least one validation action is required")


def flow_schema_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a FlowSchema."""
    level = (obj.get("spec") or {}).get("priorityLevelConfiguration") or {}
    if not level.get("name"):
        yield required("spec.priorityLevelConfiguration.name", "must reference a priority level")


def priority_level_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a PriorityLevelConfiguration."""
    kind = (obj.get("spec") or {}).get("type")
    yield from one_of(kind, "spec.type", ("Exempt", "Limited"))
