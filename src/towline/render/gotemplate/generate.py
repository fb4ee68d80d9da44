"""The compiler: a template's tree to the source of one Python function.

The function is `def template(rt, o, d0)`: the execution, the output's append, and the dot. It calls
only names of the function set's namespace. A pipeline becomes one expression; variables, dots and
temporaries become locals.

Places for errors cost nothing at run time: whatever may fail starts a call that ends its source
line with a mark `#N`, and `Source.nodes[N]` is the node that Go would name. Order of evaluation, and
the node an error names, follow exec.go: `at` is the node that execution stands on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from towline.render.gotemplate.functions import ANY, Function, GoType
from towline.render.gotemplate.nodes import (
    Action,
    Boolean,
    Branch,
    Break,
    Call,
    Chain,
    Command,
    Continue,
    Dot,
    Field,
    Identifier,
    Literal,
    Nil,
    Node,
    Number,
    Operand,
    Pipe,
    String,
    Text,
    Variable,
)
from towline.render.gotemplate.numbers import complex_value

_PYTHON: Final = {
    "string": "str",
    "int": "int",
    "bool": "bool",
    "float64": "float",
    "map[string]interface {}": "dict",
    "[]interface {}": "list",
}
_EXPECTED: Final = {
    "string": "string",
    "bool": "bool",
    "int": "integer",
    "int32": "integer",
    "int64": "integer",
    "uint8": "unsigned integer",
    "uint64": "unsigned integer",
    "float64": "float",
}
_UNTYPED: Final = frozenset({"interface {}", "reflect.Value"})
_COMPARE: Final = frozenset({"ne", "lt", "le", "gt", "ge"})


class Source(msgspec.Struct, frozen=True):
    """A compiled template.

    Attributes:
        code: Python source.
        nodes: The nodes that its marks name.
    """

    code: str
    nodes: tuple[Operand | Node | Command, ...]


class _Value(msgspec.Struct, frozen=True):
    """An expression.

    Attributes:
        code: Python source: an atom, a call, or in parentheses.
        kind: Its Go type when that is known, else an empty string.
        boxed: Whether a nil of it is a nil of type interface {} (see `fields`).
        simple: Whether it neither fails nor has effects.
    """

    code: str
    kind: str = ""
    boxed: bool = False
    simple: bool = False


class _Local(msgspec.Struct, frozen=True):
    """A variable in scope.

    Attributes:
        name: With its dollar.
        local: The Python local that holds it.
        boxed: As in `_Value`.
        certain: Whether its declaration is always reached; and/or may skip one inside them.
    """

    name: str
    local: str
    boxed: bool
    certain: bool = True


def generate(
    nodes: tuple[Node, ...], functions: Mapping[str, Function], overridden: frozenset[str]
) -> Source:
    """Compile a template's body.

    Args:
        nodes: The body.
        functions: All functions by name, built-in ones included.
        overridden: Names of built-in functions that were replaced.
    """
    generator = _Generator(functions, overridden)
    generator.body(nodes)
    head = "def template(rt, o, d0):\n v0 = d0\n"
    head += "".join(f" {local} = unset\n" for local in generator.unset)
    return Source(
        code=head + "\n".join(generator.lines) + "\n",
        nodes=tuple(generator.nodes),
    )


class _Generator:
    def __init__(self, functions: Mapping[str, Function], overridden: frozenset[str]) -> None:
        self.functions = functions
        self.overridden = overridden
        self.lines: list[str] = []
        self.nodes: list[Operand | Node | Command] = []
        self.at: Operand | Node | Command = Dot(position=0)
        self.indent = 1
        self.dot = _Value(code="d0", simple=True)
        self.scope = [_Local(name="$", local="v0", boxed=False)]
        self.unset: list[str] = []
        self.skippable = 0
        self.locals = 0
        self.temporaries = 0

    # source

    def emit(self, statement: str) -> None:
        self.lines.append(" " * self.indent + statement)

    def mark(self, node: Operand | Node | Command | None = None) -> str:
        """The end of the line on which a call starts that may fail at the node."""
        self.nodes.append(self.at if node is None else node)
        return f" #{len(self.nodes) - 1}\n"

    def temporary(self) -> str:
        self.temporaries += 1
        return f"t{self.temporaries}"

    def local(self, letter: str) -> str:
        self.locals += 1
        return f"{letter}{self.locals}"

    def failure(self, message: str) -> _Value:
        return _Value(code=f"fail({self.mark()}{message!r})")

    # statements

    def body(self, nodes: tuple[Node, ...]) -> None:
        start = len(self.lines)
        for node in nodes:
            self.temporaries = 0
            self.statement(node)
        if len(self.lines) == start:
            self.emit("pass")

    def block(self, nodes: tuple[Node, ...]) -> None:
        scope = len(self.scope)
        self.indent += 1
        self.body(nodes)
        self.indent -= 1
        del self.scope[scope:]

    def statement(self, node: Node) -> None:
        match node:
            case Text():
                self.emit(f"o({node.value!r})")
            case Action():
                self.action(node)
            case Branch(word="range"):
                self.range(node)
            case Branch():
                self.branch(node, "if")
            case Call():
                self.call_template(node)
            case Break():
                self.emit("break")
            case Continue():
                self.emit("continue")

    def action(self, node: Action) -> None:
        self.at = node
        value = self.pipe(node.pipe)
        if node.pipe.variables:
            self.emit(value.code)
            return
        match value.kind:
            case "string":
                self.emit(f"o({value.code})")
            case "bool":
                self.emit(f"o('true' if {value.code} else 'false')")
            case _:
                name = self.temporary()
                self.emit(f"o({name} if type({name} := {value.code}) is str else text({name}))")

    def branch(self, node: Branch, word: str) -> None:
        scope = len(self.scope)
        dot = self.dot
        self.at = node
        value = self.pipe(node.pipe)
        if node.word == "with":
            name = self.local("d")
            self.emit(f"{word} ({name} := {value.code}):")
            self.dot = _Value(code=name, kind=value.kind, simple=True)
        else:
            self.emit(f"{word} {value.code}:")
        self.block(node.body)
        self.dot = dot
        match node.otherwise:
            case None:
                pass
            case (Branch(word="if" | "with") as only,):
                self.temporaries = 0
                self.branch(only, "elif")
            case nodes:
                self.emit("else:")
                self.block(nodes)
        del self.scope[scope:]

    def range(self, node: Branch) -> None:
        scope = len(self.scope)
        dot = self.dot
        self.at = node
        value = self.pipe(node.pipe, boxed=True)
        items, element = self.local("s"), self.local("d")
        count = len(node.pipe.variables)
        walk = "pairs" if count == 2 else "elements"
        self.emit(f"{items} = {walk}({self.mark()}rt, o, {value.code})")
        self.emit(f"if {items}:")
        self.indent += 1
        targets = [self.target(variable.names[0]) for variable in node.pipe.variables]
        key = f"{targets[0]}, " if count == 2 else ""
        self.emit(f"for {key}{element} in {items}:")
        if targets:
            self.indent += 1
            self.emit(f"{targets[-1]} = {element}")
            self.indent -= 1
        self.dot = _Value(code=element, boxed=True, simple=True)
        self.block(node.body)
        self.indent -= 1
        self.dot = dot
        if node.otherwise:
            self.emit("else:")
            self.block(node.otherwise)
        del self.scope[scope:]

    def target(self, name: str) -> str:
        found = self.find(name)
        return found.local if found is not None else "_"

    def call_template(self, node: Call) -> None:
        self.at = node
        found = f"find({self.mark()}rt, {node.name!r})"
        data = self.pipe(node.pipe).code if node.pipe is not None else "None"
        self.emit(f"run_template({self.mark(node)}{found}, rt, o, {data})")

    # pipelines

    def pipe(self, pipe: Pipe, *, boxed: bool = False) -> _Value:
        """The pipeline's value; its variables are set within the expression.

        Args:
            pipe: The pipeline.
            boxed: Whether its variables will hold entries of a map or slice (range).
        """
        self.at = pipe
        value: _Value | None = None
        for command in pipe.commands:
            value = msgspec.structs.replace(self.command(command, value), boxed=False)
        if value is None:
            raise AssertionError("the parser refuses empty pipelines")
        for variable in pipe.variables:
            value = self.store(variable.names[0], value, pipe, boxed=boxed)
        return value

    def store(self, name: str, value: _Value, pipe: Pipe, *, boxed: bool) -> _Value:
        code = value.code if value.simple else f"keep({value.code})"
        if pipe.assigns:
            found = self.find(name)
            if found is None:
                return _Value(code=f"({code}, {self.failure(f'undefined variable: {name}').code})")
            local = found.local
        else:
            local = self.local("v")
            self.scope.append(
                _Local(name=name, local=local, boxed=boxed, certain=not self.skippable)
            )
            if self.skippable:
                self.unset.append(local)
        return msgspec.structs.replace(value, code=f"({local} := {code})", simple=False)

    def find(self, name: str) -> _Local | None:
        return next((local for local in reversed(self.scope) if local.name == name), None)

    def command(self, command: Command, final: _Value | None) -> _Value:
        first = command.operands[0]
        match first:
            case Field() | Chain() | Variable():
                return self.chained(first, command.operands[1:], final)
            case Identifier():
                return self.function(first, command, command.operands[1:], final)
            case Pipe():
                return self.no_function(command, final) or self.pipe(first)
        self.at = first
        refused = self.no_function(command, final)
        if refused is not None:
            return refused
        match first:
            case Dot():
                return self.dot
            case Nil():
                return self.failure("nil is not a command")
            case Boolean() | String() | Number():
                return self.literal(first, ANY)

    def no_function(self, command: Command, final: _Value | None) -> _Value | None:
        """The error of arguments given to what takes none; None when there are none."""
        if len(command.operands) == 1 and final is None:
            return None
        failed = self.failure(
            f"can't give argument to non-function {command.operands[0]}"
        )
        return self.after(final, failed)

    def after(self, first: _Value | None, then: _Value) -> _Value:
        """Both values evaluated in order; the result is the second."""
        if first is None or first.simple:
            return then
        return msgspec.structs.replace(then, code=f"({first.code}, {then.code})[1]")

    # fields and variables

    def chained(
        self, node: Field | Chain | Variable, operands: tuple[Operand, ...], final: _Value | None
    ) -> _Value:
        self.at = node
        match node:
            case Field():
                receiver, names = self.dot, node.names
            case Variable():
                receiver, names = self.variable(node.names[0]), node.names[1:]
            case Chain():
                if isinstance(node.node, Nil):
                    return self.failure(f"indirection through explicit nil in {node}")
                receiver, names = self.operand(node.node), node.names
        if not names:
            if operands or final is not None:
                failed = self.failure(f"can't give argument to non-function {node}")
                return self.after(final, failed)
            return receiver
        if operands or final is not None:
            return self.method(receiver, names, operands, final)
        return self.fields(receiver, names)

    def variable(self, name: str) -> _Value:
        found = self.find(name)
        if found is None:
            return self.failure(f"undefined variable: {name}")
        if not found.certain:
            return _Value(code=f"declared({self.mark()}{found.local}, {name!r})")
        return _Value(code=found.local, boxed=found.boxed, simple=True)

    def fields(self, receiver: _Value, names: tuple[str, ...]) -> _Value:
        letter = "g" if receiver.boxed else "f"
        if len(names) <= 3:
            shown = ", ".join(map(repr, names))
            code = f"{letter}{len(names)}({self.mark()}{receiver.code}, {shown})"
        else:
            code = f"{letter}n({self.mark()}{receiver.code}, {names!r})"
        return _Value(code=code, boxed=True)

    def method(
        self,
        receiver: _Value,
        names: tuple[str, ...],
        operands: tuple[Operand, ...],
        final: _Value | None,
    ) -> _Value:
        bound = self.temporary()
        count = len(operands) + (final is not None)
        place, held = self.mark(), ""
        binding = f"{bound} := bind({self.mark()}{receiver.code}, {names!r}, {receiver.boxed}, {count})"
        if final is not None and not final.simple:
            held = self.temporary()
        arguments = []
        for at, operand in enumerate(operands):
            value = self.method_argument(operand)
            arguments.append(f"given({self.mark()}{bound}, {at}, {value})")
        if final is not None:
            value = held or final.code
            arguments.append(f"given({self.mark()}{bound}, {count - 1}, {value})")
        code = f"invoke({place}({binding}), ({', '.join(arguments)},))"
        if held and final is not None:
            code = f"({held} := {final.code}, {code})[1]"
        return _Value(code=code, boxed=True)

    def method_argument(self, operand: Operand) -> str:
        if isinstance(operand, Boolean | String | Number):
            value = self.literal(operand, ANY)
            return f"constant({value.code}, {str(operand)!r})"
        return self.operand(operand).code

    # operands

    def operand(self, operand: Operand) -> _Value:
        """The operand's value where any type will do."""
        self.at = operand
        match operand:
            case Dot():
                return self.dot
            case Nil():
                return _Value(code="None", simple=True)
            case Field() | Variable() | Chain():
                return self.chained(operand, (), None)
            case Pipe():
                return self.pipe(operand)
            case Identifier():
                return self.function(operand, operand, (), None)
            case Boolean() | String() | Number():
                return self.literal(operand, ANY)

    def argument(self, operand: Operand, wanted: GoType, parameter: str) -> _Value:
        """The operand as an argument for a parameter of the type."""
        self.at = operand
        if isinstance(operand, Boolean | String | Number):
            return self.literal(operand, wanted)
        if isinstance(operand, Nil) and not wanted.nilable:
            return self.failure(f"cannot assign nil to {wanted.name}")
        return self.converted(self.operand(operand), wanted, parameter)

    def converted(self, value: _Value, wanted: GoType, parameter: str) -> _Value:
        if wanted.name in _UNTYPED or value.kind == wanted.name:
            return value
        python = _PYTHON.get(wanted.name)
        if python is None:
            code = f"convert({self.mark()}{value.code}, {parameter}, {value.boxed})"
            return _Value(code=code, kind=wanted.name)
        name = value.code if value.simple else self.temporary()
        given = name if value.simple else f"{name} := {value.code}"
        slow = f"convert({self.mark()}{name}, {parameter}, {value.boxed})"
        code = f"({name} if type({given}) is {python} else {slow})"
        return _Value(code=code, kind=wanted.name)

    def literal(self, operand: Literal, wanted: GoType) -> _Value:
        self.at = operand
        if wanted.name in _UNTYPED:
            return self.untyped(operand)
        value: Any = None
        match operand:
            case Boolean() if wanted.name == "bool":
                value = operand.value
            case String() if wanted.name == "string":
                value = operand.value
            case Number():
                value = _typed_number(operand, wanted.name)
        if value is not None:
            return _Value(code=_constant(value, wanted.name), kind=wanted.name, simple=True)
        expected = _EXPECTED.get(wanted.name)
        if expected is None:
            return self.failure(f"can't handle {operand} for arg of type {wanted.name}")
        return self.failure(f"expected {expected}; found {operand}")

    def untyped(self, operand: Literal) -> _Value:
        match operand:
            case Boolean():
                return _Value(code=repr(operand.value), kind="bool", simple=True)
            case String():
                return _Value(code=repr(operand.value), kind="string", simple=True)
        if operand.is_complex:
            return _Value(code=f"({complex_value(operand.source)!r})", simple=True)
        if operand.floating is not None and _looks_floating(operand.source):
            return _Value(code=f"({operand.floating!r})", kind="float64", simple=True)
        if operand.integer is None:
            return self.failure(f"{operand.source} overflows int")
        return _Value(code=f"({operand.integer})", kind="int", simple=True)

    # functions

    def function(
        self,
        node: Identifier,
        place: Operand | Command,
        operands: tuple[Operand, ...],
        final: _Value | None,
    ) -> _Value:
        """The function's result; errors that it returns are those of `place`."""
        self.at = node
        function = self.functions[node.name]
        refused = self.wrong_count(node.name, function, len(operands), final is not None)
        if refused is not None:
            return self.after(final, refused)
        builtin = node.name not in self.overridden and node.name in BUILTIN_CODE
        held: _Value | None = None
        if final is not None and not final.simple and not all(map(_is_constant, operands)):
            held = final
            final = msgspec.structs.replace(final, code=self.temporary(), simple=True)
        values = []
        for at, operand in enumerate(operands):
            wanted, parameter = self.parameter(node.name, function, at)
            skippable = bool(at and builtin and node.name in {"and", "or"})
            self.skippable += skippable
            values.append(self.argument(operand, wanted, parameter))
            self.skippable -= skippable
        if final is not None:
            wanted, parameter = self.parameter(node.name, function, len(operands))
            values.append(self.converted(final, wanted, parameter))
        if builtin:
            result = self.builtin(node.name, place, operands, values)
        else:
            result = self.plain_call(node.name, function, place, values)
        if held is None or final is None:
            return result
        code = f"({final.code} := {held.code}, {result.code})[1]"
        return msgspec.structs.replace(result, code=code)

    def wrong_count(
        self, name: str, function: Function, operands: int, piped: bool
    ) -> _Value | None:
        fixed, given = len(function.params), operands + piped
        if function.rest is not None and given < fixed:
            return self.failure(
                f"wrong number of args for {name}: want at least {fixed} got {operands}"
            )
        if function.rest is None and given != fixed:
            return self.failure(f"wrong number of args for {name}: want {fixed} got {given}")
        return None

    def parameter(self, name: str, function: Function, at: int) -> tuple[GoType, str]:
        if at < len(function.params):
            return function.params[at], f"p{at}_{name}"
        if function.rest is None:
            raise AssertionError("the number of arguments was checked")
        return function.rest, f"pr_{name}"

    def plain_call(
        self, name: str, function: Function, place: Operand | Command, values: list[_Value]
    ) -> _Value:
        listed = ", ".join(value.code for value in values)
        context = "rt, " if function.context else ""
        code = f"f_{name}({self.mark(place)}{context}{listed})"
        kind = function.result.name if function.result.name in _EXPECTED else ""
        return _Value(code=code, kind=kind, boxed=function.result is ANY)

    def builtin(
        self,
        name: str,
        place: Operand | Command,
        operands: tuple[Operand, ...],
        values: list[_Value],
    ) -> _Value:
        codes = [value.code for value in values]
        listed = ", ".join(codes)
        if name in {"and", "or"}:
            return _Value(code=f"({f' {name} '.join(codes)})") if len(codes) > 1 else values[0]
        if name == "not":
            return _Value(code=f"(not {listed})", kind="bool")
        mark = self.mark(place)
        if name == "eq":
            called = "eq" if len(codes) == 2 else "eq_any"
            return _Value(code=f"{called}({mark}{listed})", kind="bool")
        if name == "len":
            called = "length_of_interface" if values[0].boxed else "length"
            return _Value(code=f"{called}({mark}{listed})", kind="int")
        if name == "call":
            shown = str(operands[0]) if operands else None
            return _Value(code=f"call({mark}{shown!r}, {codes[0]})")
        kind = "bool" if name in _COMPARE else self.functions[name].result.name
        return _Value(
            code=f"{BUILTIN_CODE[name]}({mark}{listed})", kind=kind if kind in _EXPECTED else ""
        )


