"""The ValueAddTransformer: sets a value in fields, or inserts it into paths that they hold."""

from __future__ import annotations

from collections.abc import Sequence

from towline.errors import InputError
from towline.render.kustomize.fieldspecs import Edit, require_scalar, split_path
from towline.render.kustomize.labelling import Transformer
from towline.render.kustomize.model import Record, Selector
from towline.render.kustomize.naming import move
from towline.render.kustomize.patching import selected
from towline.render.kustomize.resmap import ResMap
from towline.render.kustomize.values import Value, is_null, respelled, text_of


class AddTarget(Record, frozen=True):
    """Fields of some resources.

    Attributes:
        selector: Which resources; all if absent.
        field_path: Field names joined by `/`.
        file_path_position: Where in a path the value goes, from 1; 0 replaces the text.
    """

    selector: Selector | None = None
    field_path: str = ""
    file_path_position: int = 0


def add_value(value: str, targets: Sequence[AddTarget]) -> Transformer:
    """Sets the value in all targets.

    Raises:
        InputError: A target is incomplete.
    """
    if not targets:
        raise InputError("must specify at least one target", field="targets")
    for target in targets:
        if not target.field_path:
            raise InputError("fieldPath cannot be empty", field="fieldPath")
        if target.file_path_position < 0:
            raise InputError(
                f"value of FilePathPosition ({target.file_path_position}) cannot be negative"
            )

    def transform(resources: ResMap) -> None:
        for target in targets:
            chosen = selected(resources, target.selector) if target.selector else list(resources)
            for resource in chosen:
                if target.field_path == "metadata/namespace":
                    move(resource, value, ())
                else:
                    parts = split_path(target.field_path, "/")
                    resource.value = _set(resource.value, parts, _edit(value, target))

    return transform


def _edit(new: str, target: AddTarget) -> Edit:
    def edit(value: Value) -> Value:
        require_scalar(value)
        text = new
        if target.file_path_position > 0:
            old = "" if is_null(value) else text_of(value)
            text = _inserted(old, target.file_path_position - 1, new)
        return respelled(value, text)

    return edit


def _set(value: Value, parts: tuple[str, ...], edit: Edit) -> Value:
    if not parts:
        return edit(value)
    if is_null(value):
        value = {}
    if isinstance(value, list) and parts[0].isdecimal():
        index = int(parts[0])
        if index >= len(value):
            return value
        return [*value[:index], _set(value[index], parts[1:], edit), *value[index + 1 :]]
    if not isinstance(value, dict):
        raise InputError("wrong node kind: expected MappingNode but got another")
    missing: Value = "" if len(parts) == 1 else {}
    return {**value, parts[0]: _set(value.get(parts[0], missing), parts[1:], edit)}


def _inserted(path: str, position: int, part: str) -> str:
    if not part:
        return path
    absolute = path.startswith("/")
    parts = [each for each in path.split("/") if each]
    parts.insert(min(position, len(parts)), part)
    return ("/" if absolute else "") + "/".join(parts)
