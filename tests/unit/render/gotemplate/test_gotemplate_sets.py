"""Sets of templates: definitions, clones, functions that render, the cache of compiled texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from towline.errors import LimitError
from towline.render.gotemplate import (
    Execution,
    ExecutionError,
    FunctionSet,
    ParseError,
    TemplateSet,
)
from towline.render.gotemplate.functions import ANY, STRING, Function
from towline.render.gotemplate.units import UnitCache, compile_unit, dump_unit, load_unit

World = Callable[..., TemplateSet]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["A", "B"], "B"),
        (["A", " \n"], "A"),
        (["A", "{{/* nothing */}} "], "A"),
        ([" ", "B"], "B"),
        (["", ""], ""),
    ],
)
def test_a_definition_replaces_another_unless_it_is_empty(
    world: World, texts: list[str], expected: str
) -> None:
    templates = world()
    for number, text in enumerate(texts):
        templates.parse(f"f{number}", f'{{{{define "x"}}}}{text}{{{{end}}}}')
    assert templates.execute("x", None) == expected


def test_a_failed_parse_changes_nothing(world: World) -> None:
    templates = world({"x": "old"})
    with pytest.raises(ParseError):
        templates.parse("y", '{{define "x"}}new{{end}}{{nope}}')
    assert templates.names() == ["x"]
    assert templates.execute("x", None) == "old"


def test_what_is_parsed_into_a_clone_stays_there(world: World) -> None:
    templates = world({"a": '{{define "x"}}1{{end}}{{template "x"}}'})
    clone = templates.clone()
    clone.parse("b", '{{define "x"}}2{{end}}')
    assert (templates.execute("a", None), clone.execute("a", None)) == ("1", "2")
    assert templates.lookup("b") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{{$d := dict}}{{$d}}{{put $d "a" 1}}{{$d}}', "map[]map[a:1]map[a:1]"),
        ('{{$d := dict}}{{$d}} {{$_ := put $d "a" 1}}{{$d}}', "map[] map[a:1]"),
        ('{{$d := dict}}{{with $d.x}}{{else}}{{put $d "x" $d.y}}{{end}}{{$d}}', "map[x:<nil>]" * 2),
        ('{{$d := dict "a" (list 1 2)}}{{range $d.a}}{{put $d "a" .}}{{end}}', "map[a:1]map[a:2]"),
        ('{{$d := dict "a" 1}}{{put $d "b" $d.a | put $d "c"}}', None),
    ],
)
def test_values_print_as_they_are_at_that_point(
    world: World, text: str, expected: str | None
) -> None:
    templates = world({"t": text})
    if expected is None:
        with pytest.raises(LimitError, match="too deeply"):
            templates.execute("t", None)
    else:
        assert templates.execute("t", None) == expected


def test_a_missing_template_is_named_with_the_root(world: World) -> None:
    with pytest.raises(ExecutionError) as caught:
        world(name="root").execute("x", None)
    assert caught.value.message == ('template: no template "x" associated with template "root"')


def _tpl(execution: Execution, text: str, data: Any) -> str:
    clone = execution.templates.clone()
    clone.parse("inline", text)
    return execution.nested(clone).invoke("inline", data)


TPL = FunctionSet(
    {
        "tpl": Function(_tpl, (STRING, ANY), result=STRING, context=True),
        "include": Function(
            lambda execution, name, data: execution.include(name, data),
            (STRING, ANY),
            result=STRING,
            context=True,
        ),
        "host": Function(lambda execution: execution.host, result=STRING, context=True),
    }
)


def test_functions_with_context_render_templates_themselves() -> None:
    templates = TemplateSet(TPL)
    templates.parse("h", '{{define "x"}}<{{.}}>{{end}}')
    templates.parse(
        "t", '{{tpl "{{define \\"y\\"}}{{include \\"x\\" .}}!{{end}}{{template \\"y\\" .}}" 5}}'
    )
    assert templates.execute("t", None) == "<5>!"
    assert templates.lookup("y") is None


def test_errors_of_inner_templates_carry_both_places() -> None:
    templates = TemplateSet(TPL)
    templates.parse("t", 'a\n {{tpl "{{len 5}}" .}}')
    with pytest.raises(ExecutionError) as caught:
        templates.execute("t", None)
    assert caught.value.message == (
        'template: t:2:3: executing "t" at <tpl "{{len 5}}" .>: error calling tpl: '
        'template: inline:1:2: executing "inline" at <len 5>: error calling len: len of type int'
    )


def test_the_host_reaches_functions_with_context() -> None:
    templates = TemplateSet(TPL)
    templates.parse("t", "{{host}}")
    assert templates.execute("t", None, host="here") == "here"


def test_a_function_replaces_a_built_in_one() -> None:
    functions = {"len": Function(lambda value: f"<{value}>", (STRING,), result=STRING)}
    templates = TemplateSet(functions)
    templates.parse("t", '{{len "x"}}{{or "" "y" | len}}')
    assert templates.execute("t", None) == "<x><y>"


def test_function_names_are_identifiers() -> None:
    with pytest.raises(ValueError, match="not a function name"):
        FunctionSet({"a b": Function(len, (STRING,))})


def test_units_are_shared_by_sets_with_equal_signatures() -> None:
    units = UnitCache()
    texts = {"t": "{{name}}"}
    results = []
    for who in ("a", "b"):
        functions = FunctionSet({"name": Function(lambda who=who: who, result=STRING)})
        templates = TemplateSet(functions, units=units)
        templates.parse("t", texts["t"])
        results.append(templates.execute("t", None))
        unit = units.get("t", texts["t"], functions)
    assert results == ["a", "b"]
    assert unit is units.get("elsewhere", texts["t"], functions)


def test_other_signatures_and_modes_compile_anew() -> None:
    units = UnitCache()
    plain = FunctionSet({})
    strict = FunctionSet({}, missing_key="error")
    assert units.get("t", "{{.a}}", plain) is not units.get("t", "{{.a}}", strict)


def test_the_cache_forgets_what_was_used_least_recently() -> None:
    units, functions = UnitCache(characters=3000), FunctionSet({})
    kept = units.get("t", "a" * 1000, functions)
    gone = units.get("t", "b" * 1000, functions)
    assert units.get("t", "a" * 1000, functions) is kept
    units.get("t", "c" * 1000, functions)
    assert units.get("t", "a" * 1000, functions) is kept
    assert units.get("t", "b" * 1000, functions) is not gone


@pytest.mark.parametrize("ran", [True, False])
def test_a_stored_unit_runs_and_fails_like_the_parsed_one(world: World, ran: bool) -> None:
    text = '{{define "x"}}[{{.a.b}}]{{end}}{{template "x" .}}{{upper "q"}}'
    functions = world().functions
    unit = compile_unit("t", text, functions)
    if ran:
        for definition in unit.definitions.values():
            definition.code(functions)
    loaded = load_unit(dump_unit(unit, functions.signature), text, functions.signature)
    assert loaded is not None
    assert [bool(each.compiled) for each in loaded.definitions.values()] == [ran, ran]
    units = UnitCache()
    units.put(loaded, functions)
    templates = world(units=units)
    templates.parse("t", text)
    assert templates.execute("t", {"a": {"b": 1.5}}) == "[1.5]Q"
    with pytest.raises(ExecutionError) as caught:
        templates.execute("t", {"a": 1.0})
    assert caught.value.message == (
        'template: t:1:19: executing "x" at <.a.b>: can\'t evaluate field b in type interface {}'
    )


def test_a_stored_unit_of_another_text_or_set_is_no_hit(world: World) -> None:
    functions = world().functions
    signature = functions.signature
    stored = dump_unit(compile_unit("t", "{{1}}", functions), signature)
    assert load_unit(stored, "{{1}}", signature) is not None
    assert load_unit(stored, "{{2}}", signature) is None
    assert load_unit(stored, "{{1}}", FunctionSet({}).signature) is None
    assert load_unit(b"{", "{{1}}", signature) is None
    assert load_unit(stored[:-3], "{{1}}", signature) is None


class Kept:
    """A store in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.asked = 0

    def get(self, key: str) -> bytes | None:
        self.asked += 1
        return self.kept.get(key)

    def put(self, key: str, value: bytes) -> None:
        self.kept[key] = value


