"""Rules between the fields of workloads: Deployments to CronJobs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from towline.errors import InputError
from towline.kube.cron import parse_schedule
from towline.kube.names import label_value_problems
from towline.kube.schema.field_rules import (
    Obj,
    count_or_share,
    domain_path,
    not_above_all,
    not_negative,
    one_of,
)
from towline.kube.schema.field_rules import selector as selector_problems
from towline.kube.schema.fielderror import (
    FieldError,
    forbidden,
    invalid,
    not_supported,
    required,
    show,
)
from towline.kube.schema.metadata_checks import check_metadata
from towline.kube.schema.pod_checks import pod_spec_problems
from towline.kube.selectors import label_selector_of
from towline.kube.status import ApiError

_MISMATCH = "`selector` does not match template `labels`"
_CRON_NAME_MAX = 52
_JOB_LABELS = (
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
)
_INDEXED = "requires indexed completion mode"


def _workload(obj: Obj, kind: str, check_selector: Callable[..., Iterator[FieldError]]) -> Any:
    spec = obj.get("spec") or {}
    template = spec.get("template") or {}
    yield from not_negative(spec, ("replicas", "minReadySeconds", "revisionHistoryLimit"), "spec")
    broken = list(check_selector(spec.get("selector"), template, kind.lower()))
    yield from broken
    if not any(error.message.endswith("invalid label selector") for error in broken):
        yield from template_problems(template, always=True)
    if (template.get("spec") or {}).get("activeDeadlineSeconds") is not None:
        owner = "ReplicaSet" if kind == "Deployment" else kind
        text = f"activeDeadlineSeconds in {owner} is not Supported"
        yield forbidden("spec.template.spec.activeDeadlineSeconds", text)
    yield from _counts(obj.get("status") or {})


def _counts(status: Obj) -> Iterator[FieldError]:
    names = [n for n in status if n.endswith(("eplicas", "observedGeneration"))]
    yield from not_negative(status, names, "status")
    whole = status.get("replicas")
    if isinstance(whole, int):
        parts = (
            "updatedReplicas",
            "fullyLabeledReplicas",
            "readyReplicas",
            "currentReplicas",
            "availableReplicas",
        )
        for name in parts:
            if name in status and isinstance(status[name], int) and status[name] > whole:
                yield invalid(
                    f"status.{name}", status[name], "cannot be greater than status.replicas"
                )


def _required_selector(given: Any, template: Obj, kind: str) -> Iterator[FieldError]:
    """Deployments and ReplicaSets: there must be a selector, and it must fit."""
    path = "spec.selector"
    carried = (template.get("metadata") or {}).get("labels") or {}
    if given is None:
        yield required(path)
        yield invalid("spec.template.metadata.labels", carried or None, _MISMATCH)
        return
    if not given:
        yield invalid(path, given, f"empty selector is invalid for {_owner(kind)}")
        return
    errors = list(selector_problems(given, path))
    yield from errors
    fits = None if errors else _fits(given, carried)
    if fits is None:
        why = "invalid label selector"
        yield _bare(path, given) if kind == "statefulset" else invalid(path, given, why)
    elif not fits:
        yield invalid("spec.template.metadata.labels", carried or None, _MISMATCH)


def _owner(kind: str) -> str:
    # ReplicaSets say it of Deployments.
    return kind if kind in ("statefulset", "daemonset") else "deployment"


def _bare(path: str, value: Any) -> FieldError:
    """An invalid value for no reason given, as StatefulSets say it."""
    return FieldError(path, "FieldValueInvalid", f"Invalid value: {show(value)}")


def _set_selector(given: Any, template: Obj, kind: str) -> Iterator[FieldError]:
    """DaemonSets: what does not fit is wrong, what is missing does not fit."""
    carried = (template.get("metadata") or {}).get("labels") or {}
    errors = list(selector_problems(given, "spec.selector"))
    yield from errors
    if given is None or (not errors and _fits(given, carried) is False):
        yield invalid("spec.template.metadata.labels", carried or None, _MISMATCH)
    if given is not None and not given:
        yield invalid("spec.selector", given, f"empty selector is invalid for {kind}")


def _fits(given: Any, carried: Obj) -> bool | None:
    """Whether a selector selects labels; None when it is none."""
    try:
        return label_selector_of(given).matches(carried)
    except ApiError:
        return None


def deployment_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a Deployment."""
    yield from _workload(obj, "Deployment", _required_selector)
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
            yield from count_or_share(rolling.get(field), f"{path}.{field}")
        surge, unavailable = rolling.get("maxSurge"), rolling.get("maxUnavailable")
        if surge in {0, "0%"} and unavailable in {0, "0%"}:
            text = "may not be 0 when `maxSurge` is 0"
            yield invalid(f"{path}.maxUnavailable", unavailable, text)
        yield from not_above_all(unavailable, f"{path}.maxUnavailable")


