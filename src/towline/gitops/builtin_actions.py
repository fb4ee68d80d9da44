"""Actions that every user of Argo CD knows, without scripts. Pure.

Each finds out whether it makes sense for an object, and answers changes as action scripts do.
"""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from towline.errors import InputError, NotFoundError
from towline.gitops.bundled_health.rules import values_at
from towline.gitops.lua.answers import ActionInfo, Change, Operation, Parameter
from towline.kube.patch.merge import create_merge_patch
from towline.kube.refs import GroupKind, gvk_of

Obj = dict[str, Any]
RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"
_MAX_REPLICAS: Final = 1_000_000


class _Call(msgspec.Struct, frozen=True):
    obj: Obj
    now: dt.datetime
    params: Mapping[str, str]


class BuiltInAction(msgspec.Struct, frozen=True, kw_only=True):
    """An action of a kind.

    Attributes:
        disabled: Whether it makes no sense for an object.
        run: Changes the object in place, or answers an object to create.
        params: What it asks for.
        icon: Its icon.
        title: For people.
    """

    run: Callable[[_Call], Obj | None]
    disabled: Callable[[Obj], bool] = lambda _: False
    params: tuple[str, ...] = ()
    icon: str = ""
    title: str = ""


def offered(obj: Obj) -> list[ActionInfo]:
    """The built-in actions of an object, by name."""
    return [
        ActionInfo(
            name=name,
            disabled=action.disabled(obj),
            icon_class=action.icon,
            display_name=action.title,
            params=tuple(
                Parameter(name=one, value=str(next(values_at(obj, f"spec.{one}"), "")))
                for one in action.params
            ),
        )
        for name, action in sorted(ACTIONS.get(gvk_of(obj).group_kind, {}).items())
    ]


def run_built_in(
    name: str, obj: Obj, now: dt.datetime, params: Mapping[str, str] | None = None
) -> list[Change]:
    """What a built-in action wants changed.

    Args:
        name: The action.
        obj: The live object.
        now: The time.
        params: Parameters.

    Raises:
        NotFoundError: The kind has no such action.
        InputError: It makes no sense for the object now, or a parameter is wrong.
    """
    kind = gvk_of(obj).group_kind
    action = ACTIONS.get(kind, {}).get(name)
    if action is None:
        raise NotFoundError(f"{kind} has no action {name}")
    if action.disabled(obj):
        raise InputError(f"the action {name} is disabled for this {kind.kind}")
    wanted = copy.deepcopy(obj)
    made = action.run(_Call(wanted, now, params or {}))
    if made is not None:
        return [Change(operation=Operation.CREATE, resource=made)]
    patch = create_merge_patch(obj, wanted)
    status = {"status": patch.pop("status")} if "status" in patch else None
    return [Change(operation=Operation.PATCH, resource=wanted, patch=patch, status_patch=status)]


def _found(obj: Obj, path: str) -> Any:
    return next(values_at(obj, path), None)


def _mapping(obj: Obj, path: str) -> Obj:
    """The mapping at a path, made when it is missing."""
    for name in path.split("."):
        found = obj.get(name)
        if not isinstance(found, dict):
            found = obj[name] = {}
        obj = found
    return obj


def _restart(call: _Call) -> None:
    place = _mapping(call.obj, "spec.template.metadata.annotations")
    place[RESTARTED_AT] = call.now.strftime("%Y-%m-%dT%H:%M:%SZ")


def _restart_rollout(call: _Call) -> None:
    _mapping(call.obj, "spec")["restartAt"] = call.now.strftime("%Y-%m-%dT%H:%M:%SZ")


def _scale(call: _Call) -> None:
    text = call.params.get("replicas", "")
    if not (text.isascii() and text.isdigit()) or int(text) > _MAX_REPLICAS:
        raise InputError(f"{text!r} is no number of replicas", field="replicas")
    _mapping(call.obj, "spec")["replicas"] = int(text)


def _set(path: str, value: Any) -> Callable[[_Call], None]:
    place, _, name = path.rpartition(".")

    def change(call: _Call) -> None:
        _mapping(call.obj, place)[name] = value

    return change


def _create_job(call: _Call) -> Obj:
    source = call.obj
    template = _found(source, "spec.jobTemplate") or {}
    return _child(call, "batch/v1", "Job", template.get("metadata"), template.get("spec"))


def _create_workflow(call: _Call) -> Obj:
    source = call.obj
    if source["kind"] == "CronWorkflow":
        metadata = _found(source, "spec.workflowMetadata")
        spec = _found(source, "spec.workflowSpec")
        return _child(call, source["apiVersion"], "Workflow", metadata, spec)
    spec = {"workflowTemplateRef": {"name": source["metadata"]["name"]}}
    if source["kind"] == "ClusterWorkflowTemplate":
        spec["workflowTemplateRef"]["clusterScope"] = True
    return _child(call, source["apiVersion"], "Workflow", {}, spec, owned=False)


def _child(
    call: _Call, api_version: str, kind: str, metadata: Any, spec: Any, *, owned: bool = True
) -> Obj:
    parent = call.obj["metadata"]
    meta = {
        key: value for key, value in (metadata or {}).items() if key in {"labels", "annotations"}
    }
    meta["name"] = f"{parent['name'][:40]}-{call.now.strftime('%Y%m%d%H%M')}"
    if parent.get("namespace"):
        meta["namespace"] = parent["namespace"]
    if owned:
        meta["ownerReferences"] = [
            {
                "apiVersion": call.obj["apiVersion"],
                "kind": call.obj["kind"],
                "name": parent["name"],
                "uid": parent["uid"],
            }
        ]
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, "spec": spec or {}}


