"""YAML, JSON and TOML in templates: Helm's functions and those of Sprig that it keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from towline.errors import InputError
from towline.render.gotemplate.functions import (
    ANY,
    LIST,
    MAP,
    STRING,
    Function,
    FunctionError,
)
from towline.render.gotemplate.kinds import Int64
from towline.render.sprig.plainvalues import plain
from towline.render.sprig.times import GoTime
from towline.text.gotime import Moment
from towline.text.goyaml import dump, dump_json, dump_pretty, load, load_json
from towline.text.goyaml.json import UnsupportedTypeError
from towline.text.goyaml.reader import kind_problem

_MAP_TYPE = "map[string]interface {}"


def to_yaml(value: Any) -> str:
    """The value as YAML; an empty string when it has no such form."""
    try:
        return must_to_yaml(value)
    except FunctionError:
        return ""


def must_to_yaml(value: Any) -> str:
    """The value as YAML.

    Raises:
        FunctionError: It has no such form.
    """
    return _written(dump, value).removesuffix("\n")


def to_pretty_yaml(value: Any) -> str:
    """The value as YAML with indented lists; an empty string when it has no such form."""
    try:
        return _written(dump_pretty, value, keep_times=True).removesuffix("\n")
    except FunctionError:
        return ""


def from_yaml(text: str) -> dict[str, Any]:
    """The map of a YAML text; under `Error` what is wrong with it."""
    try:
        value = load(text)
    except InputError as error:
        return {"Error": error.message}
    if value is None:
        return {}
    if not isinstance(value, dict):
        return {"Error": _decoding(kind_problem(value, _MAP_TYPE))}
    return value


def from_yaml_array(text: str) -> list[Any]:
    """The list of a YAML text; as its only element what is wrong with it."""
    try:
        value = load(text)
    except InputError as error:
        return [error.message]
    if value is None:
        return []
    if not isinstance(value, list):
        return [_decoding(kind_problem(value, "[]interface {}"))]
    return value


def to_json(value: Any) -> str:
    """The value as JSON; an empty string when it has no such form."""
    try:
        return must_to_json(value)
    except FunctionError:
        return ""


def must_to_json(value: Any) -> str:
    """The value as JSON.

    Raises:
        FunctionError: It has no such form.
    """
    return _written(dump_json, value)


def must_to_pretty_json(value: Any) -> str:
    """The value as JSON over several lines.

    Raises:
        FunctionError: It has no such form.
    """
    return _written(lambda item: dump_json(item, indent="  "), value)


def to_pretty_json(value: Any) -> str:
    """The value as JSON over several lines; an empty string when it has no such form."""
    try:
        return must_to_pretty_json(value)
    except FunctionError:
        return ""


def to_raw_json(value: Any) -> str:
    """The value as JSON with markup signs as they are.

    Raises:
        FunctionError: It has no such form.
    """
    return _written(lambda item: dump_json(item, markup=False), value)


def from_json(text: str) -> dict[str, Any]:
    """The map of a JSON text; under `Error` what is wrong with it."""
    try:
        value = load_json(text)
    except InputError as error:
        return {"Error": error.message}
    if value is None:
        return {}
    return value if isinstance(value, dict) else {"Error": kind_problem(value, _MAP_TYPE)}


def from_json_array(text: str) -> list[Any]:
    """The list of a JSON text; as its only element what is wrong with it."""
    try:
        value = load_json(text)
    except InputError as error:
        return [error.message]
    if value is None:
        return []
    return value if isinstance(value, list) else [kind_problem(value, "[]interface {}")]


def must_from_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        FunctionError: It is no JSON.
    """
    try:
        return load_json(text)
    except InputError as error:
        raise FunctionError(error.message) from error


def to_toml(value: Any) -> str:
    """The map as TOML, or what is wrong with it.

    Raises:
        FunctionError: The value is nil.
    """
    try:
        return _toml(value)
    except InputError as error:
        return error.message


def must_to_toml(value: Any) -> str:
    """The map as TOML.

    Raises:
        FunctionError: It has no such form.
    """
    return _written(_toml, value)


def from_toml(text: str) -> dict[str, Any]:
    """The map of a TOML text; under `Error` what is wrong with it."""
    try:
        from towline.text import gotoml  # noqa: PLC0415 - few charts need it

        return {key: _engine_value(item) for key, item in gotoml.load(text).items()}
    except InputError as error:
        return {"Error": error.message}


def _toml(value: Any) -> str:
    from towline.text import gotoml  # noqa: PLC0415 - few charts need it

    if value is None:
        raise FunctionError("reflect: call of reflect.Value.Type on zero Value")
    return gotoml.dump(plain(value, keep_times=True))


def _engine_value(value: Any) -> Any:
    """A value out of TOML, where integers are int64."""
    match value:
        case dict():
            return {key: _engine_value(item) for key, item in value.items()}
        case list():
            return [_engine_value(item) for item in value]
        case int() if not isinstance(value, bool):
            return Int64(value)
        case Moment():
            return GoTime(value)
    return value


def _written(writer: Callable[[Any], str], value: Any, *, keep_times: bool = False) -> str:
    """What the writer makes of the value, which is copied only when it holds structs and such."""
    try:
        try:
            return writer(value)
        except UnsupportedTypeError:
            return writer(plain(value, keep_times=keep_times))
    except InputError as error:
        raise FunctionError(error.message) from error


def _decoding(problem: str) -> str:
    return f"error unmarshaling JSON: while decoding JSON: {problem}"


def functions() -> Mapping[str, Function]:
    """The functions by name."""
    return {
        "toYaml": Function(to_yaml, (ANY,), result=STRING),
        "toYamlPretty": Function(to_pretty_yaml, (ANY,), result=STRING),
        "fromYaml": Function(from_yaml, (STRING,), result=MAP),
        "fromYamlArray": Function(from_yaml_array, (STRING,), result=LIST),
        "toJson": Function(to_json, (ANY,), result=STRING),
        "mustToJson": Function(must_to_json, (ANY,), result=STRING),
        "toPrettyJson": Function(to_pretty_json, (ANY,), result=STRING),
        "mustToPrettyJson": Function(must_to_pretty_json, (ANY,), result=STRING),
        "toRawJson": Function(to_raw_json, (ANY,), result=STRING),
        "mustToRawJson": Function(to_raw_json, (ANY,), result=STRING),
        "fromJson": Function(from_json, (STRING,), result=MAP),
        "fromJsonArray": Function(from_json_array, (STRING,), result=LIST),
        "mustFromJson": Function(must_from_json, (STRING,)),
        "toToml": Function(to_toml, (ANY,), result=STRING),
        "fromToml": Function(from_toml, (STRING,), result=MAP),
    }


def helm4_functions() -> Mapping[str, Function]:
    """What Helm 4 adds."""
    return {
        "mustToYaml": Function(must_to_yaml, (ANY,), result=STRING),
        "mustToToml": Function(must_to_toml, (ANY,), result=STRING),
    }
