"""Templates that would run away, or reach for more than they were given."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from towline.errors import LimitError
from towline.render.gotemplate import (
    ExecutionError,
    FunctionSet,
    Limits,
    ParseError,
    TemplateError,
    TemplateSet,
)
from towline.render.gotemplate.functions import ANY, STRING, Function, check_size

World = Callable[..., TemplateSet]
SELF = '{{define "x"}}{{include "x" .}}{{end}}{{include "x" .}}'


def test_includes_of_one_name_end_with_helms_error(world: World) -> None:
    with pytest.raises(ExecutionError) as caught:
        world({"t": SELF}).execute("t", None)
    assert caught.value.message.endswith(
        "error calling include: rendering template has a nested reference name: x: "
        "unable to execute template"
    )
    assert caught.value.message.count("error calling include") == 1002


@pytest.mark.parametrize(
    "text",
    [
        '{{define "x"}}{{template "x" .}}{{end}}{{template "x" .}}',
        '{{block "x" .}}{{include "y" 1}}{{end}}{{define "y"}}{{template "x"}}{{end}}',
    ],
)
def test_templates_nest_only_so_deep(world: World, text: str) -> None:
    before = sys.getrecursionlimit()
    with pytest.raises(LimitError, match="maximum template depth"):
        world({"t": text}, limits=Limits(same_name=10**9)).execute("t", None)
    assert sys.getrecursionlimit() == before


def test_a_thousand_templates_may_nest(world: World) -> None:
    texts = {f"t{at}": f'<{{{{include "t{at + 1}" .}}}}>' for at in range(1200)}
    printed = world({**texts, "t1200": "x"}).execute("t0", None)
    assert printed == "<" * 1200 + "x" + ">" * 1200


@pytest.mark.parametrize(
    "text",
    [
        "{{range 1000000000}}x{{end}}",
        "{{range 3000}}{{range 3000}}{{end}}{{end}}",
        "{{range i64 1000000000000}}x{{end}}",
    ],
)
def test_ranges_take_steps(world: World, text: str) -> None:
    with pytest.raises(LimitError, match="limit of 5000000 steps"):
        world({"t": text}).execute("t", None)


def test_time_is_up_within_a_long_range(world: World) -> None:
    ticks: Iterator[int] = count()
    templates = world(
        {"t": "{{range 100000}}{{end}}"},
        clock=lambda: float(next(ticks)),
        limits=Limits(seconds=20),
    )
    with pytest.raises(LimitError, match="time limit of 20 s"):
        templates.execute("t", None)
    assert next(ticks) < 40


def test_output_is_bounded_and_memory_stays_flat(world: World) -> None:
    text = '{{$x := printf "%100000d" 1}}{{range 300}}{{range 300}}{{$x}}{{end}}{{end}}'
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(LimitError, match="output exceeds the limit of 20000000"):
        world({"t": text}, limits=Limits(output=20_000_000)).execute("t", None)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 150_000  # KiB; all of it would be 9 GB


def test_included_output_counts(world: World) -> None:
    text = '{{define "x"}}0123456789{{end}}{{range 100}}{{$_ := include "x" .}}{{end}}'
    with pytest.raises(LimitError, match="output exceeds"):
        world({"t": text}, limits=Limits(output=500)).execute("t", None)


@pytest.mark.parametrize(
    "text",
    [
        '{{$x := "0123456789abcdef"}}{{range 64}}{{$x = print $x $x}}{{end}}',
        '{{$x := "0123456789abcdef"}}{{range 64}}{{$x = joined "" $x $x}}{{end}}',
        "{{$x := list 1}}{{range 64}}{{$x = both $x $x}}{{end}}",
        '{{define "x"}}{{include "x" (print . .)}}{{end}}{{include "x" "0123456789abcdef"}}',
        "{{$x := list 1}}{{range 40}}{{$x = list $x $x}}{{end}}{{$x}}",
        '{{$x := dict "a" 1}}{{range 300}}{{$x = dict "a" $x}}{{end}}{{$x}}',
    ],
)
def test_values_do_not_grow_without_bound(world: World, text: str) -> None:
    with pytest.raises(LimitError):
        world({"t": text}).execute("t", None)


def test_a_value_that_holds_itself_is_not_printed_for_ever(world: World) -> None:
    value: dict[str, object] = {}
    value["self"] = value
    with pytest.raises(LimitError, match="too deeply"):
        world({"t": "{{.}}"}).execute("t", value)


def test_functions_ask_before_they_build() -> None:
    check_size(1000)
    with pytest.raises(LimitError):
        check_size(10**9)


@pytest.mark.parametrize(
    "text", ["{{range 1}}" * 30 + "{{end}}" * 30, "{{range 1}}{{if 1}}" * 40 + "{{end}}" * 80]
)
def test_what_the_compiler_cannot_nest_is_a_limit(world: World, text: str) -> None:
    with pytest.raises(LimitError, match="nests too deeply"):
        world({"t": text}).execute("t", None)


S61_ATTRIBUTES = [
    "{{.ver.secret}}",
    "{{.ver.__class__}}",
    "{{.ver.go_fields}}",
    "{{.ver.go_methods.Plus}}",
    "{{.s.__class__.__mro__}}",
    "{{.s.upper}}",
    "{{.Values.keys}}{{.Values.keys.x}}",
    "{{.Values.list.append}}",
    "{{.i64.real}}",
    "{{(hello).__len__}}",
    "{{upper.__globals__}}",
    "{{$.__dict__}}{{$.__dict__.x}}",
    "{{.smap.clear}}{{.smap.clear.x}}",
]


@pytest.mark.parametrize("text", S61_ATTRIBUTES)
def test_s61_no_python_attribute_is_in_reach(render: Callable[..., str], text: str) -> None:
    with pytest.raises(TemplateError, match=r"can't evaluate|nil pointer|wrong number"):
        render(text)


@pytest.mark.parametrize(
    "name",
    ["__import__", "eval", "exec", "open", "getattr", "type", "env", "system", "rt", "convert"],
)
def test_s61_only_listed_functions_may_be_called(world: World, name: str) -> None:
    with pytest.raises(ParseError, match=f'function "{name}" not defined'):
        world({"t": f"{{{{{name} .}}}}"})


@pytest.mark.parametrize(
    "text",
    [
        '{{"\\");import os#"}}',
        "{{`'''\"\"\"\\`}}",
        "'''\"\"\"\\\n#{x}{{1}}",
        '{{define "a\\"); x(\\n"}}q{{end}}{{template "a\\"); x(\\n"}}',
        '{{index (dict "\'] + 1" 2) "\'] + 1"}}',
    ],
)
def test_s61_texts_never_become_code(world: World, text: str) -> None:
    templates = world({"t": text})
    templates.execute("t", None)
    template = templates.lookup("t")
    assert template is not None
    code = template.definition.code(templates.functions)
    assert set(code.co_names) <= set(templates.functions.namespace)


def test_s61_compiled_templates_have_no_builtins(world: World) -> None:
    assert world().functions.namespace["__builtins__"] == {}
    function = Function(lambda value: value, (ANY,), result=STRING)
    assert FunctionSet({"f": function}).namespace["__builtins__"] == {}
