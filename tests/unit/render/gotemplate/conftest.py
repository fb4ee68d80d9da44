"""A small world for templates: functions and values of every kind, as the vectors assume it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from towline.render.gotemplate import FunctionSet, MissingKey, TemplateSet
from towline.render.gotemplate.formatting import sprint
from towline.render.gotemplate.functions import (
    ANY,
    BOOL,
    BYTES,
    FLOAT64,
    INT,
    INT64,
    LIST,
    MAP,
    STRING,
    STRINGS,
    Function,
    FunctionError,
)
from towline.render.gotemplate.kinds import GoObject, Int64, StringList, StringMap, Uint8


def _plus(version: Version, number: int, text: str) -> str:
    if number < 0:
        raise FunctionError("neg")
    return f"{version.Major + number}{text}"


class Version(GoObject):
    go_type = "*main.Ver"
    go_fields: ClassVar = {"Major": "Major", "Name": "Name"}
    go_methods: ClassVar = {
        "String": Function(lambda version: "v" + version.Name, result=STRING),
        "Plus": Function(_plus, (INT64, STRING), result=STRING),
    }

    def __init__(self) -> None:
        self.Major = Int64(3)
        self.Name = "x"
        self.secret = "of Python, not of templates"

    def go_string(self) -> str:
        return "v" + self.Name


class Plain(GoObject):
    go_type = "main.Plain"
    go_fields: ClassVar = {"A": "A", "B": "B", "C": "C", "L": "L"}

    def __init__(self) -> None:
        self.A = "a"
        self.B = 2
        self.C = {"k": 1.0}
        self.L = StringList(["z"])


def _default(given: Any, *values: Any) -> Any:
    return given if not values or values[0] is None or values[0] == "" else values[0]


def _trunc(length: int, text: str) -> str:
    if length < 0:
        raise FunctionError("negative")
    return text.encode()[:length].decode("utf-8", "surrogateescape")


def _fail(message: str) -> str:
    raise FunctionError(message)


def _dict(*items: Any) -> dict[str, Any]:
    return {sprint(items[at]): items[at + 1] for at in range(0, len(items) - 1, 2)}


FUNCTIONS = {
    "upper": Function(str.upper, (STRING,), result=STRING),
    "trunc": Function(_trunc, (INT, STRING), result=STRING),
    "default": Function(_default, (ANY,), rest=ANY),
    "dict": Function(_dict, rest=ANY, result=MAP),
    "list": Function(lambda *items: list(items), rest=ANY, result=LIST),
    "put": Function(
        lambda table, key, value: table.update({key: value}) or table,
        (MAP, STRING, ANY),
        result=MAP,
    ),
    "both": Function(lambda first, second: first + second, (LIST, LIST), result=LIST),
    "strs": Function(lambda: StringList(["p", "q"]), result=STRINGS),
    "keyed": Function(lambda table, key: table.get(key), (MAP, STRING)),
    "wide": Function(
        lambda *values: " ".join(map(sprint, values)), (INT64, FLOAT64, BOOL), result=STRING
    ),
    "i64": Function(lambda value: value, (INT64,), result=INT64),
    "fail": Function(_fail, (STRING,), result=STRING),
    "hello": Function(lambda: "Hello!", result=STRING),
    "bytes": Function(lambda text: text.encode(), (STRING,), result=BYTES),
    "joined": Function(lambda by, *texts: by.join(texts), (STRING,), rest=STRING, result=STRING),
    "include": Function(
        lambda execution, name, data: execution.include(name, data),
        (STRING, ANY),
        result=STRING,
        context=True,
    ),
}
SETS = {mode: FunctionSet(FUNCTIONS, missing_key=mode) for mode in ("default", "zero", "error")}


def data() -> dict[str, Any]:
    """A fresh dot."""
    values = {
        "a": 1.0,
        "b": "two",
        "c": 3.5,
        "n": None,
        "t": True,
        "f": False,
        "m": {"k1": "v1", "k2": 2.0},
        "list": [1.0, "x", None, {"k": 1.0}],
        "nested": {"x": {"y": "deep"}},
        "e": "",
        "u": "héllo ☃",
        "big": 12345678.0,
        "el": [],
        "em": {},
    }
    return {
        "Values": values,
        "s": "str",
        "ver": Version(),
        "plain": Plain(),
        "i64": Int64(7),
        "strs": StringList(["p", "q"]),
        "smap": StringMap({"b": "1", "a": "2"}),
        "u8": Uint8(5),
    }


@pytest.fixture(scope="session")
def world() -> Callable[..., TemplateSet]:
    """Makes a set with the world's functions, and templates parsed into it."""

    def make(texts: dict[str, str] | None = None, mode: MissingKey = "zero", **more: Any) -> Any:
        templates = TemplateSet(SETS[mode], **more)
        for name, text in (texts or {}).items():
            templates.parse(name, text)
        return templates

    return make


@pytest.fixture(scope="session")
def render(world: Callable[..., TemplateSet]) -> Callable[..., str]:
    """Renders one text with the world's functions and data."""

    def run(text: str, mode: MissingKey = "zero", **more: Any) -> str:
        return world({"c/t.yaml": text}, mode, **more).execute("c/t.yaml", data())

    return run
