"""Validation of custom resource definitions themselves. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from towline.kube.names import dns1035_problems, label_problems, subdomain_problems
from towline.kube.schema.fielderror import (
    FieldError,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
)
from towline.kube.schema.node import SchemaNode
from towline.kube.schema.validate import validate

Obj = dict[str, Any]

MAX_DEPTH = 60


def check_crd(crd: Obj, old: Obj | None = None) -> list[FieldError]:
    """What is wrong with a custom resource definition, defaulted; empty when it can be served.

    Args:
        crd: The definition.
        old: The stored one when this is an update.
    """
    spec = crd.get("spec") or {}
    errors = list(_check_names(crd, spec))
    errors += _check_versions(spec)
    if old is not None:
        before = old.get("spec") or {}
        for path in (("group",), ("scope",), ("names", "plural"), ("names", "kind")):
            if _get(before, path) != _get(spec, path):
                field = ".".join(("spec", *path))
                errors.append(invalid(field, _get(spec, path), "field is immutable"))
    return errors


def _get(spec: Obj, path: tuple[str, ...]) -> Any:
    found: Any = spec
    for key in path:
        found = (found or {}).get(key)
    return found


def _check_names(crd: Obj, spec: Obj) -> Iterator[FieldError]:
    group = spec.get("group") or ""
    names = spec.get("names") or {}
    plural = names.get("plural") or ""
    name = (crd.get("metadata") or {}).get("name", "")
    if name != f"{plural}.{group}":
        yield invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group')
    if not group:
        yield required("spec.group")
    else:
        for problem in subdomain_problems(group):
            yield invalid("spec.group", group, problem)
        if "." not in group:
            yield invalid("spec.group", group, "should be a domain with at least one dot")
    scope = spec.get("scope")
    if not scope:
        yield required("spec.scope")
    elif scope not in {"Cluster", "Namespaced"}:
        yield not_supported("spec.scope", scope, ("Cluster", "Namespaced"))
    for key in ("plural", "singular", "kind", "listKind"):
        value = names.get(key) or ""
        if not value:
            yield required(f"spec.names.{key}")
            continue
        for problem in dns1035_problems(value.lower()):
            yield invalid(f"spec.names.{key}", value, problem)
    if spec.get("preserveUnknownFields"):
        text = "must be false in order to use defaults in the schema"
        yield invalid("spec.preserveUnknownFields", True, text)


def _check_versions(spec: Obj) -> Iterator[FieldError]:
    versions = spec.get("versions") or []
    if not versions:
        yield required("spec.versions", "must have at least one version")
        return
    seen: set[str] = set()
    for position, version in enumerate(versions):
        path = f"spec.versions[{position}]"
        name = version.get("name") or ""
        for problem in label_problems(name):
            yield invalid(f"{path}.name", name, problem)
        if name in seen:
            yield duplicate(f"{path}.name", name)
        seen.add(name)
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        where = f"{path}.schema.openAPIV3Schema"
        if len(versions) == 1:
            where = "spec.validation.openAPIV3Schema"
        if not isinstance(schema, dict):
            yield required(f"{path}.schema.openAPIV3Schema", "schemas are required")
            continue
        yield from _check_root(schema, where)
    storage = [version for version in versions if version.get("storage")]
    if len(storage) != 1:
        names = [version.get("name") for version in versions]
        text = "must have exactly one version marked as storage version"
        yield invalid("spec.versions", names, text)


def _check_root(schema: Obj, path: str) -> Iterator[FieldError]:
    type_ = schema.get("type")
    if not type_:
        yield required(f"{path}.type", "must not be empty at the root")
    elif type_ != "object":
        yield invalid(f"{path}.type", type_, "must be object at the root")
    yield from _check_node(schema, path, "", 0)


def _check_node(schema: Any, path: str, role: str, depth: int) -> Iterator[FieldError]:
    """One node of a structural schema.

    Args:
        schema: The node.
        path: Where it stands in the definition.
        role: What an untyped node is called in the message; empty at the root.
        depth: How deep it is nested.
    """
    if not isinstance(schema, dict):
        yield invalid(path, schema, "must be an object")
        return
    if depth > MAX_DEPTH:
        yield forbidden(path, f"must not be nested more than {MAX_DEPTH} deep")
        return
    if schema.get("$ref"):
        yield forbidden(f"{path}.$ref", "$ref is not supported")
    free = schema.get("x-kubernetes-int-or-string") or schema.get(
        "x-kubernetes-preserve-unknown-fields"
    )
    if role and not schema.get("type") and not free:
        yield required(f"{path}.type", f"must not be empty for specified {role}")
    yield from _check_list(schema, path)
    if "default" in schema:
        for error in validate(schema["default"], SchemaNode(schema)):
            yield invalid(f"{path}.default", schema["default"], error.message)
    for part in ("allOf", "anyOf", "oneOf"):
        for position, below in enumerate(schema.get(part) or ()):
            yield from _check_junctor(below, f"{path}.{part}[{position}]")
    for name, below in (schema.get("properties") or {}).items():
        yield from _check_node(below, f"{path}.properties[{name}]", "object fields", depth + 1)
    if isinstance(schema.get("items"), dict):
        yield from _check_node(schema["items"], f"{path}.items", "array items", depth + 1)
    if isinstance(schema.get("additionalProperties"), dict):
        below = schema["additionalProperties"]
        where = f"{path}.additionalProperties"
        yield from _check_node(below, where, "object fields", depth + 1)


def _check_list(schema: Obj, path: str) -> Iterator[FieldError]:
    if schema.get("type") == "array" and not isinstance(schema.get("items"), dict):
        yield required(f"{path}.items", "must be specified")
        return
    list_type = schema.get("x-kubernetes-list-type")
    if list_type not in {None, "atomic", "set", "map"}:
        yield not_supported(f"{path}.x-kubernetes-list-type", list_type, ("atomic", "map", "set"))
    if list_type != "map":
        return
    keys = schema.get("x-kubernetes-list-map-keys") or ()
    if not keys:
        text = "must not be empty if x-kubernetes-list-type is map"
        yield required(f"{path}.x-kubernetes-list-map-keys", text)
    items = schema.get("items") or {}
    for position, key in enumerate(keys):
        known = (items.get("properties") or {}).get(key)
        where = f"{path}.x-kubernetes-list-map-keys[{position}]"
        if known is None:
            yield invalid(where, key, "entries must all be names of item properties")
        elif key not in (items.get("required") or ()) and "default" not in known:
            text = "this property must have a default or be a required property"
            yield required(f"{path}.items.properties[{key}].default", text)


def _check_junctor(schema: Any, path: str) -> Iterator[FieldError]:
    """Inside a union a schema only constrains; it describes nothing."""
    if not isinstance(schema, dict):
        yield invalid(path, schema, "must be an object")
        return
    for key in ("description", "default", "nullable", "additionalProperties"):
        if schema.get(key):
            yield forbidden(f"{path}.{key}", "must be empty to be structural")
    if schema.get("type") not in {None, "", "integer", "string"}:
        yield forbidden(f"{path}.type", "must be empty to be structural")
