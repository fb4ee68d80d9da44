"""From a caller's object to one that may be stored: prune, default, normalise, validate. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from towline.drydock.refusals import bad_request, undecodable
from towline.drydock.registry import metadata
from towline.drydock.registry.kinds import ServedKind
from towline.drydock.registry.strategy import CUSTOM_RESOURCE_DEFINITIONS
from towline.errors import InputError
from towline.kube.crd.definition import check_definition
from towline.kube.crd.objects import check_custom
from towline.kube.refs import GroupKind, GroupVersionKind
from towline.kube.schema.catalog import load_catalog
from towline.kube.schema.crd_schema import canonical_definition
from towline.kube.schema.decode import decode_error
from towline.kube.schema.defaults import default_builtin, defaults_only_spec, normalize_builtin
from towline.kube.schema.fielderror import FieldError, invalid_status
from towline.kube.schema.fielderror import invalid as invalid_value
from towline.kube.schema.immutable import check_update
from towline.kube.schema.metadata_checks import check_metadata
from towline.kube.schema.node import SchemaNode
from towline.kube.schema.process import apply_defaults, prune
from towline.kube.schema.structural import crd_defaults
from towline.kube.status import ApiError

Obj = dict[str, Any]

_SECTIONS = ("spec", "status")
_OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


class Shaped(NamedTuple):
    """A pruned and defaulted object.

    Attributes:
        obj: The object.
        warnings: Unknown fields, when the caller asked to be told.
    """

    obj: Obj
    warnings: tuple[str, ...]


def accept(kind: ServedKind, obj: Any) -> Obj:
    """The body as an object of the kind; absent apiVersion and kind are filled in.

    Raises:
        ApiError: BadRequest, it is not one.
    """
    gvk = kind.gvk
    obj = {} if obj is None else obj
    if not isinstance(obj, dict):
        raise bad_request(f"the body is not an object but a {type(obj).__name__}")
    said_version = obj.get("apiVersion") or gvk.api_version
    said_kind = obj.get("kind") or gvk.kind
    if kind.custom:
        _check_custom_type(kind, obj, said_kind, said_version)
    elif (said_version, said_kind) != (gvk.api_version, gvk.kind):
        raise _other_type(gvk, str(said_version), str(said_kind))
    rest = {name: value for name, value in obj.items() if name not in ("apiVersion", "kind")}
    return {"apiVersion": gvk.api_version, "kind": gvk.kind, **rest}


def _check_custom_type(kind: ServedKind, obj: Obj, said_kind: Any, said_version: Any) -> None:
    gvk = kind.gvk
    if said_version != gvk.api_version:
        raise bad_request(
            f"the API version in the data ({said_version}) does not match the expected API version"
            f" ({gvk.api_version})"
        )
    if said_kind != gvk.kind:
        name = str(metadata.meta_of(obj).get("name") or "")
        error = invalid_value("kind", said_kind, f"must be {gvk.kind}")
        raise invalid_status(GroupKind(gvk.group, str(said_kind)), name, [error])


def _other_type(gvk: GroupVersionKind, said_version: str, said_kind: str) -> ApiError:
    said = GroupVersionKind(*api_group_version(said_version), said_kind)
    if load_catalog().kind(said) is None:
        why = f'no kind "{said_kind}" is registered for version "{said_version}"'
    else:
        internal = gvk.group.partition(".")[0] or "core"
        why = (
            f"converting ({said.version}.{said_kind}) to ({internal}.{gvk.kind}):"
            " unknown conversion"
        )
    return undecodable(said_kind, said.version, why, expected=gvk.kind)


def api_group_version(api_version: str) -> tuple[str, str]:
    """Group and version of an apiVersion; the group of core is empty."""
    group, _, version = api_version.rpartition("/")
    return group, version


def shape(
    kind: ServedKind, obj: Obj, validation: str, strict_problems: tuple[str, ...] = ()
) -> Shaped:
    """Drops unknown fields, fills in defaults and canonical forms.

    Args:
        kind: What the object is.
        obj: With apiVersion and kind of `kind`.
        validation: `Strict`, `Warn` or `Ignore` unknown fields.
        strict_problems: What else a strict decoder objects to.

    Raises:
        ApiError: BadRequest, unknown fields under `Strict`.
    """
    pruned, warnings = _read(kind, obj, validation, strict_problems)
    return Shaped(complete(kind, pruned), warnings)


def shape_again(
    kind: ServedKind,
    obj: Obj,
    old: Obj,
    validation: str,
    strict_problems: tuple[str, ...] = (),
) -> Shaped:
    """As `shape`, for an object that shares whole sections with the stored one.

    A section that is the very same value as in `old` was shaped when it was stored, so that a
    status write need not walk the specification again.

    Args:
        kind: What the object is.
        obj: With apiVersion and kind of `kind`.
        old: What it replaces, of the same kind and version.
        validation: `Strict`, `Warn` or `Ignore` unknown fields.
        strict_problems: What else a strict decoder objects to.

    Raises:
        ApiError: As for `shape`.
    """
    shared = {name for name, value in obj.items() if name in _SECTIONS and value is old.get(name)}
    if not shared or kind.resource == CUSTOM_RESOURCE_DEFINITIONS:
        return shape(kind, obj, validation, strict_problems)
    part = {name: value for name, value in obj.items() if name not in shared}
    pruned, warnings = _read(kind, part, validation, strict_problems)
    bare = "spec" in shared and not kind.custom
    made = _canonical(kind, pruned, defaults=False) if bare else complete(kind, pruned)
    whole = {name: obj[name] for name in obj if name in shared or name in made}
    whole |= {name: value for name, value in made.items() if name not in shared}
    if bare and not defaults_only_spec(kind.gvk):
        whole = default_builtin(kind.gvk, whole)
    return Shaped(whole, warnings)


def _read(
    kind: ServedKind, obj: Obj, validation: str, strict_problems: tuple[str, ...]
) -> tuple[Obj, tuple[str, ...]]:
    """The object without unknown fields, and warnings about them."""
    why = decode_error(obj, _decoded_by(kind))
    if why:
        raise undecodable(kind.gvk.kind, kind.gvk.version, why)
    pruned, unknown = prune(obj, kind.schema)
    problems = (*(f'unknown field "{path}"' for path in unknown), *strict_problems)
    if problems and validation == "Strict":
        listed = ", ".join(problems)
        raise undecodable(kind.gvk.kind, kind.gvk.version, f"strict decoding error: {listed}")
    return pruned, problems if validation == "Warn" else ()


def complete(kind: ServedKind, obj: Obj) -> Obj:
    """Fills in defaults and canonical forms.

    Raises:
        ApiError: BadRequest, a quantity or time is malformed.
    """
    if kind.custom:
        completed: Obj = apply_defaults(obj, kind.schema)
        return completed
    if kind.resource == CUSTOM_RESOURCE_DEFINITIONS:
        obj = crd_defaults(canonical_definition(obj))
    return _canonical(kind, obj, defaults=True)


def _canonical(kind: ServedKind, obj: Obj, *, defaults: bool) -> Obj:
    try:
        return normalize_builtin(kind.gvk, default_builtin(kind.gvk, obj) if defaults else obj)
    except InputError as error:
        raise undecodable(kind.gvk.kind, kind.gvk.version, error.message) from error


def _decoded_by(kind: ServedKind) -> SchemaNode:
    """What the decoder insists on: all types of built-in kinds, the metadata of custom ones."""
    return _custom_head() if kind.custom else kind.schema


@lru_cache(maxsize=1)
def _custom_head() -> SchemaNode:
    catalog = load_catalog()
    raw = {"type": "object", "properties": {"metadata": {"$ref": _OBJECT_META}}}
    return SchemaNode(raw, catalog.schema)


def check(kind: ServedKind, obj: Obj, old: Obj | None) -> tuple[str, ...]:
    """Refuses an object that must not be stored.

    Args:
        kind: What the object is.
        obj: As it would be stored.
        old: What it replaces, or None.

    Returns:
        Warnings: what unchanged parts of a custom object violate.

    Raises:
        ApiError: Invalid, with every field that is wrong.
    """
    errors: list[FieldError] = metadata.problems(kind, obj, old)
    warnings: tuple[str, ...] = ()
    if kind.custom:
        errors += check_metadata(obj["metadata"])
        found = check_custom(obj, old, kind.schema, kind.rules)
        errors += found.errors
        warnings = found.warnings
    else:
        errors += check_update(kind.gvk, old, obj)
        if kind.resource == CUSTOM_RESOURCE_DEFINITIONS:
            errors += check_definition(obj, old)
    if errors:
        raise invalid(kind, obj, errors)
    return warnings


def invalid(kind: ServedKind, obj: Obj, errors: list[FieldError]) -> ApiError:
    """The 422 answer."""
    name = str((obj.get("metadata") or {}).get("name") or "")
    return invalid_status(kind.gvk.group_kind, name, errors)
