"""Statements: blocks, control flow, exceptions. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from towline.text.groovy import tree
from towline.text.groovy.calls import (
    LoopSignal,
    ReturnSignal,
    TypeValue,
    call_closure,
    outside_loop,
)
from towline.text.groovy.evaluate import evaluate
from towline.text.groovy.methods import Code, Ready
from towline.text.groovy.operators import cast, instance_of, is_case
from towline.text.groovy.patterns import MatcherValue
from towline.text.groovy.scope import Scope
from towline.text.groovy.values import (
    ClosureValue,
    Entry,
    ExceptionValue,
    Thrown,
    script_error,
    to_text,
    truth,
    type_name,
)

_CONVERTED = frozenset({"String", "boolean", "Boolean"})


def run_block(block: tree.Block, scope: Scope) -> Code:
    """Runs statements in a scope; the value is that of the last one."""
    value = None
    for statement in block.statements:
        value = yield _statement(statement, scope)
    return value


def run_script(block: tree.Block, scope: Scope) -> Code:
    """The file's own statements: `return` ends it, top variables are remembered for messages."""
    scope.interpreter.body_names = frozenset(
        name
        for statement in block.statements
        if isinstance(statement, tree.Declaration) and not statement.field
        for name in statement.names
    )
    try:
        return (yield run_block(block, scope))
    except ReturnSignal as signal:
        return signal.value
    except LoopSignal as signal:
        raise outside_loop(signal) from None


def _statement(node: tree.Node, scope: Scope) -> Code:
    """One statement; an exception that comes up in it learns its line."""
    run: Callable[..., Code | Ready] = _STATEMENTS.get(type(node), evaluate)
    try:
        return (yield run(node, scope))
    except Thrown as thrown:
        thrown.value.line = thrown.value.line or node.at.line
        raise


def _expression(node: tree.ExpressionStatement, scope: Scope) -> Code:
    return (yield evaluate(node.expression, scope))


def _inner_block(node: tree.Block, scope: Scope) -> Code:
    return (yield run_block(node, scope.inner()))


def _body(node: tree.Node, scope: Scope) -> Code:
    """A block or single statement in a scope of its own."""
    if isinstance(node, tree.Block):
        return (yield run_block(node, scope))
    return (yield _statement(node, scope))


def _declaration(node: tree.Declaration, scope: Scope) -> Code:
    values: list[Any] = []
    for item in node.values:
        value = None if item is None else (yield evaluate(item, scope))
        if node.type in _CONVERTED and value is not None:
            value = cast(value, node.type, scope.meter)
        values.append(value)
    if node.destructuring:
        if not isinstance(values[0], list):
            raise script_error("GroovyCastException", "several names need a list")
        values = [*values[0], *[None] * len(node.names)]
    names = scope.interpreter.binding if node.field else scope.names
    names.update(zip(node.names, values, strict=False))
    return values[0] if values else None


# Choices


def _if(node: tree.If, scope: Scope) -> Code:
    if truth((yield evaluate(node.condition, scope))):
        return (yield _body(node.yes, scope.inner()))
    if node.no is not None:
        return (yield _body(node.no, scope.inner()))
    return None


def _switch(node: tree.Switch, scope: Scope) -> Code:
    subject = yield evaluate(node.subject, scope)
    start = None
    for index, case in enumerate(node.cases):
        if case.test is None:
            continue
        if (yield _case_fits(case.test, subject, scope)):
            start = index
            break
    if start is None:
        defaults = [index for index, case in enumerate(node.cases) if case.test is None]
        if not defaults:
            return None
        start = defaults[0]
    inner = scope.inner()
    value = None
    try:
        for case in node.cases[start:]:
            for statement in case.statements:
                value = yield _statement(statement, inner)
    except LoopSignal as signal:
        if signal.word != "break":
            raise
    return value


def _case_fits(test: tree.Node, subject: Any, scope: Scope) -> Code:
    case = yield evaluate(test, scope)
    if isinstance(case, ClosureValue):
        result = yield call_closure(case, [subject], scope)
        return truth(result)
    if isinstance(case, TypeValue):
        return instance_of(subject, case.name)
    return is_case(case, subject, scope.meter)


# Loops


def _pass(body: tree.Node, scope: Scope) -> Code:
    """Runs a loop's body once; whether the loop goes on."""
    try:
        yield _body(body, scope)
    except LoopSignal as signal:
        return signal.word == "continue"
    return True


def _for_in(node: tree.ForIn, scope: Scope) -> Code:
    items = yield evaluate(node.items, scope)
    for item in _iterated(items):
        inner = scope.inner()
        inner.names[node.name] = item
        if not (yield _pass(node.body, inner)):
            break


