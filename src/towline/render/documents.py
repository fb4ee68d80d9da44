"""From the text of a manifest file to objects, with errors that name file, line and field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from towline.argo.manifest import Manifest
from towline.errors import InputError
from towline.text.yaml import Document, Limits, load_documents

MANIFEST_LIMITS: Final = Limits(unique_keys=False)
_LOOKS_LIKE: Final = ("apiVersion:", "kind:", "metadata:")

UNREADABLE: Final = "Failed to unmarshal "
"""How errors about what is no YAML or JSON begin."""


def manifests_of_yaml(text: str, file: str, path: str, *, strict: bool = False) -> list[Manifest]:
    """All objects of a YAML file; a file that is not about Kubernetes has none.

    Args:
        text: Its content.
        file: Its path as errors of the whole render name it: within the application's folder.
        path: Its path within the repository.
        strict: Whether text that is not about Kubernetes is an error.

    Raises:
        InputError: A broken manifest.
    """
    found: list[Manifest] = []
    try:
        for document in load_documents(text, file=file, limits=MANIFEST_LIMITS):
            found.extend(_manifests(document, file, path))
    except InputError as error:
        if strict or found or all(word in text for word in _LOOKS_LIKE):
            raise unreadable(file, error) from error
        return []
    return found


def manifests_of_json(text: str, file: str, path: str) -> list[Manifest]:
    """The object, or the objects of the List, of a JSON file.

    Args:
        text: Its content.
        file: Its path as errors of the whole render name it: within the application's folder.
        path: Its path within the repository.

    Raises:
        InputError: A broken manifest.
    """
    try:
        value = orjson.loads(text)
        return list(_manifests(Document(value, 1), file, path))
    except orjson.JSONDecodeError as error:
        problem = InputError(error.msg, file=file, line=error.lineno, column=error.colno)
        raise unreadable(file, problem) from error
    except InputError as error:
        raise unreadable(file, error) from error


def unreadable(file: str, error: InputError) -> InputError:
    """The error as it appears in a condition, in Argo CD's words where it is about the syntax."""
    place = f"line {error.line}: " if error.line else ""
    kind = "json" if file.endswith(".json") else "yaml"
    if kind == "yaml" and not error.field:
        kind = f"failed to unmarshal manifest: error converting YAML to JSON: {kind}"
    field = f"{error.field}: " if error.field and not error.message.startswith("key ") else ""
    return InputError(
        f'{UNREADABLE}"{file}": {kind}: {place}{field}{error.message}',
        file="",
        field="",
        hint=error.hint,
    )


def _manifests(document: Document, file: str, path: str) -> Iterator[Manifest]:
    value = document.value
    if value is None:
        return
    if not isinstance(value, dict):
        raise InputError("a manifest must be a mapping", file=file, line=document.line)
    problem = _problem(value)
    if problem is not None:
        field, message = problem
        raise InputError(message, file=file, line=document.line, field=field)
    items = value.get("items")
    if str(value["kind"]).endswith("List") and isinstance(items, list):
        for item in items:
            yield from _manifests(Document(item, document.line), file, path)
        return
    problem = _metadata_problem(value.get("metadata"))
    if problem is not None:
        field, message = problem
        name = f"{value['kind']}: {message}"
        raise InputError(name, file=file, line=document.line, field=field)
    yield Manifest(value, path, document.line)


def _problem(value: dict[str, Any]) -> tuple[str, str] | None:
    for field in ("apiVersion", "kind"):
        if not isinstance(value.get(field), str) or not value[field]:
            given = "missing" if value.get(field) is None else "not a text"
            return field, f"Object '{field[0].upper()}{field[1:]}' is {given}"
    return None


def _metadata_problem(meta: Any) -> tuple[str, str] | None:
    if not isinstance(meta, dict):
        return "metadata", "metadata is missing" if meta is None else "metadata is not a mapping"
    for field in ("name", "generateName", "namespace"):
        if not isinstance(meta.get(field, ""), str | None):
            return f"metadata.{field}", f"{meta[field]!r} is not a text; put it in quotes"
    if not meta.get("name") and not meta.get("generateName"):
        return "metadata.name", "an object needs a name"
    for field in ("labels", "annotations"):
        values = meta.get(field) or {}
        if not isinstance(values, dict):
            return f"metadata.{field}", "not a mapping"
        for key, value in values.items():
            if not isinstance(value, str | None):
                return f"metadata.{field}.{key}", f"{value!r} is not a text; put it in quotes"
    return None
