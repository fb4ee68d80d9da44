"""Patches: strategic merge and JSON 6902, by file or inline, on one resource or on a selection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from towline.errors import InputError
from towline.kube.patch import apply_json_patch
from towline.kube.status import ApiError
from towline.render.kustomize.decode import read_yaml
from towline.render.kustomize.labelling import Transformer
from towline.render.kustomize.merge import strategic_merge
from towline.render.kustomize.model import Patch, Selector
from towline.render.kustomize.patterns import SelectorPattern
from towline.render.kustomize.resmap import ResMap
from towline.render.kustomize.resource import Resource
from towline.render.kustomize.values import finished

_EXACT: Final = 2**53
Read = Callable[[bytes], list[Resource]]
Load = Callable[[str], bytes]


def pattern_of(selector: Selector) -> SelectorPattern:
    """The selector's fields as patterns.

    Raises:
        InputError: One is malformed.
    """
    return SelectorPattern(selector.gvk, selector.name, selector.namespace)


def selected(resources: ResMap, selector: Selector) -> list[Resource]:
    """The resources that a selector selects.

    Raises:
        InputError: It is malformed.
    """
    return resources.select(
        pattern_of(selector), selector.label_selector, selector.annotation_selector
    )


def apply_patch(resource: Resource, patch: Resource) -> None:
    """Merges a patch over a resource; its name, kind and namespace stay unless the patch may.

    Raises:
        InputError: The two do not fit.
    """
    name, namespace, kind = resource.name, resource.namespace, resource.value.get("kind")
    if patch.allow_name_change or patch.allow_kind_change:
        resource.remember()
    merged = strategic_merge(patch.value, resource.value, resource.schemas)
    if not merged:
        resource.value = {}
        return
    resource.special |= patch.special
    if not patch.allow_kind_change and merged.get("kind") != kind:
        merged = {**merged, "kind": kind}
    resource.value = merged
    if not patch.allow_name_change and resource.name != name:
        resource.set_metadata("name", name)
    if resource.namespace != namespace:
        resource.set_metadata("namespace", namespace)


def strategic_patches(patches: Sequence[Resource]) -> Transformer:
    """Patches of the field `patchesStrategicMerge`: each has the identity of its target."""

    def transform(resources: ResMap) -> None:
        for patch in patches:
            target = resources.named(patch.original_id)
            _apply_to_all(resources, [target], patch)

    return transform


def any_patch(patch: Patch, load: Load, read: Read) -> Transformer:
    """A patch of the field `patches`, of either sort.

    Raises:
        InputError: It is neither, or both, or is missing.
    """
    text, source = _text_and_source(patch, load)
    merges, merge_error = _try(lambda: read(text))
    operations, json_error = _try(lambda: json_operations(text.decode(), source))
    if merges and operations:
        raise InputError(f"illegally qualifies as both an SM and JSON patch: {source}")
    if merge_error and json_error:
        raise InputError(
            f"unable to parse SM or JSON patch from {source}", hint=merge_error.message
        )
    if merge_error is None:
        for each in merges or ():
            if patch.options is not None:
                each.allow_name_change |= patch.options.allow_name_change
                each.allow_kind_change |= patch.options.allow_kind_change
        return _merging(merges or [], patch.target, source)
    return _operating(operations or [], patch.target, source)


def json_patch(target: Selector | None, path: str, text: str, load: Load) -> Transformer:
    """A patch of the field `patchesJson6902`.

    Raises:
        InputError: It is incomplete or malformed.
    """
    if target is None or not target.name:
        raise InputError("must specify the target name", field="target.name")
    if not path and not text:
        raise InputError("empty file path and empty jsonOp")
    if path and text:
        raise InputError("must specify a file path or jsonOp, not both")
    if path:
        text = load(path).decode("utf-8", "replace")
        if not text:
            raise InputError(f"patch file '{path}' empty seems to be empty", file=path)
    operations = json_operations(text, path)
    if not operations:
        raise InputError(f"patch appears to be empty; file={path}, JsonOp={text}")
    return _operating(operations, target, path, remember=False)


def json_operations(text: str, source: str) -> list[Any]:
    """The operations of a JSON patch, written as JSON or YAML.

    Raises:
        InputError: It is no list of operations.
    """
    if not text:
        raise InputError("empty json patch operations")
    if text.startswith("["):
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            value = _relaxed_json(text, error)
    else:
        value = read_yaml(text, source)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise InputError("json: cannot unmarshal the patch into a list of operations")
    return value


def _relaxed_json(text: str, error: orjson.JSONDecodeError) -> Any:
    raise InputError(f"invalid JSON patch: {error.msg}", line=error.lineno) from error


def _text_and_source(patch: Patch, load: Load) -> tuple[bytes, str]:
    text = patch.patch.strip()
    if not text and not patch.path:
        raise InputError("must specify one of patch and path", field="patches")
    if text and patch.path:
        raise InputError("patch and path can't be set at the same time", field="patches")
    if text:
        return text.encode(), f"[patch: {orjson.dumps(text).decode()}]"
    try:
        return load(patch.path), f'[path: "{patch.path}"]'
    except InputError as error:
        raise InputError(
            f"failed to get the patch file from path({patch.path}): {error.message}"
        ) from error


def _try(read: Callable[[], list[Any]]) -> tuple[list[Any] | None, InputError | None]:
    try:
        return read(), None
    except InputError as error:
        return None, error


def _merging(patches: list[Resource], target: Selector | None, source: str) -> Transformer:
    def transform(resources: ResMap) -> None:
        if not patches:
            return
        if target is None:
            for patch in patches:
                _apply_by_identity(resources, patch)
            return
        if len(patches) > 1:
            raise InputError(
                "Multiple Strategic-Merge Patches in one `patches` entry is not allowed to set "
                f"`patches.target` field: {source}"
            )
        _apply_to_all(resources, selected(resources, target), patches[0])

    return transform


def _apply_by_identity(resources: ResMap, patch: Resource) -> None:
    try:
        found = resources.named(patch.original_id)
    except InputError as error:
        raise InputError(
            f'no resource matches strategic merge patch "{patch.original_id}": {error.message}'
        ) from error
    apply_patch(found, patch)


def _apply_to_all(resources: ResMap, targets: Sequence[Resource], patch: Resource) -> None:
    """Applies a patch to the targets, whatever their kind and name, and drops what it deletes."""
    chosen = {target.id.key for target in targets}
    if not chosen:
        return
    for resource in resources:
        if resource.id.key not in chosen:
            continue
        fitted = patch.copy()
        for field in ("labels", "annotations"):
            if fitted.metadata_map(field):
                fitted.set_metadata(field, fitted.metadata_map(field))
        fitted.value = {**fitted.value, "apiVersion": resource.value.get("apiVersion", "")}
        apply_patch(resource, fitted)
    remaining = [each for each in resources if not each.deleted]
    resources.resources = []
    resources.extend(remaining)


def _operating(
    operations: list[Any], target: Selector | None, source: str, *, remember: bool = True
) -> Transformer:
    def transform(resources: ResMap) -> None:
        if not operations:
            return
        if target is None:
            raise InputError(f"must specify a target for JSON patch {source}")
        for resource in selected(resources, target):
            if remember:
                resource.remember()
            _operate(resource, operations)

    return transform


def _doubles(value: Any) -> Any:
    """The value with large integers as the original has them after a JSON patch: doubles."""
    if isinstance(value, dict):
        return {key: _doubles(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_doubles(item) for item in value]
    return int(float(value)) if type(value) is int and abs(value) > _EXACT else value


def _failed(operation: dict[str, Any], error: ApiError) -> str:
    """What the original says of an operation that does not fit."""
    detail = str(error).partition("our request: ")[2] or str(error)
    kind, path = operation.get("op"), operation.get("path")
    if "missing path" not in detail:
        return f"{detail}: test failed" if kind == "test" else detail
    if kind == "remove":
        name = str(path).rpartition("/")[2]
        return (
            f"error in remove for path: '{path}': Unable to remove nonexistent key: {name}: "
            "missing value"
        )
    shown = path if kind == "replace" else f'"{path}"'
    return f"{kind} operation does not apply: doc is missing path: {shown}: missing value"


def _lenient(operation: dict[str, Any], document: Any) -> dict[str, Any]:
    """The original's `replace` sets a field of a mapping that is not there yet."""
    path = operation.get("path")
    if operation.get("op") != "replace" or not isinstance(path, str):
        return operation
    tokens = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    if not tokens:
        return operation
    *parents, last = tokens
    for part in parents:
        if isinstance(document, list) and part.isdecimal() and int(part) < len(document):
            document = document[int(part)]
        elif isinstance(document, dict) and part in document:
            document = document[part]
        else:
            return operation
    missing = isinstance(document, dict) and last not in document
    return {**operation, "op": "add"} if missing else operation


def _operate(resource: Resource, operations: list[Any]) -> None:
    value = finished(resource.value)
    if resource.previous or resource.prefixes or resource.suffixes or resource.needs_hash:
        # The original keeps its notes in annotations, so the mapping is there to be patched.
        metadata = dict(value.get("metadata") or {})
        metadata.setdefault("annotations", {})
        value = {**value, "metadata": metadata}
    patched: Any = value
    for operation in operations:
        try:
            patched = apply_json_patch(patched, [_lenient(operation, patched)])
        except ApiError as error:
            raise InputError(_failed(operation, error), field=str(resource.id)) from error
    if not isinstance(patched, dict):
        raise InputError(f"a JSON patch made {resource.id} something other than a mapping")
    noted = patched.get("metadata")
    if isinstance(noted, dict) and noted.get("annotations") == {}:
        patched = {**patched, "metadata": {k: v for k, v in noted.items() if k != "annotations"}}
    resource.special = False
    resource.value = _doubles(patched)