def _iterated(items: Any) -> list[Any]:
    match items:
        case None:
            return []
        case list() | str():
            return list(items)
        case dict():
            return [Entry(key, value) for key, value in items.items()]
        case MatcherValue():
            return items.items()
        case Entry() | ClosureValue():
            raise script_error("IllegalArgumentException", f"cannot loop over a {type_name(items)}")
    return [items]


def _for_loop(node: tree.ForLoop, scope: Scope) -> Code:
    outer = scope.inner()
    for statement in node.start:
        yield _statement(statement, outer)
    while True:
        if node.condition is not None and not truth((yield evaluate(node.condition, outer))):
            return
        if not (yield _pass(node.body, outer.inner())):
            return
        for statement in node.advance:
            yield _statement(statement, outer)


def _while(node: tree.While, scope: Scope) -> Code:
    first = node.first
    while first or truth((yield evaluate(node.condition, scope))):
        first = False
        if not (yield _pass(node.body, scope.inner())):
            return


# Exceptions


def _try(node: tree.Try, scope: Scope) -> Code:
    if node.final is None:
        return (yield _caught(node, scope))
    try:
        value = yield _caught(node, scope)
    except (Thrown, ReturnSignal, LoopSignal):
        yield run_block(node.final, scope.inner())
        raise
    except BaseException as stop:
        # Cancelled. The block runs only where the host expects it, such as inside a time-out.
        if is_cancellation(stop) and scope.interpreter.host.unwinds(scope.thread.state):
            yield run_block(node.final, scope.inner())
        raise
    yield run_block(node.final, scope.inner())
    return value


def is_cancellation(stop: BaseException) -> bool:
    """Whether a task was cancelled (a closed generator must not run anything)."""
    return not isinstance(stop, Exception | GeneratorExit | KeyboardInterrupt | SystemExit)


def _caught(node: tree.Try, scope: Scope) -> Code:
    try:
        return (yield run_block(node.body, scope.inner()))
    except Thrown as thrown:
        handler = _handler(node, thrown.value)
        if handler is None:
            raise
        caught = thrown.value
    inner = scope.inner()
    inner.names[handler.name] = caught
    return (yield run_block(handler.body, inner))


def _handler(node: tree.Try, value: ExceptionValue) -> tree.Catch | None:
    for handler in node.catches:
        if not handler.types:
            if value.is_a("Exception"):
                return handler
        elif any(value.is_a(name) for name in handler.types):
            return handler
    return None


def _throw(node: tree.Throw, scope: Scope) -> Code:
    value = yield evaluate(node.value, scope)
    if not isinstance(value, ExceptionValue):
        raise script_error("GroovyCastException", f"a {type_name(value)} cannot be thrown")
    raise Thrown(value)


def _assert(node: tree.Assert, scope: Scope) -> Code:
    if truth((yield evaluate(node.condition, scope))):
        return
    message = f"assert {node.text}"
    if node.message is not None:
        text = to_text((yield evaluate(node.message, scope)), scope.meter)
        message = f"{text}. Expression: {node.text}"
    raise script_error("PowerAssertionError", message)


# Jumps and the rest


def _return(node: tree.Return, scope: Scope) -> Code:
    value = None
    if node.value is not None:
        value = yield evaluate(node.value, scope)
    raise ReturnSignal(value)


def _jump(node: tree.Node, scope: Scope) -> Ready:
    raise LoopSignal("break" if isinstance(node, tree.Break) else "continue")


def _nothing(node: tree.Node, scope: Scope) -> Ready:
    return Ready(None)


def _annotation(node: tree.Annotation, scope: Scope) -> Ready:
    raise script_error(
        "UnsupportedOperationException", "@Library: shared libraries are not available"
    )


def _unsupported(node: tree.Unsupported, scope: Scope) -> Ready:
    raise script_error(
        "UnsupportedOperationException", f"{node.construct} is not supported: {node.hint}"
    )


_STATEMENTS: dict[type[tree.Node], Callable[..., Code | Ready]] = {
    tree.ExpressionStatement: _expression,
    tree.Block: _inner_block,
    tree.Declaration: _declaration,
    tree.If: _if,
    tree.Switch: _switch,
    tree.ForIn: _for_in,
    tree.ForLoop: _for_loop,
    tree.While: _while,
    tree.Try: _try,
    tree.Throw: _throw,
    tree.Assert: _assert,
    tree.Return: _return,
    tree.Break: _jump,
    tree.Continue: _jump,
    tree.Function: _nothing,
    tree.Import: _nothing,
    tree.Annotation: _annotation,
    tree.Unsupported: _unsupported,
}
