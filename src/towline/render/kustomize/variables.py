"""Variables of the deprecated `vars` field: `$(NAME)` in the fields that may hold them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from towline.errors import InputError
from towline.render.kustomize.fieldpaths import MISSING, dotted, lookup, with_indexes
from towline.render.kustomize.fieldspecs import FieldSpec, edited
from towline.render.kustomize.ids import Gvk, ResId, split_api_version
from towline.render.kustomize.model import Variable
from towline.render.kustomize.resmap import ResMap
from towline.render.kustomize.values import (
    Shared,
    Spelled,
    Value,
    finished,
    is_null,
    text_of,
)
from towline.text.goyaml import dump_json

_NAME = "metadata.name"


def mark_sources(resources: ResMap, variables: Sequence[Variable]) -> None:
    """Notes at each resource the variables that take their value from it.

    Raises:
        InputError: A variable could come from several resources.
    """
    for variable in variables:
        wanted = _wanted(variable)
        exact = bool(wanted.namespace)
        found = resources.by_any_id(
            lambda each, wanted=wanted, exact=exact: (  # type: ignore[misc]
                each.key == wanted.key
                if exact
                else (each.gvk, each.name) == (wanted.gvk, wanted.name)
            )
        )
        if len(found) > 1:
            raise InputError(
                f"found {len(found)} resId matches for var {_shown(variable)} "
                "(unable to disambiguate)"
            )
        for resource in found:
            resource.variables = (*resource.variables, variable.name)


def merged_variables(
    known: Mapping[str, Variable], incoming: Sequence[Variable]
) -> dict[str, Variable]:
    """All variables by name.

    Raises:
        InputError: A name is taken.
    """
    result = dict(known)
    for variable in incoming:
        if variable.name in result:
            raise InputError(f"var '{variable.name}' already encountered")
        result[variable.name] = variable
    return result


def resolve_variables(
    resources: ResMap, variables: Mapping[str, Variable], specs: Sequence[FieldSpec]
) -> None:
    """Puts the values of variables in.

    Raises:
        InputError: A variable has no resource or field.
    """
    values = {name: _value_of(resources, variables[name]) for name in sorted(variables)}
    if not values:
        return
    edit = _editor(values)
    for resource in resources:
        value = resource.value
        for spec in specs:
            value = edited(value, resource.gvk, spec, edit, who=resource.id)
        if value is not resource.value:
            resource.value = _with_shared(value, values)


def _with_shared(value: Value, values: Mapping[str, Value]) -> Value:
    """Fields that share a node with an expanded one are expanded with it."""
    if isinstance(value, dict):
        return {key: _with_shared(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_shared(item, values) for item in value]
    return expanded(value, values) if isinstance(value, Shared) else value


def _wanted(variable: Variable) -> ResId:
    reference = variable.objref
    gvk = Gvk(reference.group, reference.version, reference.kind)
    if reference.api_version:
        group, version = split_api_version(reference.api_version)
        gvk = Gvk(group or reference.group, version, reference.kind)
    return ResId(gvk, reference.name, reference.namespace)


def _value_of(resources: ResMap, variable: Variable) -> Value:
    for resource in resources:
        if variable.name in resource.variables:
            path = variable.fieldref.field_path or _NAME
            found = lookup(resource.value, with_indexes(dotted(path)))
            if found is MISSING:
                raise InputError(
                    f"field specified in var '{_shown(variable)}' not found in corresponding "
                    "resource"
                )
            return found
    raise InputError(
        f"var '{_shown(variable)}' cannot be mapped to a field in the set of known resources"
    )


def _shown(variable: Variable) -> str:
    reference = variable.objref
    gvk = _wanted(variable).gvk
    path = variable.fieldref.field_path or _NAME
    names = f"{reference.name} {reference.namespace}".rstrip()
    return f"{{{variable.name} {{{reference.api_version} {gvk} {names}}} {{{path}}}}}"


def _editor(values: Mapping[str, Value]) -> Callable[[Value], Value]:
    def text(value: Value) -> Value:
        return expanded(value, values) if isinstance(value, str) else value

    def edit(value: Value) -> Value:
        if is_null(value):
            return value
        if isinstance(value, dict):
            return {key: text(item) for key, item in value.items()}
        if isinstance(value, list):
            if not all(isinstance(item, str) for item in value):
                raise InputError("invalid value type expect a string")
            return [text(item) for item in value]
        return text(value)

    return edit


def expanded(text: str, values: Mapping[str, Value]) -> Value:
    """A text with its variables expanded; a text that is one variable has its value's type."""
    if "$" not in text:
        return text
    parts: list[str] = []
    start = cursor = 0
    while cursor < len(text):
        if text[cursor] != "$" or cursor + 1 >= len(text):
            cursor += 1
            continue
        parts.append(text[start:cursor])
        name, is_variable, used = _name_at(text[cursor + 1 :])
        if not is_variable:
            parts.append(name)
        else:
            value = _primitive(values.get(name, MISSING), name)
            if text == f"$({name})":
                return value
            parts.append(_printed(value))
        cursor += used + 1
        start = cursor
    return "".join(parts) + text[start:]


def _name_at(rest: str) -> tuple[str, bool, int]:
    if rest[0] == "$":
        return "$", False, 1
    if rest[0] == "(":
        end = rest.find(")")
        return (rest[1:end], True, end + 1) if end > 0 else ("$(", False, 1)
    return f"${rest[0]}", False, 1


def _primitive(value: Value, name: str) -> Value:
    if isinstance(value, Spelled):
        value = value.text if is_null(value) or isinstance(value.value, str) else value.value
    if value is None:
        return "null"
    return value if isinstance(value, str | int | float) else f"$({name})"


def _printed(value: Any) -> str:
    return dump_json(finished(value)) if isinstance(value, float) else text_of(value)
