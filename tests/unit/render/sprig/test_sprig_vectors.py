"""What each function gives in a template, by a table made with the original in Go."""

from __future__ import annotations

import json
import os
from datetime import tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from towline.render.gotemplate.engine import TemplateSet
from towline.render.gotemplate.errors import TemplateError
from towline.render.gotemplate.functionset import FunctionSet
from towline.render.sprig import Environment, functions

_VECTORS: dict[str, list[dict[str, str]]] = json.loads(
    Path(__file__).with_name("vectors.json").read_text(encoding="utf-8")
)
_CASES = [
    pytest.param(vector, id=f"{topic}-{number}")
    for topic, vectors in _VECTORS.items()
    for number, vector in enumerate(vectors)
]
_VALUES = {"name": "n", "f": 42.0, "big": 12345678.0, "e": "", "list": [1.0, "a"]}


def _zone(name: str) -> tzinfo | None:
    return ZoneInfo(name) if name in {"America/New_York", "Europe/Berlin"} else None


_FUNCTIONS = FunctionSet(
    functions(Environment(now=lambda: 0, random_bytes=os.urandom, load_zone=_zone))
)


def _rendered(text: str, data: Any) -> str:
    templates = TemplateSet(_FUNCTIONS, name="t")
    templates.parse("t", text)
    return templates.execute("t", data)


@pytest.mark.parametrize("vector", _CASES)
def test_a_template_gives_what_the_original_gives(vector: dict[str, str]) -> None:
    if "error" in vector:
        with pytest.raises(TemplateError) as raised:
            _rendered(vector["template"], {"Values": dict(_VALUES)})
        assert raised.value.message == vector["error"]
    else:
        assert _rendered(vector["template"], {"Values": dict(_VALUES)}) == vector["output"]


def test_every_function_of_the_table_is_declared_once_and_callable() -> None:
    environment = Environment(now=lambda: 0, random_bytes=os.urandom)
    older, newer = functions(environment), functions(environment, helm="v4")
    assert set(older) < set(newer)
    assert "env" not in newer
    assert "expandenv" not in newer
    assert all(callable(function.call) for function in newer.values())


def test_s62_host_names_are_not_resolved_unless_the_caller_allows_it() -> None:
    table = functions(Environment(now=lambda: 0, random_bytes=os.urandom))
    assert table["getHostByName"].call("localhost") == ""
    allowed = Environment(
        now=lambda: 0, random_bytes=os.urandom, resolve_host=lambda name: f"{name}!"
    )
    assert functions(allowed)["getHostByName"].call("a") == "a!"
