"""Scripts reach nothing but values: no reflection, no Python, no host beyond its functions."""

from __future__ import annotations

import asyncio

import pytest
from groovy_runner import SmallHost, exception_of
from hypothesis import given, settings
from hypothesis import strategies as st

from towline.errors import LimitError
from towline.text.groovy import Arguments, Interpreter, Limits, Thrown, parse
from towline.text.groovy.calls import call_method
from towline.text.groovy.methods import BOOLEAN, LIST, MAP, NUMBER, STATIC, STRING
from towline.text.groovy.scope import Scope, Thread

ESCAPES = [
    "''.class",
    "''.getClass()",
    "[].metaClass",
    "''.__class__",
    "[1].__class__.__bases__",
    "({ }).__init__",
    "({ }).owner",
    "({ }).delegate",
    "this.class",
    "this.getClass()",
    "this.binding",
    "Math.class",
    "Math.__dict__",
    "new File('/etc/passwd')",
    "new ProcessBuilder('ls')",
    "'ls'.execute()",
    "['ls'].execute()",
    "Class.forName('x')",
    "System.exit(1)",
    "Runtime.getRuntime()",
    "Eval.me('1')",
    "evaluate('1')",
    "Thread.start { }",
    "''.format.__globals__",
    "'{0.__class__}'.format(1).bytes",
    "new GroovyShell()",
    "String.metaClass",
    "(1).real",
    "[].append(1)",
    "[:].update([a: 1])",
    "''.encode('utf-8')",
    "''.translate([:])",
    "java.lang.System.exit(1)",
    "''.'__class__'",
    "def n = 'class'; ''.\"$n\"",
    "new Exception('x').__traceback__",
    "new Exception('x').payload",
]


@pytest.mark.parametrize("source", ESCAPES)
def test_s61_no_reflection_no_host_language(source: str) -> None:
    kind, _, line = exception_of(source)
    assert kind in {
        "MissingPropertyException",
        "MissingMethodException",
        "RejectedAccessException",
        "NoSuchMethodError",
    }
    assert line == 1


def test_python_style_format_is_plain_text() -> None:
    kind, _, _ = exception_of("'{0.__class__}'.format()\nthrow new Exception('end')")
    assert kind == "Exception"


VALUES = [
    None, True, 0, -1, 3, 10**18, "", "ab", "(", "a{2", "%d %s", "\\", "é\U0001f600", [], [1, "a"],
    {"a": 1}, {}, [[1, 2]],
]  # fmt: skip
TABLES = [("ab", STRING), ([3, 1, "x"], LIST), ({"b": 1}, MAP), (7, NUMBER), (True, BOOLEAN)]
CALLS = [(target, name) for target, table in TABLES for name in table]
STATICS = [(owner, name) for owner, table in STATIC.items() for name in table]


def _closure(interpreter: Interpreter) -> object:
    return interpreter.binding["c"]


async def _interpreter() -> Interpreter:
    script = parse("c = { a -> a }", "f")
    interpreter = Interpreter(script, SmallHost(), Limits(steps=100_000, text=10_000, items=500))
    await interpreter.run(None)
    return interpreter


@settings(max_examples=400, deadline=None)
@given(
    call=st.sampled_from([*CALLS, *STATICS]),
    arguments=st.lists(st.sampled_from([*VALUES, "closure"]), max_size=3),
)
def test_methods_raise_only_script_exceptions(
    call: tuple[object, str], arguments: list[object]
) -> None:
    async def run() -> None:
        interpreter = await _interpreter()
        target, name = call
        if isinstance(target, str) and target in STATIC:
            await _method_of_type(interpreter, target, name, arguments)
            return
        copy = list(target) if isinstance(target, list) else target
        copy = dict(copy) if isinstance(copy, dict) else copy
        await _method(interpreter, copy, name, arguments)

    asyncio.run(run())


async def _method(
    interpreter: Interpreter, target: object, name: str, arguments: list[object]
) -> None:
    values = [_closure(interpreter) if item == "closure" else item for item in arguments]
    scope = Scope(None, Thread(interpreter, None, 0), 0)
    code = call_method(target, name, Arguments(values), parse("x", "f").body.at, scope)
    try:
        await interpreter._drive(code)
    except (Thrown, LimitError):
        return


async def _method_of_type(
    interpreter: Interpreter, owner: str, name: str, arguments: list[object]
) -> None:
    from towline.text.groovy.calls import TypeValue

    await _method(interpreter, TypeValue(owner), name, arguments)


OPERATORS = [
    "+",
    "-",
    "*",
    "/",
    "%",
    "**",
    "<<",
    ">>",
    "&",
    "|",
    "^",
    "==",
    "!=",
    "<=>",
    "<",
    "in",
    "=~",
    "==~",
    "..",
    "&&",
    "?:",
]
LITERALS = [
    "null",
    "true",
    "0",
    "-1",
    "3",
    "2.5",
    "1e300",
    "9223372036854775807",
    "''",
    "'ab'",
    "'('",
    "[]",
    "[1, 'a']",
    "[a: 1]",
    "{ it }",
    "1..3",
    "~/a/",
    "Math",
    "new Exception('x')",
]


@settings(max_examples=300, deadline=None)
@given(
    left=st.sampled_from(LITERALS),
    operator=st.sampled_from(OPERATORS),
    right=st.sampled_from(LITERALS),
    wrap=st.sampled_from(["{}", "({}) as int", "({}) as String", "({})[0]", "({})['a']", "-({})",
                          "({}).a", "\"${{{}}}\"", "({}) as List", "for (x in ({})) {{ }}",
                          "switch (1) {{ case ({}): 1 }}", "({})[0..1]", "({})()",
                          "throw ({})", "def (a, b) = ({})", "[({}): 1]", "(1..({}))"]),
)  # fmt: skip
def test_operators_raise_only_script_exceptions(
    left: str, operator: str, right: str, wrap: str
) -> None:
    source = wrap.format(f"({left}) {operator} ({right})")
    limits = Limits(steps=100_000, text=10_000, items=500)
    try:
        asyncio.run(Interpreter(parse(source, "f"), SmallHost(), limits).run(None))
    except (Thrown, LimitError):
        return