def replica_set_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a ReplicaSet."""
    yield from _workload(obj, "ReplicaSet", _required_selector)


def daemon_set_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a DaemonSet."""
    yield from _workload(obj, "DaemonSet", _set_selector)
    strategy = (obj.get("spec") or {}).get("updateStrategy") or {}
    path, rolling = "spec.updateStrategy", strategy.get("rollingUpdate")
    if strategy.get("type") not in (None, "RollingUpdate", "OnDelete"):
        shown = {"Type": strategy["type"], "RollingUpdate": rolling}
        yield not_supported(path, shown, ("RollingUpdate", "OnDelete"))
    elif rolling:
        surge, unavailable = rolling.get("maxSurge"), rolling.get("maxUnavailable")
        for name in ("maxUnavailable", "maxSurge"):
            yield from count_or_share(rolling.get(name), f"{path}.rollingUpdate.{name}")
            yield from not_above_all(rolling.get(name), f"{path}.rollingUpdate.{name}")
        none = ({0, "0%"}, {0, "0%", None})
        if unavailable not in none[1] and surge not in none[1]:
            why = "may not be set when maxUnavailable is non-zero"
            yield invalid(f"{path}.rollingUpdate.maxSurge", surge, why)
        if unavailable in none[0] and surge in none[1]:
            why = "cannot be 0 when maxSurge is 0"
            yield required(f"{path}.rollingUpdate.maxUnavailable", why)


def stateful_set_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a StatefulSet, whose pods also have its claims as volumes."""
    spec = obj.get("spec") or {}
    yield from _set_policies(spec)
    template = spec.get("template") or {}
    pod = template.get("spec") or {}
    volumes = pod.get("volumes") or []
    present = {volume.get("name") for volume in volumes}
    claims = {
        (one.get("metadata") or {}).get("name") for one in spec.get("volumeClaimTemplates") or ()
    }
    added = [{"name": name} for name in sorted(str(name) for name in claims - present)]
    whole = {**template, "spec": {**pod, "volumes": [*volumes, *added]}}
    complete = {**obj, "spec": {**spec, "template": whole}}
    yield from _workload(complete, "StatefulSet", _required_selector)


def _set_policies(spec: Obj) -> Iterator[FieldError]:
    order = spec.get("podManagementPolicy")
    if order not in (None, "OrderedReady", "Parallel"):
        yield invalid("spec.podManagementPolicy", order, "must be 'OrderedReady' or 'Parallel'")
    strategy = spec.get("updateStrategy") or {}
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if kind not in (None, "RollingUpdate", "OnDelete"):
        shown = {"Type": kind, "RollingUpdate": rolling}
        yield invalid("spec.updateStrategy", shown, "must be 'RollingUpdate' or 'OnDelete'")
    elif kind == "OnDelete" and rolling is not None:
        shown = {"Partition": rolling.get("partition"), "MaxUnavailable": None}
        why = "only allowed for updateStrategy 'RollingUpdate'"
        yield invalid("spec.updateStrategy.rollingUpdate", shown, why)
    yield from not_negative(rolling or {}, ("partition",), "spec.updateStrategy.rollingUpdate")
    retention = spec.get("persistentVolumeClaimRetentionPolicy") or {}
    for name in ("whenDeleted", "whenScaled"):
        if name in retention:
            path = f"spec.persistentVolumeClaimRetentionPolicy.{name}"
            yield from one_of(retention[name], path, ("Retain", "Delete"))
    yield from not_negative(spec.get("ordinals") or {}, ("start",), "spec.ordinals")


def controller_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a ReplicationController."""
    spec = obj.get("spec") or {}
    yield from not_negative(spec, ("minReadySeconds",), "spec")
    chosen, template = spec.get("selector") or {}, spec.get("template")
    if not chosen:
        yield required("spec.selector")
    yield from not_negative(spec, ("replicas",), "spec")
    if template is None:
        yield required("spec.template")
        return
    carried = (template.get("metadata") or {}).get("labels") or {}
    if chosen and not chosen.items() <= carried.items():
        yield invalid("spec.template.metadata.labels", carried or None, _MISMATCH)
    yield from template_problems(template, always=True)
    if (template.get("spec") or {}).get("activeDeadlineSeconds") is not None:
        text = "activeDeadlineSeconds in ReplicationController is not Supported"
        yield forbidden("spec.template.spec.activeDeadlineSeconds", text)


