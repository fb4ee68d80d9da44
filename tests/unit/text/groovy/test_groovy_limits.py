"""Bounds of scripts: nothing they do takes the process with it."""

from __future__ import annotations

import asyncio
import time

import pytest
from groovy_runner import SmallHost, execute, value_of

from towline.errors import LimitError
from towline.text.groovy import Interpreter, Limits, parse

SMALL = Limits(steps=200_000, text=10_000, items=1_000)

ENDLESS = [
    "while (true) { }",
    "def f() { f() }\nf()",
    "def c\nc = { c() }\nc()",
    "def s = 'x'\nwhile (true) { s = s + s }",
    "def s = 'x'\nwhile (true) { s = \"$s$s\" }",
    "def l = [1]\nwhile (true) { l = l + l }",
    "def l = []\nwhile (true) { l << 1 }",
    "def m = [:]\ndef i = 0\nwhile (true) { m[i++] = 1 }",
    "'x' * 100000000",
    "(1..100000000)",
    "[1] * 100000000",
    "'x'.padLeft(100000000)",
    "'aaaa'.replace('a', 'b' * 9000)",
    "'aaaa'.replaceAll('a', 'b' * 9000)",
    'def l = [1]\n60.times { l = [l, l] }\n"$l"',
    "def l = [1]\n30.times { l = [l, l] }\nl.flatten()",
    "def l = [1]\nl[1000000] = 2",
    "[[1] * 900, [1] * 900, [1] * 900].combinations()",
    "100000000.times { }",
    "block { while (true) { } }",
    "def f() { block { f() } }\nf()",
    "('a' * 40 + 'b') ==~ /(a+)+/",
    "('a' * 5000).findAll(/(a*)*b/)",
    "try { while (true) { } } catch (Throwable t) { 'caught' } finally { echo 'no' }",
    "def l = [1, 2, 3]\nl.each { while (true) { } }",
    "def l = (1..900).toList()\nl.sort { a, b -> while (true) { } }",
]


@pytest.mark.parametrize("source", ENDLESS)
def test_s61_endless_scripts_end_with_a_limit(source: str) -> None:
    started = time.process_time()
    with pytest.raises(LimitError):
        value_of(source, SMALL)
    assert time.process_time() - started < 5


def test_limits_are_not_caught_by_scripts() -> None:
    with pytest.raises(LimitError):
        execute("try { while (true) { } } catch (Throwable t) { }", SMALL)


def test_deep_but_finite_recursion_works() -> None:
    assert value_of("def f(n) { n == 0 ? 0 : 1 + f(n - 1) }\nf(400)") == 400


def test_deep_expressions_need_no_python_stack() -> None:
    source = "x = " + "(" * 25 + "1" + ")" * 25
    assert value_of(source) == 1


@pytest.mark.asyncio
async def test_other_tasks_run_while_a_script_computes() -> None:
    ticks = 0
    done = False

    async def tick() -> None:
        nonlocal ticks
        while not done:
            ticks += 1
            await asyncio.sleep(0)

    script = parse("def s = 0\nfor (int i = 0; i < 3000; i++) { s += i }\ns", "f")
    async with asyncio.TaskGroup() as group:
        group.create_task(tick())
        value = await Interpreter(script, SmallHost()).run(None)
        done = True
    assert value == 4498500
    assert ticks > 10


@pytest.mark.asyncio
async def test_cancellation_passes_through_a_script() -> None:
    script = parse("try { while (true) { } } catch (Throwable t) { echo 'caught' }", "f")
    host = SmallHost()
    task = asyncio.create_task(Interpreter(script, host, Limits(steps=10**12)).run(None))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert host.lines == []


@pytest.mark.parametrize(("state", "lines"), [(None, []), ("unwinds", ["final"])])
@pytest.mark.asyncio
async def test_finally_on_cancellation_is_the_hosts_choice(state: object, lines: list[str]) -> None:
    script = parse("try { while (true) { } } finally { echo 'final' }", "f")
    host = SmallHost()
    task = asyncio.create_task(Interpreter(script, host, Limits(steps=10**12)).run(state))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert host.lines == lines
