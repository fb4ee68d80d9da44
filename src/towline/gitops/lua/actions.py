"""Actions by script: which ones an object offers, and what one of them changes.

Nothing is changed here: an action answers changes, and whoever carries them out checks that the
project and the person may.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from towline.errors import InputError
from towline.gitops.lua.answers import ActionInfo, Change, Operation, Parameter
from towline.gitops.lua.sandbox import run_script
from towline.gitops.lua.script import Script
from towline.gitops.lua.values import as_scripts_see
from towline.kube.patch.merge import create_merge_patch
from towline.kube.refs import ObjectKey, gvk_of


def available_actions(script: Script, obj: dict[str, Any], now: dt.datetime) -> list[ActionInfo]:
    """The actions that a discovery script finds, by name.

    Raises:
        InputError: The script fails or answers something else.
        ScriptLimitError: It reached a bound.
    """
    found = run_script(script, {"obj": obj}, now)
    if found is None or found == []:
        return []
    if not isinstance(found, dict):
        raise InputError("the discovery script must answer a table of actions", file=script.name)
    return [_info(name, entry) for name, entry in sorted(found.items())]


def run_action(
    script: Script,
    obj: dict[str, Any],
    now: dt.datetime,
    params: Mapping[str, str] | None = None,
) -> list[Change]:
    """What an action wants changed.

    Args:
        script: The action; finds the object in `obj` and parameters in `actionParams`.
        obj: The live object.
        now: The time.
        params: Parameters.

    Raises:
        InputError: The script fails, or answers neither an object nor a list of changes.
        ScriptLimitError: It reached a bound.
    """
    answer = run_script(script, {"obj": obj, "actionParams": dict(params or {})}, now)
    if isinstance(answer, dict):
        return [_change(Operation.PATCH, answer, obj, script.name)]
    if not isinstance(answer, list) or not answer:
        raise InputError("the action must answer an object or a list of changes", file=script.name)
    return [_listed(entry, obj, script.name) for entry in answer]


def patches_to(live: dict[str, Any], wanted: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Merge patches from a live object to a wanted one: of everything but the status, and of it.

    What a script cannot express (null, integers beyond 2^53) does not count as a difference.
    """
    patch = create_merge_patch(as_scripts_see(live), wanted)
    status = patch.pop("status", None)
    return patch, None if status is None else {"status": status}


def _listed(entry: Any, obj: dict[str, Any], file: str) -> Change:
    if not isinstance(entry, dict) or not isinstance(entry.get("resource"), dict):
        raise InputError("a change needs an operation and a resource", file=file)
    try:
        operation = Operation(str(entry.get("operation")))
    except ValueError as error:
        text = f"unknown operation {entry.get('operation')}: create and patch are known"
        raise InputError(text, file=file) from error
    return _change(operation, entry["resource"], obj, file)


def _change(
    operation: Operation, resource: dict[str, Any], obj: dict[str, Any], file: str
) -> Change:
    key = _identity(resource, file)
    if operation is Operation.CREATE or key != _identity(obj, file):
        return Change(operation=operation, resource=resource)
    patch, status = patches_to(obj, resource)
    return Change(operation=operation, resource=resource, patch=patch, status_patch=status)


def _identity(obj: dict[str, Any], file: str) -> ObjectKey:
    meta = obj.get("metadata")
    if not isinstance(meta, dict) or not obj.get("kind") or not obj.get("apiVersion"):
        raise InputError("an object needs apiVersion, kind and metadata", file=file)
    gvk = gvk_of(obj)
    return ObjectKey(
        gvk.group, gvk.kind, str(meta.get("namespace") or ""), str(meta.get("name") or "")
    )


def _info(name: str, entry: Any) -> ActionInfo:
    if not isinstance(entry, dict):
        entry = {}
    params = entry.get("params")
    return ActionInfo(
        name=name,
        disabled=entry.get("disabled") is True,
        icon_class=str(entry.get("iconClass") or ""),
        display_name=str(entry.get("displayName") or ""),
        params=tuple(
            Parameter(
                name=str(one["name"]),
                value=str(one.get("value") or one.get("default") or ""),
                type=str(one.get("type") or ""),
            )
            for one in (params if isinstance(params, list) else [])
            if isinstance(one, dict) and one.get("name")
        ),
    )