TEXT = '{{define "x"}}[{{.}}]{{end}}{{define "unused"}}{{.}}{{end}}{{template "x" .}}'


def test_another_process_finds_what_was_compiled(world: World) -> None:
    store = Kept()
    for number in range(3):
        units = UnitCache()
        units.keep_in(store)
        templates = world({"t": TEXT}, units=units)
        assert templates.execute("t", "a") == "[a]"
        unit = units.get("t", TEXT, templates.functions)
        assert {name for name, each in unit.definitions.items() if each.compiled} == {"", "x"}
        assert units.save() == (1 if number == 0 else 0)
    assert len(store.kept) == 1


def test_what_runs_later_is_compiled_then_and_stored_too(world: World) -> None:
    store = Kept()
    for calls in ("", '{{template "unused" .}}', ""):
        units = UnitCache()
        units.keep_in(store)
        templates = world({"t": TEXT, "main": f'{{{{template "t" .}}}}{calls}'}, units=units)
        assert templates.execute("main", "a") == ("[a]a" if calls else "[a]")
        units.save()
    assert units.get("t", TEXT, templates.functions).definitions["unused"].compiled


def test_texts_made_of_values_are_neither_looked_for_nor_stored(world: World) -> None:
    store, units = Kept(), UnitCache()
    units.keep_in(store)
    clone = world({"t": "x"}, units=units).clone()
    units.save()
    asked = store.asked
    clone.parse("made", '{{upper "password"}}')
    assert clone.execute("made", None) == "PASSWORD"
    assert (units.save(), store.asked) == (0, asked)


def test_what_was_skipped_is_not_stored(world: World) -> None:
    store, units = Kept(), UnitCache()
    units.keep_in(store)
    world({"t": "x"}, units=units).execute("t", None)
    units.skip()
    assert units.save() == 0
