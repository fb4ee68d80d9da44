"""Which part of an object a write may touch, and whether it changes anything. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from towline.drydock.refusals import method_not_allowed
from towline.drydock.registry import metadata, strategy
from towline.drydock.registry.kinds import ServedKind
from towline.kube.schema.process import prune
from towline.kube.ssa.apply import untyped

Obj = dict[str, Any]


def reset_fields(kind: ServedKind, subresource: str) -> tuple[str, ...]:
    """What a write through a path cannot own."""
    if subresource == "status":
        return ("spec",)
    return ("status",) if kind.has_status else ()


def check_known(kind: ServedKind, config: Obj) -> None:
    """Refuses an apply configuration with unknown fields, whatever the validation asked for.

    Raises:
        ApiError: The first field that the schema does not declare.
    """
    _, unknown = prune(config, kind.schema)
    if unknown:
        raise untyped(config, f".{unknown[0]}: field not declared in schema")


def config_part(kind: ServedKind, config: Obj, subresource: str) -> Obj:
    """The fields of an apply configuration that the path takes notice of."""
    if subresource == "status":
        kept = ("apiVersion", "kind", "metadata", "status")
        return {name: config[name] for name in kept if name in config}
    if kind.has_status:
        return {name: value for name, value in config.items() if name != "status"}
    return config


def writable_part(kind: ServedKind, old: Obj, new: Obj, subresource: str) -> Obj:
    """What a write through a path may change; everything else is taken from the old object.

    Raises:
        ApiError: MethodNotAllowed, nothing can be written through that path.
    """
    if subresource == "":
        if not kind.has_status:
            return new
        part = {name: value for name, value in new.items() if name != "status"}
        if "status" in old:
            part["status"] = old["status"]
        return part
    if subresource == "scale":
        return new
    if subresource not in ("status", "finalize", "ephemeralcontainers", "resize", "approval"):
        raise method_not_allowed()
    section = "status" if subresource in ("status", "approval") else "spec"
    part = {**old, "metadata": _part_metadata(kind, old, new, subresource)}
    part.pop(section, None)
    if section in new:
        part[section] = new[section]
    return part


def _part_metadata(kind: ServedKind, old: Obj, new: Obj, subresource: str) -> Obj:
    """The metadata that a write through a path leaves: of most kinds a status write may label."""
    before, given = old["metadata"], metadata.meta_of(new)
    about_status = subresource in ("status", "approval")
    kept = strategy.kept_by_status(kind) if about_status else strategy.ALL_METADATA
    if kept is strategy.ALL_METADATA:
        own = {n: given[n] for n in ("managedFields", "resourceVersion", "uid") if n in given}
        return {**before, **own}
    meta = {name: value for name, value in given.items() if name not in kept}
    return meta | {name: before[name] for name in kept if name in before}


def same(old: Obj, new: Obj) -> bool:
    """Whether two objects are the same JSON."""
    # Python calls True and 1 equal; JSON does not, so equality is settled on the encoded form.
    if old != new:
        return False
    return orjson.dumps(old, option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        new, option=orjson.OPT_SORT_KEYS
    )


def finished(kind: ServedKind, obj: Obj) -> bool:
    """Whether an object that is being deleted has nothing left to wait for."""
    meta = obj["metadata"]
    if not meta.get("deletionTimestamp") or meta.get("finalizers"):
        return False
    if kind.resource == strategy.NAMESPACES and (obj.get("spec") or {}).get("finalizers"):
        return False
    return not meta.get("deletionGracePeriodSeconds")
