"""JSON Patch (RFC 6902), pure: a new document that shares unchanged parts with the old one."""

from __future__ import annotations

from typing import Any

from towline.kube.patch.equality import same
from towline.kube.status import ApiError

MAX_OPERATIONS = 10_000


def _rejected(detail: str) -> ApiError:
    return ApiError(
        f"the server rejected our request due to an error in our request: {detail}",
        reason="Invalid",
    )


def _tokens(pointer: Any) -> list[str]:
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise _rejected(f"invalid JSON pointer {pointer!r}")
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _index(token: str, length: int, *, end: bool) -> int:
    if end and token == "-":  # noqa: S105  # the pointer's name for the end of a list
        return length
    digits = token.removeprefix("-")
    if not digits.isdecimal() or len(digits) > 9:
        raise _rejected(f"invalid array index {token!r}")
    index = int(token) + (length if token.startswith("-") else 0)
    if index < 0 or index >= length + int(end):
        raise _rejected(f"array index {token} out of bounds")
    return index


def _lookup(doc: Any, tokens: list[str]) -> Any:
    for token in tokens:
        if isinstance(doc, dict):
            if token not in doc:
                raise _rejected(f"missing path {'/'.join(tokens)!r}")
            doc = doc[token]
        elif isinstance(doc, list):
            doc = doc[_index(token, len(doc), end=False)]
        else:
            raise _rejected(f"missing path {'/'.join(tokens)!r}")
    return doc


def _edit(doc: Any, tokens: list[str], operation: str, value: Any) -> Any:
    """Copies the containers along the path only."""
    if not tokens:
        if operation == "remove":
            raise _rejected("cannot remove the whole document")
        return value
    if isinstance(doc, dict):
        return _edit_map(doc, tokens, operation, value)
    if isinstance(doc, list):
        return _edit_list(doc, tokens, operation, value)
    raise _rejected(f"path element {tokens[0]!r} is inside a value that is no container")


def _edit_map(doc: dict[str, Any], tokens: list[str], operation: str, value: Any) -> Any:
    token, rest = tokens[0], tokens[1:]
    if token not in doc and (rest or operation != "add"):
        raise _rejected(f"missing path {token!r}")
    copy = dict(doc)
    if rest:
        copy[token] = _edit(doc[token], rest, operation, value)
    elif operation == "remove":
        del copy[token]
    else:
        copy[token] = value
    return copy


def _edit_list(doc: list[Any], tokens: list[str], operation: str, value: Any) -> Any:
    rest = tokens[1:]
    index = _index(tokens[0], len(doc), end=not rest and operation == "add")
    copy = list(doc)
    if rest:
        copy[index] = _edit(doc[index], rest, operation, value)
    elif operation == "add":
        copy.insert(index, value)
    elif operation == "remove":
        del copy[index]
    else:
        copy[index] = value
    return copy


def apply_json_patch(doc: Any, operations: Any) -> Any:
    """The document after all operations; the input stays as it is.

    Args:
        doc: Any JSON value.
        operations: The decoded patch, a list of operation objects.

    Raises:
        ApiError: Invalid when a path is missing or a `test` fails, BadRequest when the patch is
            no list of operations, RequestEntityTooLarge for more than 10,000 operations.
    """
    if not isinstance(operations, list):
        raise ApiError("json: cannot unmarshal patch into a list", reason="BadRequest")
    if len(operations) > MAX_OPERATIONS:
        text = f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got "
        raise ApiError(f"{text}{len(operations)}", reason="RequestEntityTooLarge")
    for operation in operations:
        if not isinstance(operation, dict):
            raise ApiError("json: an operation must be an object", reason="BadRequest")
        doc = _apply_one(doc, operation)
    return doc


def _apply_one(doc: Any, operation: dict[str, Any]) -> Any:
    path = _tokens(operation.get("path"))
    match operation.get("op"):
        case "add" | "replace" as name:
            if "value" not in operation:
                raise _rejected(f"operation {name} misses its value")
            return _edit(doc, path, name, operation["value"])
        case "remove":
            return _edit(doc, path, "remove", None)
        case "test":
            missing = operation.get("value") is None
            try:
                found = _lookup(doc, path)
            except ApiError:
                if missing:
                    return doc
                raise
            if not same(found, operation.get("value")):
                raise _rejected(f"testing value {operation.get('path')} failed")
            return doc
        case "copy":
            return _edit(doc, path, "add", _lookup(doc, _tokens(operation.get("from"))))
        case "move":
            origin = _tokens(operation.get("from"))
            value = _lookup(doc, origin)
            if path[: len(origin)] == origin and len(path) > len(origin):
                raise _rejected("cannot move a value into itself")
            if path == origin:
                return doc
            return _edit(_edit(doc, origin, "remove", None), path, "add", value)
        case other:
            raise _rejected(f"unknown operation {other!r}")
