"""JSON patches as the API server reads them: RFC 6902 with leniencies that clients rely on. Pure.

Measured on kube-apiserver: `replace` and the source of `copy` may name a field of a mapping that is
not there, a value that is not given is null, and what stands before the first slash of a path does
not count. Why a patch does not fit is not told.
"""

from __future__ import annotations

from typing import Any

from towline.drydock.refusals import bad_request
from towline.kube.patch.jsonpatch import MAX_OPERATIONS, apply_json_patch
from towline.kube.status import ApiError

_GO_TYPES = {str: "string", bool: "bool", int: "number", float: "number", list: "array"}


def check_json_patch(patch: Any) -> list[dict[str, Any]]:
    """The operations of a decoded patch.

    Raises:
        ApiError: BadRequest or RequestEntityTooLarge, it is no patch.
    """
    if patch is None:
        return []
    if not isinstance(patch, list):
        raise _undecodable(patch, "[]handlers.jsonPatchOp")
    if len(patch) > MAX_OPERATIONS:
        raise ApiError(
            f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(patch)}",
            reason="RequestEntityTooLarge",
        )
    for operation in patch:
        if operation is not None and not isinstance(operation, dict):
            raise _undecodable(operation, "handlers.jsonPatchOp")
    return [operation or {} for operation in patch]


def _undecodable(value: Any, wanted: str) -> ApiError:
    shown = _GO_TYPES.get(type(value), "object")
    text = f"json: cannot unmarshal {shown} into Go value of type {wanted}"
    return bad_request(f"error decoding patch: {text}")


def apply_leniently(obj: Any, operations: list[dict[str, Any]]) -> Any:
    """The object after all operations.

    Raises:
        ApiError: Invalid, an operation does not fit or a `test` failed.
    """
    try:
        for operation in operations:
            obj = apply_json_patch(obj, [_as_read(operation, obj)])
    except ApiError as error:
        if error.reason != "Invalid":
            raise
        text = "the server rejected our request due to an error in our request"
        raise ApiError(text, reason="Invalid", details={}) from error
    return obj


def _as_read(operation: dict[str, Any], obj: Any) -> dict[str, Any]:
    read = dict(operation)
    for name in ("path", "from"):
        pointer = read.get(name)
        if isinstance(pointer, str) and "/" in pointer:
            read[name] = "/" + pointer.partition("/")[2]
    match read.get("op"):
        case "add" | "replace" as name:
            read.setdefault("value", None)
            if name == "replace" and _lacks(obj, read.get("path")):
                read["op"] = "add"
        case "copy" if _lacks(obj, read.get("from")):
            return {"op": "add", "path": read.get("path"), "value": None}
    return read


def _lacks(obj: Any, pointer: Any) -> bool:
    """Whether a path ends at a field that a mapping does not have."""
    if not isinstance(pointer, str) or not pointer:
        return False
    *parents, last = [t.replace("~1", "/").replace("~0", "~") for t in pointer.split("/")[1:]]
    for token in parents:
        if isinstance(obj, list) and token.isdecimal() and len(token) < 10:
            obj = obj[int(token)] if int(token) < len(obj) else None
        else:
            obj = obj.get(token) if isinstance(obj, dict) else None
    return isinstance(obj, dict) and last not in obj