def template_problems(
    template: Obj, *, always: bool, path: str = "spec.template"
) -> Iterator[FieldError]:
    """What is wrong with a pod template.

    Args:
        template: The template.
        always: Whether its pods must restart always.
        path: Where it stands.
    """
    # The path leaves out `metadata`, as the real server's does.
    yield from check_metadata(template.get("metadata") or {}, path)
    spec = template.get("spec") or {}
    yield from pod_spec_problems(spec, f"{path}.spec")
    policy = spec.get("restartPolicy")
    if always and policy not in {None, "Always"}:
        yield not_supported(f"{path}.spec.restartPolicy", policy, ("Always",))


def pod_template_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a PodTemplate."""
    yield from template_problems(obj.get("template") or {}, always=False, path="template")


def revision_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a ControllerRevision."""
    if obj.get("data") is None:
        yield required("data", "data is mandatory")
    yield from not_negative(obj, ("revision",), "")


# --- jobs ----------------------------------------------------------------------------------------


def job_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a Job, with its generated selector."""
    spec = obj.get("spec") or {}
    yield from _job_selector(obj, spec)
    yield from job_spec_problems(spec, "spec")


def _job_selector(obj: Obj, spec: Obj) -> Iterator[FieldError]:
    chosen = spec.get("selector")
    carried = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    if chosen is None:
        yield required("spec.selector")
    else:
        yield from selector_problems(chosen, "spec.selector")
    uid = (obj.get("metadata") or {}).get("uid")
    generated = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    older = {"matchLabels": {"controller-uid": uid}}
    odd = chosen is not None and chosen not in (generated, older)
    if odd and not spec.get("manualSelector"):
        yield invalid("spec.selector", chosen, "`selector` not auto-generated")
    if chosen is None or _fits(chosen, carried) is False:
        yield invalid("spec.template.metadata.labels", carried or None, _MISMATCH)


def job_spec_problems(spec: Obj, path: str) -> Iterator[FieldError]:
    """What is wrong with the specification of a Job, its selector aside."""
    names = (
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    )
    yield from not_negative(spec, names, path)
    mode = spec.get("completionMode")
    indexed = mode == "Indexed"
    if mode is not None:
        yield from one_of(mode, f"{path}.completionMode", ("NonIndexed", "Indexed"))
    if indexed and spec.get("completions") is None:
        yield required(f"{path}.completions", "when completion mode is Indexed")
    yield from _indexes(spec, path, indexed=indexed)
    if spec.get("managedBy") is not None:
        yield from domain_path(spec["managedBy"], f"{path}.managedBy")
    replaced = spec.get("podReplacementPolicy")
    if replaced is not None:
        supported = (
            ("Failed",) if spec.get("podFailurePolicy") else ("Failed", "TerminatingOrFailed")
        )
        yield from one_of(replaced, f"{path}.podReplacementPolicy", supported)
    template = spec.get("template") or {}
    yield from _job_labels(template, f"{path}.template")
    yield from template_problems(template, always=False, path=f"{path}.template")
    policy = (template.get("spec") or {}).get("restartPolicy")
    if policy in {None, "Always"}:
        yield required(f"{path}.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')
    yield from _failure_policy(spec.get("podFailurePolicy"), f"{path}.podFailurePolicy", policy)


def _indexes(spec: Obj, path: str, *, indexed: bool) -> Iterator[FieldError]:
    per_index, failed = spec.get("backoffLimitPerIndex"), spec.get("maxFailedIndexes")
    if failed is not None and per_index is None:
        why = "when maxFailedIndexes is specified"
        yield required(f"{path}.backoffLimitPerIndex", why)
    if indexed:
        return
    if per_index is not None:
        yield invalid(f"{path}.backoffLimitPerIndex", per_index, _INDEXED)
    if failed is not None:
        yield invalid(f"{path}.maxFailedIndexes", failed, _INDEXED)
    success = spec.get("successPolicy")
    if success is not None:
        shown = {"Rules": success.get("rules")}
        yield invalid(f"{path}.successPolicy", shown, _INDEXED)


def _job_labels(template: Obj, path: str) -> Iterator[FieldError]:
    carried = (template.get("metadata") or {}).get("labels") or {}
    for name in _JOB_LABELS:
        for problem in label_value_problems(str(carried.get(name) or "")):
            yield invalid(f"{path}.labels", carried[name], problem)
            return


def _failure_policy(policy: Any, path: str, restart: Any) -> Iterator[FieldError]:
    if policy is None:
        return
    if restart == "OnFailure":
        yield invalid(path, policy, 'only "Never" is supported for restartPolicy')
    actions = ("Count", "FailIndex", "FailJob", "Ignore")
    for position, rule in enumerate(policy.get("rules") or ()):
        where = f"{path}.rules[{position}]"
        yield from one_of(rule.get("action"), f"{where}.action", actions)
        if not rule.get("onExitCodes") and not rule.get("onPodConditions"):
            why = "specifying one of OnExitCodes and OnPodConditions is required"
            yield FieldError(where, "FieldValueInvalid", f"Invalid value: {why}")


def cron_job_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a CronJob."""
    spec = obj.get("spec") or {}
    schedule, zone = spec.get("schedule"), spec.get("timeZone")
    if schedule:
        yield from _schedule(str(schedule))
    else:
        yield required("spec.schedule")
    if zone is not None:
        yield from _zone(zone)
    yield from not_negative(spec, ("startingDeadlineSeconds",), "spec")
    policies = ("Allow", "Forbid", "Replace")
    yield from one_of(spec.get("concurrencyPolicy"), "spec.concurrencyPolicy", policies)
    limits = ("successfulJobsHistoryLimit", "failedJobsHistoryLimit")
    yield from not_negative(spec, limits, "spec")
    job = (spec.get("jobTemplate") or {}).get("spec") or {}
    yield from job_spec_problems(job, "spec.jobTemplate.spec")
    name = (obj.get("metadata") or {}).get("name") or ""
    if len(name) > _CRON_NAME_MAX:
        yield invalid("metadata.name", name, f"must be no more than {_CRON_NAME_MAX} characters")


def _schedule(text: str) -> Iterator[FieldError]:
    if "TZ" in text:
        why = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        yield invalid("spec.schedule", text, why)
        return
    try:
        parse_schedule(text)
    except InputError as error:
        yield invalid("spec.schedule", text, error.message)


def _zone(zone: str) -> Iterator[FieldError]:
    path = "spec.timeZone"
    if not zone:
        yield invalid(path, zone, "timeZone must be nil or non-empty string")
    elif zone.lower() == "local":
        yield invalid(
            path,
            zone,
            "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones",
        )
    else:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield invalid(path, zone, f"unknown time zone {zone}")
