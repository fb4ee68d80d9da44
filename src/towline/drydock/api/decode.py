"""Request bodies to objects: JSON, YAML and the protobuf of typed clients. Bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson
import yaml

from towline.drydock.refusals import bad_request
from towline.kube.protobuf import decode as decode_protobuf
from towline.kube.status import ApiError

JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
MAX_DEPTH = 200
MAX_NODES = 500_000


class _Loader(yaml.CSafeLoader):
    """YAML 1.1 as Kubernetes reads it: dates stay text, and `y` and `n` are booleans."""

    bool_values = {**yaml.CSafeLoader.bool_values, "y": True, "n": False}  # noqa: RUF012  # as there


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^[yYnN]$"), list("yYnN"))


def media_type(content_type: str) -> str:
    """The media type without parameters; JSON when nothing is said."""
    return content_type.partition(";")[0].strip().lower() or JSON


def decode(body: bytes, content_type: str) -> Any:
    """Decodes a body.

    Raises:
        ApiError: BadRequest or UnsupportedMediaType.
    """
    match media_type(content_type):
        case "application/json":
            return from_json(body)
        case "application/yaml":
            return from_yaml(body)
        case "application/vnd.kubernetes.protobuf":
            return decode_protobuf(body)
        case _:
            raise ApiError(
                "the body of the request was in an unknown format - accepted media types include:"
                f" {JSON}, {YAML}, {PROTOBUF}",
                reason="UnsupportedMediaType",
            )


def from_json(body: bytes, failed: str = "couldn't get version/kind; json parse error") -> Any:
    """Decodes JSON.

    Args:
        body: The text.
        failed: How the message begins when it is not JSON.

    Raises:
        ApiError: BadRequest, it is not JSON or nested too deeply.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_request(f"{failed}: {error}") from error
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        _check_size(value)
    return value


def from_yaml(body: bytes) -> Any:
    """Decodes YAML, or JSON, which is YAML as well.

    Raises:
        ApiError: BadRequest, it is neither or too large once its aliases are followed.
    """
    if body[:1] == b"{":
        try:
            return from_json(body)
        except ApiError:
            # A flow mapping of YAML looks like JSON but need not be.
            pass
    try:
        value = yaml.load(body, _Loader)  # noqa: S506  # derived from the safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise bad_request(f"error decoding YAML: {error}") from error
    _check_size(value)
    try:
        return orjson.loads(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))
    except (orjson.JSONEncodeError, TypeError) as error:
        raise bad_request(f"error decoding YAML: {error}") from error


def _check_size(value: Any) -> None:
    """Refuses what is nested too deeply or, through aliases, larger than it looks."""
    seen = 0
    stack: list[tuple[Any, int]] = [(value, 0)]
    while stack:
        node, depth = stack.pop()
        seen += 1
        if depth > MAX_DEPTH:
            raise bad_request(f"the object is nested more than {MAX_DEPTH} levels deep")
        if seen > MAX_NODES:
            raise bad_request(f"the object has more than {MAX_NODES} values")
        stack.extend((child, depth + 1) for child in _children(node))


def _children(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        yield from node.values()
    elif isinstance(node, list):
        yield from node
