"""Parser of pipelines: commands, operands, declarations."""

from __future__ import annotations

from collections.abc import Container
from typing import Final, Never

from towline.render.gotemplate.errors import ParseError
from towline.render.gotemplate.lexer import Token, describe, tokenize
from towline.render.gotemplate.nodes import (
    Boolean,
    Chain,
    Command,
    Dot,
    Field,
    Identifier,
    Nil,
    Node,
    Number,
    Operand,
    Pipe,
    String,
    Variable,
)
from towline.render.gotemplate.numbers import parse_number
from towline.render.gotemplate.quoting import LiteralSyntaxError, quote, unquote

_MAX_PARENTHESES: Final = 60
_LITERALS: Final = ("bool", "rune", "complex", "number", "nil", "raw", "string")
_TERMS: Final = frozenset((*_LITERALS, "dot", "field", "identifier", "variable", "("))


class Source:
    """The tokens of one text and the trees found so far, shared by its definitions."""

    def __init__(self, name: str, text: str, functions: Container[str]) -> None:
        self.name = name
        self.text = text
        self.functions = functions
        self.tokens = tokenize(text)
        self.index = 0
        self.furthest = 0
        self.blocks = 0
        self.trees: dict[str, tuple[Node, ...]] = {}

    def line(self, position: int) -> int:
        """The line of a character, from 1."""
        return self.text.count("\n", 0, position) + 1

    def fail(self, message: str, position: int) -> Never:
        """Refuse the text; Go names the line of the furthest token that it has looked at."""
        line = self.line(max(position, self.furthest))
        raise ParseError(f"template: {self.name}:{line}: {message}")


class PipelineParser:
    """Recursive descent through pipelines; the variables in scope are those of one template."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.tokens = source.tokens
        self.variables = ["$"]
        self.parentheses = 0
        self.action = -1  # where the action starts; -1 outside of one

    def peek(self) -> Token:
        """The next token."""
        return self.tokens[self.source.index]

    def next(self) -> Token:
        """Take the next token; the last one stays."""
        source = self.source
        token = self.tokens[source.index]
        if token[0] not in {"eof", "error"}:
            source.index += 1
        return token

    def unexpected(self, token: Token, context: str) -> Never:
        """Refuse the token."""
        source = self.source
        kind, position, value, _ = token
        if kind == "error":
            started, extra = source.line(max(self.action, 0)), ""
            if self.action >= 0 and started != source.line(position):
                extra = f" in action started at {source.name}:{started}"
                if value.endswith(" action"):
                    extra = extra.removeprefix(" in action")
            source.fail(value + extra, position)
        source.fail(f"unexpected {describe(token)} in {context}", position)

    def expect(self, kind: str, context: str) -> Token:
        """Take the next token, which must be of the kind."""
        token = self.next()
        if token[0] != kind:
            self.unexpected(token, context)
        return token

    def pipeline(self, context: str, end: str) -> Pipe:
        """Parse a pipeline and the token that ends it."""
        position = self.peek()[1]
        variables: tuple[Variable, ...] = ()
        assigns = False
        if self.peek()[0] == "variable":
            variables, assigns = self._declarations(context)
        commands: list[Command] = []
        while True:
            token = self.peek()
            if token[0] in _TERMS:
                commands.append(self._command())
                continue
            self.next()
            if token[0] != end:
                self.unexpected(token, context)
            self._check(commands, context, token)
            return Pipe(position, tuple(commands), variables, assigns)

    def _declarations(self, context: str) -> tuple[tuple[Variable, ...], bool]:
        """The variables before `:=` or `=`, and whether it is the latter."""
        variables: tuple[Variable, ...] = ()
        while self.peek()[0] == "variable":
            _, position, name, _ = self.next()
            kind, following, _, _ = self.peek()
            self.source.furthest = max(self.source.furthest, following)
            if kind not in {"=", ":=", ","}:
                self.source.index -= 1
                break
            self.next()
            variables += (Variable(position, (name,)),)
            self.variables.append(name)
            if kind != ",":
                return variables, kind == "="
            if context != "range" or len(variables) > 1:
                self.source.fail(f"too many declarations in {context}", following)
            if self.peek()[0] not in {"variable", "}}", ")"}:
                self.source.fail("range can only initialize variables", self.peek()[1])
        return variables, False

    def _check(self, commands: list[Command], context: str, end: Token) -> None:
        if not commands:
            self.source.fail(f"missing value for {context}", end[1])
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.operands[0], Boolean | Dot | Nil | Number | String):
                self.source.fail(f"non executable command in pipeline stage {stage}", end[1])

    def _command(self) -> Command:
        """Parse operands up to a `|`, which is taken, or the pipeline's end, which is not."""
        position = self.peek()[1]
        operands = [self._operand()]
        while True:
            token = self.peek()
            kind = token[0]
            if kind in _TERMS and token[3]:
                operands.append(self._operand())
                continue
            if kind == "|":
                self.source.index += 1
            elif kind not in {"}}", ")"}:
                self.unexpected(token, "operand")
            return Command(position, tuple(operands))

    def _operand(self) -> Operand:
        node = self._term()
        kind, position, value, spaced = self.tokens[self.source.index]
        if kind != "field" or spaced:
            return node
        names: list[str] = []
        while kind == "field" and not spaced:
            names.append(value[1:])
            last, end = self.source.index, position
            self.source.index = last + 1
            kind, position, value, spaced = self.tokens[last + 1]
            if len(names) == 1:
                start = end
        match node:
            case Field() | Variable():
                return type(node)(start, (*node.names, *names))
            case Boolean() | String() | Number() | Nil() | Dot():
                self.source.fail(f"unexpected . after term {quote(str(node))}", end)
        return Chain(start, node, tuple(names))

    def _term(self) -> Operand:
        """Parse one of the kinds in `_TERMS`."""
        source = self.source
        token = self.tokens[source.index]
        source.index += 1
        kind, position, value, _ = token
        if kind == "field":
            return Field(position, (value[1:],))
        if kind == "identifier":
            if value not in source.functions:
                source.fail(f"function {quote(value)} not defined", position)
            return Identifier(position, value)
        if kind == "variable":
            if value not in self.variables:
                source.fail(f"undefined variable {quote(value)}", position)
            return Variable(position, (value,))
        if kind in {"string", "raw"}:
            return String(position, value, self.unquoted(token))
        return self._other_term(token)

    def _other_term(self, token: Token) -> Operand:
        kind, position, value, _ = token
        match kind:
            case "dot":
                return Dot(position)
            case "nil":
                return Nil(position)
            case "bool":
                return Boolean(position, value == "true")
            case "(":
                return self._parenthesized(token)
        try:
            return parse_number(position, value, kind)
        except LiteralSyntaxError as error:
            self.source.fail(str(error), position)

    def unquoted(self, token: Token) -> str:
        """The text that a string token denotes."""
        try:
            return unquote(token[2])
        except LiteralSyntaxError as error:
            self.source.fail(str(error), token[1])

    def _parenthesized(self, token: Token) -> Pipe:
        if self.parentheses >= _MAX_PARENTHESES:
            self.source.fail("max expression depth exceeded", token[1])
        self.parentheses += 1
        pipe = self.pipeline("parenthesized pipeline", ")")
        self.parentheses -= 1
        return pipe
