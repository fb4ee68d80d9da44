"""Parameters of a run: defaults filled in, values checked. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from towline.errors import InputError
from towline.pipeline.model import Parameter, PipelineSpec


def complete(
    spec: PipelineSpec, given: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The values of every declared parameter, and the names that are not declared.

    Raises:
        InputError: A value is not allowed; names the parameter.
    """
    declared = {parameter.name: parameter for parameter in spec.parameters}
    values = {name: _text(parameter.initial) for name, parameter in declared.items()}
    for name, value in given.items():
        if name in declared:
            _check(declared[name], value)
            values[name] = value
    return values, tuple(name for name in given if name not in declared)


def typed(spec: PipelineSpec, values: Mapping[str, str]) -> dict[str, str | bool]:
    """Values as the pipeline's `params` holds them: booleans are booleans."""
    kinds = {parameter.name: parameter.type for parameter in spec.parameters}
    return {
        name: value == "true" if kinds.get(name) == "boolean" else value
        for name, value in values.items()
    }


def secret_values(spec: PipelineSpec, values: Mapping[str, str]) -> set[str]:
    """Values of password parameters."""
    names = {parameter.name for parameter in spec.parameters if parameter.type == "password"}
    return {value for name, value in values.items() if name in names}


def _check(parameter: Parameter, value: str) -> None:
    if parameter.type == "choice" and value not in parameter.choices:
        raise InputError(
            f"must be one of {', '.join(parameter.choices)}", field=f"parameters.{parameter.name}"
        )
    if parameter.type == "boolean" and value not in {"true", "false"}:
        raise InputError("must be true or false", field=f"parameters.{parameter.name}")


def _text(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else value