BUILTIN_CODE: Final = {
    "and": "and",
    "or": "or",
    "not": "not",
    "eq": "eq",
    "ne": "ne",
    "lt": "lt",
    "le": "le",
    "gt": "gt",
    "ge": "ge",
    "len": "length",
    "index": "index",
    "slice": "slice_",
    "html": "html",
    "js": "js",
    "urlquery": "urlquery",
    "print": "sprint_all",
    "printf": "sprintf",
    "println": "sprintln",
    "call": "call",
}


def _is_constant(operand: Operand) -> bool:
    return isinstance(operand, Boolean | String | Number | Nil | Dot)


def _looks_floating(source: str) -> bool:
    if source.startswith("'"):
        return False
    hexadecimal = source[:2].lower() == "0x" and not any(char in "pP" for char in source)
    return not hexadecimal and any(char in ".eEpP" for char in source)


def _typed_number(operand: Number, wanted: str) -> int | float | None:
    match _EXPECTED.get(wanted):
        case "integer":
            return operand.integer
        case "unsigned integer":
            return operand.unsigned
        case "float":
            return operand.floating
    return None


def _constant(value: Any, wanted: str) -> str:
    if wanted in {"int32", "int64", "uint8", "uint64"}:
        return f"{wanted}({value})"
    return f"({value!r})" if isinstance(value, int | float) else repr(value)
