"""OpenAPI v2 made of OpenAPI v3: paths, schemas of built-in kinds, schemas of custom kinds. Pure.

What version 2 cannot say goes the way the API server lets it go (`ToStructuralOpenAPIV2` in
k8s.io/apiextensions-apiserver): unions are dropped, nullable values lose their type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Obj = dict[str, Any]

_V3_REF = "#/components/schemas/"
_REF = "#/definitions/"
_META = f"{_REF}io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_UNIONS = ("allOf", "anyOf", "oneOf", "not")
_VERBS = frozenset({"get", "put", "post", "delete", "patch", "head", "options"})
_TYPE_META = {
    "apiVersion": {"type": "string", "description": "Group and version of the object."},
    "kind": {"type": "string", "description": "Kind of the object."},
}


def swagger_schema(schema: Mapping[str, Any]) -> Obj:
    """The schema of a built-in kind."""
    parts: list[Mapping[str, Any]] = schema.get("allOf") or []
    out = {name: value for name, value in schema.items() if name not in _UNIONS}
    out.pop("nullable", None)
    if len(parts) == 1 and "$ref" in parts[0]:
        # Beside a reference only its description means anything.
        told = {name: out[name] for name in ("description",) if name in out}
        out = {**parts[0], **told}
    if "$ref" in out:
        out["$ref"] = _reference(out["$ref"])
    if "oneOf" in schema:
        # Quantities, and numbers that may be names.
        out["type"] = "string"
    if "properties" in out:
        out["properties"] = {n: swagger_schema(below) for n, below in out["properties"].items()}
    for name in ("items", "additionalProperties"):
        if isinstance(out.get(name), Mapping):
            out[name] = swagger_schema(out[name])
    return out


def _reference(target: str) -> str:
    return _REF + target.removeprefix(_V3_REF)


def custom_schema(schema: Mapping[str, Any], gvk: Mapping[str, str]) -> Obj:
    """The definition of a custom kind.

    Args:
        schema: The structural schema as its definition has it.
        gvk: Group, version and kind, for the extension that names them.
    """
    if schema.get("x-kubernetes-preserve-unknown-fields") or not schema:
        # Any property, even `metadata`, would make clients refuse the others.
        out: Obj = {"type": "object"}
    else:
        out = _structural(schema)
        metadata = {"$ref": _META, "description": "Standard object's metadata."}
        out["properties"] = {**(out.get("properties") or {}), **_TYPE_META, "metadata": metadata}
    out["x-kubernetes-group-version-kind"] = [dict(gvk)]
    return out


def _structural(schema: Mapping[str, Any]) -> Obj:
    out = {name: value for name, value in schema.items() if name not in _UNIONS}
    kept_unknown = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    dropped = ["nullable"]
    if schema.get("nullable"):
        dropped += ["type", "items", "properties"]
    if kept_unknown:
        dropped += ["items", "properties"]
    if (kept_unknown and schema.get("type") == "object") or (
        schema.get("type") == "array" and (kept_unknown or "items" not in schema)
    ):
        dropped.append("type")
    if schema.get("x-kubernetes-int-or-string"):
        dropped.append("type")
    for name in dropped:
        out.pop(name, None)
    _drop_required(out)
    _descend(out)
    if schema.get("x-kubernetes-embedded-resource") and not kept_unknown:
        metadata = {"$ref": _META, "description": "Standard object's metadata."}
        out["properties"] = {**(out.get("properties") or {}), **_TYPE_META, "metadata": metadata}
        needed = out.get("required") or []
        more = [name for name in ("kind", "apiVersion") if name not in needed]
        out["required"] = [*needed, *more]
    return out


def _drop_required(out: Obj) -> None:
    """Who may be null need not be there, says a client that cannot tell the two apart."""
    properties = out.get("properties") or {}
    extra = out.get("additionalProperties")
    nulls = {name for name, below in properties.items() if below.get("nullable")}
    if isinstance(extra, Mapping) and extra.get("nullable"):
        nulls.update(out.get("required") or ())
    if nulls and "required" in out:
        out["required"] = [name for name in out["required"] if name not in nulls]
        if not out["required"]:
            del out["required"]


def _descend(out: Obj) -> None:
    if "properties" in out:
        out["properties"] = {name: _structural(each) for name, each in out["properties"].items()}
    for name in ("items", "additionalProperties"):
        if isinstance(out.get(name), Mapping):
            out[name] = _structural(out[name])


def swagger_paths(paths: Mapping[str, Any]) -> Obj:
    """The paths of an OpenAPI v3 document."""
    return {path: _path(item) for path, item in paths.items()}


def _path(item: Mapping[str, Any]) -> Obj:
    out: Obj = {verb: _operation(each) for verb, each in item.items() if verb in _VERBS}
    if "parameters" in item:
        out["parameters"] = _parameters(item["parameters"])
    return out


def _operation(operation: Mapping[str, Any]) -> Obj:
    out = {n: v for n, v in operation.items() if n not in ("requestBody", "responses")}
    parameters = _parameters(operation.get("parameters") or ())
    body = (operation.get("requestBody") or {}).get("content") or {}
    if body:
        first = next(iter(body.values()))
        schema = swagger_schema(first["schema"])
        parameters = [
            {"in": "body", "name": "body", "required": True, "schema": schema},
            *parameters,
        ]
        out["consumes"] = list(body)
    if parameters:
        out["parameters"] = parameters
    produced: list[str] = []
    out["responses"] = {}
    for code, response in (operation.get("responses") or {}).items():
        content = response.get("content") or {}
        answer = {"description": response.get("description") or ""}
        for media in content.values():
            answer["schema"] = swagger_schema(media["schema"])
        produced += [media for media in content if media not in produced]
        out["responses"][code] = answer
    if produced:
        out["produces"] = produced
    return out


def _parameters(parameters: Iterable[Mapping[str, Any]]) -> list[Obj]:
    return [
        {
            **{name: value for name, value in parameter.items() if name != "schema"},
            **swagger_schema(parameter.get("schema") or {}),
        }
        for parameter in parameters
    ]
