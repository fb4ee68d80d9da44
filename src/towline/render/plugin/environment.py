"""The environment of a plugin's commands, as Argo CD fills it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import orjson

from towline.argo.application import decode
from towline.errors import InputError, LimitError
from towline.render.environment import substitute
from towline.render.plugin.definition import Plugin
from towline.render.tree import RecordingTree

BUILD_VARIABLES: Final = (
    "ARGOCD_APP_NAME",
    "ARGOCD_APP_NAMESPACE",
    "ARGOCD_APP_PROJECT_NAME",
    "ARGOCD_APP_REVISION",
    "ARGOCD_APP_REVISION_SHORT",
    "ARGOCD_APP_REVISION_SHORT_8",
    "ARGOCD_APP_SOURCE_REPO_URL",
    "ARGOCD_APP_SOURCE_PATH",
    "ARGOCD_APP_SOURCE_TARGET_REVISION",
    "KUBE_VERSION",
    "KUBE_API_VERSIONS",
)
_ESCAPED: Final = re.compile(r"[^A-Z0-9_]")
_LONGEST: Final = 100_000  # bytes; the kernel takes 128 KiB for one variable
_MOST: Final = 1_000_000


class _Variable(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    value: str = ""


class _Parameter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    # In the order of their names, as the JSON of Go has them.
    array: tuple[str, ...] | None = None
    map: dict[str, str] | None = None
    name: str = ""
    string: str | None = None


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """The `plugin` of a source.

    Attributes:
        name: The plugin that is asked for; empty for the one that fits.
        env: Variables.
        parameters: Parameters.
    """

    name: str = ""
    env: tuple[_Variable, ...] = ()
    parameters: tuple[_Parameter, ...] = ()


def read_block(written: dict[str, Any]) -> Block:
    """Reads the `plugin` of a source.

    Raises:
        InputError: A field has the wrong type.
    """
    return decode(written, Block, at="spec.source.plugin")


def plugin_environment(tree: RecordingTree, plugin: Plugin, block: Block) -> dict[str, str]:
    """What a plugin's commands find in their environment; everything in it is recorded as read.

    Empty variables are left out.

    Args:
        tree: Knows the build variables.
        plugin: The plugin.
        block: What the source says.

    Raises:
        InputError: A name or value cannot stand in an environment.
        LimitError: Too much of it.
    """
    found = {
        name: tree.variable(name)
        for name in BUILD_VARIABLES
        if plugin.variables is None or name in plugin.variables
    }
    for variable in block.env:
        found[f"ARGOCD_ENV_{variable.name}"] = substitute(variable.value, tree)
    if block.parameters:
        found["ARGOCD_APP_PARAMETERS"] = _json(block.parameters)
    for parameter in block.parameters:
        found.update(_variables(parameter))
    _check(found)
    return {name: value for name, value in found.items() if value}


def _json(parameters: tuple[_Parameter, ...]) -> str:
    return orjson.dumps(msgspec.to_builtins(parameters), option=orjson.OPT_SORT_KEYS).decode()


def _variables(parameter: _Parameter) -> Iterator[tuple[str, str]]:
    base = f"PARAM_{_name(parameter.name)}"
    if parameter.string is not None:
        yield base, parameter.string
    for key, value in sorted((parameter.map or {}).items()):
        yield f"{base}_{_name(key)}", value
    for index, value in enumerate(parameter.array or ()):
        yield f"{base}_{index}", value


def _name(text: str) -> str:
    return _ESCAPED.sub("_", text.upper())


def _check(environment: dict[str, str]) -> None:
    total = 0
    for name, value in environment.items():
        if "=" in name or "\0" in name or "\0" in value:
            raise InputError(f"{name!r} cannot be a variable", field="spec.source.plugin.env")
        size = len(name.encode("utf-8", "surrogatepass")) + len(value.encode())
        total += size
        if size > _LONGEST or total > _MOST:
            raise LimitError(f"the plugin's variable {name[:100]} is too long")