def _resume_rollout(call: _Call) -> None:
    _mapping(call.obj, "spec")["paused"] = False
    _mapping(call.obj, "status").pop("pauseConditions", None)


def _retry_rollout(call: _Call) -> None:
    _mapping(call.obj, "status").pop("abort", None)


def _skip_step(call: _Call) -> None:
    status, steps = _mapping(call.obj, "status"), _steps(call.obj)
    status["currentStepIndex"] = min(int(status.get("currentStepIndex") or 0) + 1, steps)
    status.pop("pauseConditions", None)


def _steps(obj: Obj) -> int:
    return len(_found(obj, "spec.strategy.canary.steps") or [])


def _toggle_auto_sync(call: _Call) -> None:
    policy = _mapping(call.obj, "spec.syncPolicy")
    if policy.get("automated") is not None and policy["automated"].get("enabled") is not False:
        policy["automated"] = {**policy["automated"], "enabled": False}
    else:
        policy["automated"] = {**(policy.get("automated") or {}), "enabled": True}


def _is(path: str) -> Callable[[Obj], bool]:
    return lambda obj: bool(_found(obj, path))


def _not(path: str) -> Callable[[Obj], bool]:
    return lambda obj: not _found(obj, path)


def _ended(obj: Obj) -> bool:
    return any(
        one.get("type") in {"Complete", "Failed"} and one.get("status") == "True"
        for one in _found(obj, "status.conditions") or []
    )


def _not_paused(obj: Obj) -> bool:
    return not (_found(obj, "spec.paused") or _found(obj, "status.pauseConditions"))


def _fully_promoted(obj: Obj) -> bool:
    return bool(_found(obj, "status.stableRS") == _found(obj, "status.currentPodHash"))


_RESTART: Final = BuiltInAction(run=_restart, icon="fa fa-fw fa-redo", title="Restart")
_SCALE: Final = BuiltInAction(
    run=_scale, params=("replicas",), icon="fa fa-fw fa-plus-square", title="Scale"
)


def _switch(path: str, on: str, off: str) -> dict[str, BuiltInAction]:
    """A pair of actions that set a field and take it back."""
    return {
        on: BuiltInAction(
            run=_set(path, True), disabled=_is(path), icon="fa fa-fw fa-pause-circle"
        ),
        off: BuiltInAction(
            run=_set(path, False), disabled=_not(path), icon="fa fa-fw fa-play-circle"
        ),
    }


_CREATE_WORKFLOW: Final = {
    "create-workflow": BuiltInAction(run=_create_workflow, title="Create Workflow")
}

ACTIONS: Final[Mapping[GroupKind, Mapping[str, BuiltInAction]]] = {
    GroupKind("apps", "Deployment"): {
        "restart": _RESTART,
        "scale": _SCALE,
        **_switch("spec.paused", "pause", "resume"),
    },
    GroupKind("apps", "StatefulSet"): {"restart": _RESTART, "scale": _SCALE},
    GroupKind("apps", "DaemonSet"): {"restart": _RESTART},
    GroupKind("batch", "CronJob"): {
        "create-job": BuiltInAction(run=_create_job, title="Create Job"),
        **_switch("spec.suspend", "suspend", "resume"),
    },
    GroupKind("batch", "Job"): {
        **_switch("spec.suspend", "suspend", "resume"),
        "terminate": BuiltInAction(run=_set("spec.activeDeadlineSeconds", 1), disabled=_ended),
    },
    GroupKind("argoproj.io", "Rollout"): {
        "restart": BuiltInAction(run=_restart_rollout, title="Restart"),
        "resume": BuiltInAction(run=_resume_rollout, disabled=_not_paused, title="Resume"),
        "pause": BuiltInAction(
            run=_set("spec.paused", True), disabled=_is("spec.paused"), title="Pause"
        ),
        "abort": BuiltInAction(
            run=_set("status.abort", True),
            disabled=lambda obj: _is("status.abort")(obj) or _fully_promoted(obj),
            title="Abort",
        ),
        "retry": BuiltInAction(run=_retry_rollout, disabled=_not("status.abort"), title="Retry"),
        "promote-full": BuiltInAction(
            run=_set("status.promoteFull", True), disabled=_fully_promoted, title="Promote-Full"
        ),
        "skip-current-step": BuiltInAction(
            run=_skip_step,
            disabled=lambda obj: int(_found(obj, "status.currentStepIndex") or 0) >= _steps(obj),
            title="Skip-Current-Step",
        ),
    },
    GroupKind("argoproj.io", "AnalysisRun"): {
        "terminate": BuiltInAction(
            run=_set("spec.terminate", True), disabled=_is("spec.terminate"), title="Terminate"
        )
    },
    GroupKind("argoproj.io", "Application"): {
        "toggle-auto-sync": BuiltInAction(run=_toggle_auto_sync, title="Toggle Auto-Sync")
    },
    GroupKind("argoproj.io", "WorkflowTemplate"): _CREATE_WORKFLOW,
    GroupKind("argoproj.io", "ClusterWorkflowTemplate"): _CREATE_WORKFLOW,
    GroupKind("argoproj.io", "CronWorkflow"): _CREATE_WORKFLOW,
}
