"""OpenAPI v3 documents of the built-in group versions, and the paths of any kind.

The documents carry what clients look for: schemas with descriptions and merge extensions, and paths
whose operations name their kind, their action, the patch media types and the query parameters.
Paths are generated from the discovery facts. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from towline.errors import NotFoundError
from towline.kube.refs import GroupVersionKind

if TYPE_CHECKING:
    from towline.kube.schema.catalog import KindInfo, Subresource

_META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_REF = "#/components/schemas/"
_STRING = {"type": "string", "uniqueItems": True}
_INTEGER = {"type": "integer", "uniqueItems": True}
_BOOLEAN = {"type": "boolean", "uniqueItems": True}
_BODY_TYPES = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")
_PATCH_TYPES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
)
_STRATEGIC = "application/strategic-merge-patch+json"


class DefinitionSource(Protocol):
    """Where the schemas come from."""

    def raw(self, name: str) -> dict[str, Any]:
        """One definition as data."""
        ...


def _parameter(name: str, schema: Mapping[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": description}


_DRY_RUN = _parameter("dryRun", _STRING, "`All` runs every stage but stores nothing.")
_MANAGER = _parameter("fieldManager", _STRING, "Name of the actor that makes the change.")
_VALIDATION = _parameter(
    "fieldValidation", _STRING, "What to do with unknown or duplicate fields: Ignore, Warn, Strict."
)
_FORCE = _parameter("force", _BOOLEAN, "Takes fields that other managers own (apply only).")
_WRITE = [_DRY_RUN, _MANAGER, _VALIDATION]
_DELETE = [
    _DRY_RUN,
    _parameter("gracePeriodSeconds", _INTEGER, "Seconds before the object is deleted."),
    _parameter("propagationPolicy", _STRING, "Orphan, Background or Foreground."),
]
_LIST = [
    _parameter("allowWatchBookmarks", _BOOLEAN, "Asks for BOOKMARK events."),
    _parameter("continue", _STRING, "Token of the next page."),
    _parameter("fieldSelector", _STRING, "Selects by fields."),
    _parameter("labelSelector", _STRING, "Selects by labels."),
    _parameter("limit", _INTEGER, "Largest number of items in the answer."),
    _parameter("resourceVersion", _STRING, "Which state is asked for."),
    _parameter("resourceVersionMatch", _STRING, "How resourceVersion is applied."),
    _parameter("sendInitialEvents", _BOOLEAN, "Starts a watch with the present objects."),
    _parameter("timeoutSeconds", _INTEGER, "Ends the call after that time."),
    _parameter("watch", _BOOLEAN, "Streams changes."),
]
_PRETTY = _parameter("pretty", _STRING, "Prints the answer for people when `true`.")
_NAMESPACE = {
    "name": "namespace",
    "in": "path",
    "required": True,
    "schema": _STRING,
    "description": "object name and auth scope, such as for teams and projects",
}


def group_version_path(group: str, version: str) -> str:
    """`api/v1` for the core group, `apis/GROUP/VERSION` for the others."""
    return f"apis/{group}/{version}" if group else f"api/{version}"


def openapi_v3_index(kinds: Iterable[KindInfo]) -> list[str]:
    """The group versions that have a document."""
    return list(dict.fromkeys(group_version_path(k.gvk.group, k.gvk.version) for k in kinds))


def openapi_v3_document(
    path: str,
    kinds: Sequence[KindInfo],
    definitions: DefinitionSource,
    descriptions: bytes,
    version: str,
) -> bytes:
    """The document of one built-in group version, JSON.

    Args:
        path: Such as `apis/apps/v1`.
        kinds: All kinds; those of the group version are picked.
        definitions: The condensed schemas.
        descriptions: JSON `{definition: [text, {property: text}]}`.
        version: For the document's `info`.

    Raises:
        NotFoundError: There is no such group version.
    """
    own = [k for k in kinds if group_version_path(k.gvk.group, k.gvk.version) == path]
    if not own:
        raise NotFoundError(f"there is no OpenAPI document for {path}")
    paths: dict[str, Any] = {}
    for kind in own:
        paths |= kind_paths(kind)
    roots = {kind.definition for kind in own} | {f"{kind.definition}List" for kind in own}
    roots |= {f"{_META}.{name}" for name in ("DeleteOptions", "Status", "Patch")}
    if any("scale" in kind.subresources for kind in own):
        roots.add("io.k8s.api.autoscaling.v1.Scale")
    if any("eviction" in kind.subresources for kind in own):
        roots.add("io.k8s.api.policy.v1.Eviction")
    texts = msgspec.json.decode(descriptions, type=dict[str, msgspec.Raw])
    return document(paths, _schemas(roots, definitions, texts), version)


def document(paths: Mapping[str, Any], schemas: Mapping[str, Any], version: str) -> bytes:
    """An OpenAPI v3 document of these paths and schemas, JSON."""
    return msgspec.json.encode(
        {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": version},
            "paths": dict(sorted(paths.items())),
            "components": {"schemas": dict(sorted(schemas.items()))},
        }
    )


def _schemas(
    roots: Iterable[str], definitions: DefinitionSource, texts: Mapping[str, msgspec.Raw]
) -> dict[str, Any]:
    """The definitions reachable from the roots, in full OpenAPI form."""
    found: dict[str, Any] = {}
    todo = [root for root in roots if root in texts]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        text, of_properties = msgspec.json.decode(texts[name])
        needed: set[str] = set()
        schema = _expanded(definitions.raw(name), needed)
        if text:
            schema["description"] = text
        for key, description in of_properties.items():
            schema["properties"][key]["description"] = description
        found[name] = schema
        todo.extend(needed)
    return found


def _expanded(raw: Mapping[str, Any], needed: set[str]) -> dict[str, Any]:
    """The condensed form turned back: references by path, unions spelled out."""
    out = {key: value for key, value in raw.items() if not key.startswith(("x-always", "x-omit"))}
    reference = out.pop("$ref", None)
    if reference is not None:
        needed.add(reference)
        pointer = {"$ref": f"{_REF}{reference}"}
        if not out:
            return pointer
        out["allOf"] = [pointer]
    match out.get("format"):
        case "quantity":
            del out["format"]
            out["oneOf"] = [{"type": "string"}, {"type": "number"}]
        case "int-or-string":
            out["oneOf"] = [{"type": "integer"}, {"type": "string"}]
    if "properties" in out:
        out["properties"] = {
            key: _described(_expanded(sub, needed)) for key, sub in out["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if key in out:
            out[key] = _expanded(out[key], needed)
    return out


def _described(schema: dict[str, Any]) -> dict[str, Any]:
    """A property needs room for its description beside a reference."""
    return {"allOf": [schema]} if "$ref" in schema else schema


# --- paths ---------------------------------------------------------------------------------------


def kind_paths(kind: KindInfo, *, strategic: bool = True) -> dict[str, Any]:
    """The paths of one kind with all its operations.

    Args:
        kind: What to describe.
        strategic: Whether strategic merge patches are accepted (not by custom resources).
    """
    base = f"/{group_version_path(kind.gvk.group, kind.gvk.version)}"
    scope = f"{base}/namespaces/{{namespace}}" if kind.namespaced else base
    found: dict[str, Any] = {}
    writer = _Operations(kind.gvk, kind.definition, strategic=strategic)
    collection = writer.collection(kind.verbs)
    if collection:
        found[f"{scope}/{kind.resource}"] = _path_item(collection, kind, named=False)
    if kind.namespaced and "list" in kind.verbs:
        found[f"{base}/{kind.resource}"] = {
            "get": collection["get"],
            "parameters": [*_LIST, _PRETTY],
        }
    if single := writer.single(kind.verbs):
        found[f"{scope}/{kind.resource}/{{name}}"] = _path_item(single, kind, named=True)
    for name, sub in kind.subresources.items():
        item = _subresource(kind, sub, strategic=strategic)
        path = f"{scope}/{kind.resource}/{{name}}/{name}"
        found[path] = _path_item(item, kind, named=True)
    return found


def _subresource(kind: KindInfo, sub: Subresource, *, strategic: bool) -> dict[str, Any]:
    definition = kind.definition
    if sub.gvk.kind == "Scale":
        definition = "io.k8s.api.autoscaling.v1.Scale"
    elif sub.gvk.kind == "Eviction":
        definition = "io.k8s.api.policy.v1.Eviction"
    writer = _Operations(sub.gvk, definition, strategic=strategic)
    operations = writer.single(sub.verbs)
    if "create" in sub.verbs:
        operations["post"] = writer.post()
    return operations


def _path_item(operations: dict[str, Any], kind: KindInfo, *, named: bool) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = []
    if named:
        parameters.append(
            {
                "name": "name",
                "in": "path",
                "required": True,
                "schema": _STRING,
                "description": f"name of the {kind.gvk.kind}",
            }
        )
    if kind.namespaced:
        parameters.append(_NAMESPACE)
    return {**operations, "parameters": [*parameters, _PRETTY]}


class _Operations:
    """Writes the operations of one kind."""

    def __init__(self, gvk: GroupVersionKind, definition: str, *, strategic: bool) -> None:
        self._gvk = gvk
        self._definition = definition
        self._patch_types = (*_PATCH_TYPES, _STRATEGIC) if strategic else _PATCH_TYPES

    def collection(self, verbs: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if "list" in verbs:
            answer = f"{self._definition}List"
            found["get"] = self._operation("list", answer, parameters=_LIST)
        if "create" in verbs:
            found["post"] = self.post()
        if "deletecollection" in verbs:
            parameters = [*_DELETE, *_LIST]
            found["delete"] = self._operation(
                "deletecollection", f"{_META}.Status", parameters=parameters
            )
        return found

    def single(self, verbs: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if "get" in verbs:
            found["get"] = self._operation("get", self._definition)
        if "update" in verbs:
            body = _content(self._definition, _BODY_TYPES)
            found["put"] = self._operation("put", self._definition, parameters=_WRITE, body=body)
        if "patch" in verbs:
            body = _content(f"{_META}.Patch", self._patch_types)
            parameters = [*_WRITE, _FORCE]
            found["patch"] = self._operation(
                "patch", self._definition, parameters=parameters, body=body
            )
        if "delete" in verbs:
            body = _content(f"{_META}.DeleteOptions", ("*/*",))
            found["delete"] = self._operation(
                "delete", f"{_META}.Status", parameters=_DELETE, body=body
            )
        return found

    def post(self) -> dict[str, Any]:
        body = _content(self._definition, _BODY_TYPES)
        return self._operation("post", self._definition, parameters=_WRITE, body=body)

    def _operation(
        self,
        action: str,
        answer: str,
        *,
        parameters: Sequence[Mapping[str, Any]] = (),
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        operation: dict[str, Any] = {
            "responses": {
                "200": {"description": "OK", **_content(answer, _BODY_TYPES)},
                "401": {"description": "Unauthorized"},
            },
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": self._gvk._asdict(),
        }
        if parameters:
            operation["parameters"] = list(parameters)
        if body:
            operation["requestBody"] = body
        return operation


def _content(definition: str, media_types: Iterable[str]) -> dict[str, Any]:
    schema = {"schema": {"$ref": f"{_REF}{definition}"}}
    return {"content": dict.fromkeys(media_types, schema)}


def custom_document(
    kinds: Sequence[KindInfo],
    definitions: DefinitionSource,
    descriptions: bytes,
    version: str,
) -> bytes:
    """The document of one group version of custom resources, JSON.

    Args:
        kinds: The custom kinds of that group version.
        definitions: The built-in schemas, for metadata.
        descriptions: Their texts.
        version: For the document's `info`.
    """
    texts = msgspec.json.decode(descriptions, type=dict[str, msgspec.Raw])
    shared = ("ObjectMeta", "ListMeta", "DeleteOptions", "Status", "Patch")
    schemas = _schemas((f"{_META}.{name}" for name in shared), definitions, texts)
    paths: dict[str, Any] = {}
    for kind in kinds:
        paths |= kind_paths(kind, strategic=False)
        if "scale" in kind.subresources:
            schemas |= _schemas(["io.k8s.api.autoscaling.v1.Scale"], definitions, texts)
        schema = _expanded(kind.schema.raw, set())
        gvk = kind.gvk._asdict()
        schemas[kind.definition] = {**schema, "x-kubernetes-group-version-kind": [gvk]}
        schemas[f"{kind.definition}List"] = _list_schema(kind)
    return document(paths, schemas, version)


def _list_schema(kind: KindInfo) -> dict[str, Any]:
    items = {"type": "array", "items": {"$ref": f"{_REF}{kind.definition}"}}
    return {
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"$ref": f"{_REF}{_META}.ListMeta"},
            "items": items,
        },
        "x-kubernetes-group-version-kind": [{**kind.gvk._asdict(), "kind": f"{kind.gvk.kind}List"}],
    }
