"""Parser: tokens to a tree for each template that a text defines.

Errors carry Go's texts; their line is that of the furthest token looked at, as Go's is.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final, Never

from towline.render.gotemplate.errors import ParseError
from towline.render.gotemplate.lexer import Token, tokenize
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
    Nil,
    Node,
    Number,
    Operand,
    Pipe,
    String,
    Text,
    Variable,
    is_empty,
)
from towline.render.gotemplate.numbers import parse_number
from towline.render.gotemplate.quoting import LiteralSyntaxError, quote, unquote

_MAX_PARENTHESES: Final = 60
_MAX_BLOCKS: Final = 90
_OPERANDS: Final = frozenset(
    {
        "bool",
        "rune",
        "complex",
        "dot",
        "field",
        "identifier",
        "number",
        "nil",
        "raw",
        "string",
        "variable",
        "(",
    }
)


def parse(name: str, text: str, functions: Container[str]) -> dict[str, tuple[Node, ...]]:
    """The trees of all templates that a text defines, by name; its own has an empty name.

    Args:
        name: The text's name, for errors.
        text: The text.
        functions: Names of the functions that it may call, built-in ones included.

    Raises:
        ParseError: The text is no template.
    """
    source = _Source(name, text, functions)
    tree = _Tree(source, "")
    tree.add(tree.top_level())
    return source.trees


class _Source:
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
        return self.text.count("\n", 0, position) + 1

    def fail(self, message: str) -> Never:
        line = self.line(self.tokens[self.furthest].position)
        raise ParseError(f"template: {self.name}:{line}: {message}")


class _Tree:
    """Recursive descent through one template's body."""

    def __init__(self, source: _Source, name: str) -> None:
        self.source = source
        self.name = name
        self.variables = ["$"]
        self.ranges = 0
        self.parentheses = 0
        self.action_line = 0

    # tokens

    def next(self) -> Token:
        source = self.source
        index = source.index
        if index > source.furthest:
            source.furthest = index
        source.index = index + 1 if index + 1 < len(source.tokens) else index
        return source.tokens[index]

    def peek(self) -> Token:
        source = self.source
        if source.index > source.furthest:
            source.furthest = source.index
        return source.tokens[source.index]

    def backup(self, token: Token) -> None:
        """Unread the token; the last one of a text stays in place when read."""
        if token.kind not in {"error", "eof"}:
            self.source.index -= 1

    def next_non_space(self) -> Token:
        token = self.next()
        return self.next() if token.kind == "space" else token

    def peek_non_space(self) -> Token:
        token = self.peek()
        if token.kind == "space":
            self.source.index += 1
            token = self.peek()
        return token

    def unexpected(self, token: Token, context: str) -> Never:
        if token.kind == "error":
            line = self.source.line(token.position)
            extra = ""
            if self.action_line not in {0, line}:
                extra = f" in action started at {self.source.name}:{self.action_line}"
                if token.value.endswith(" action"):
                    extra = extra.removeprefix(" in action")
            self.source.fail(token.value + extra)
        self.source.fail(f"unexpected {token.describe()} in {context}")

    def expect(self, kind: str, context: str) -> Token:
        token = self.next_non_space()
        if token.kind != kind:
            self.unexpected(token, context)
        return token

    # templates

    def add(self, nodes: tuple[Node, ...]) -> None:
        trees = self.source.trees
        if self.name not in trees or is_empty(trees[self.name]):
            trees[self.name] = nodes
        elif not is_empty(nodes):
            self.source.fail(f"template: multiple definition of template {quote(self.name)}")

    def top_level(self) -> tuple[Node, ...]:
        nodes: list[Node] = []
        source = self.source
        while self.peek().kind != "eof":
            if self.peek().kind == "{{":
                start = source.index
                self.next()
                if self.next_non_space().kind == "define":
                    self.definition()
                    continue
                source.index = start
            item = self.text_or_action()
            if isinstance(item, str):
                source.fail(f"unexpected {item}")
            nodes.append(item)
        return tuple(nodes)

    def definition(self) -> None:
        inner = _Tree(self.source, "definition")
        inner.name = inner.template_name(inner.next_non_space(), "define clause")
        inner.expect("}}", "define clause")
        inner.add(inner.body("define clause"))

    def body(self, context: str) -> tuple[Node, ...]:
        nodes, end = self.item_list()
        if end != "{{end}}":
            self.source.fail(f"unexpected {end} in {context}")
        return nodes

    def item_list(self) -> tuple[tuple[Node, ...], str]:
        """The nodes up to an end or else, and which of the two it was."""
        nodes: list[Node] = []
        self.source.blocks += 1
        if self.source.blocks > _MAX_BLOCKS:
            self.source.fail("max block depth exceeded")
        while self.peek_non_space().kind != "eof":
            item = self.text_or_action()
            if isinstance(item, str):
                self.source.blocks -= 1
                return tuple(nodes), item
            nodes.append(item)
        self.source.fail("unexpected EOF")

    def text_or_action(self) -> Node | str:
        token = self.next_non_space()
        if token.kind == "text":
            return Text(position=token.position, value=token.value)
        if token.kind != "{{":
            self.unexpected(token, "input")
        self.action_line = self.source.line(token.position)
        item = self.action()
        self.action_line = 0
        return item

    # actions

    def action(self) -> Node | str:
        token = self.next_non_space()
        match token.kind:
            case "if" | "with" | "range":
                return self.control(token.kind)
            case "end":
                self.expect("}}", "end")
                return "{{end}}"
            case "else":
                return self.else_control()
            case "template":
                return self.call()
            case "block":
                return self.block()
            case "break" | "continue":
                return self.loop_control(token)
        self.backup(token)
        position = self.peek().position
        return Action(position=position, pipe=self.pipeline("command", "}}"))

    def loop_control(self, token: Token) -> Node:
        shown = f"{{{{{token.kind}}}}}"
        end = self.next_non_space()
        if end.kind != "}}":
            self.unexpected(end, shown)
        if self.ranges == 0:
            self.source.fail(f"{shown} outside {{{{range}}}}")
        kind = Break if token.kind == "break" else Continue
        return kind(position=token.position)

    def else_control(self) -> str:
        if self.peek_non_space().kind not in {"if", "with"}:
            self.expect("}}", "else")
        return "{{else}}"

    def control(self, word: str) -> Branch:
        scope = len(self.variables)
        pipe = self.pipeline(word, "}}")
        self.ranges += word == "range"
        body, end = self.item_list()
        self.ranges -= word == "range"
        otherwise: tuple[Node, ...] | None = None
        if end == "{{else}}":
            if word in {"if", "with"} and self.peek().kind == word:
                self.next()
                self.source.blocks += 1
                otherwise = (self.control(word),)
                self.source.blocks -= 1
            else:
                otherwise, end = self.item_list()
                if end != "{{end}}":
                    self.source.fail(f"expected end; found {end}")
        del self.variables[scope:]
        return Branch(
            position=pipe.position, word=word, pipe=pipe, body=body, otherwise=otherwise
        )

    def template_name(self, token: Token, context: str) -> str:
        if token.kind not in {"string", "raw"}:
            self.unexpected(token, context)
        return self.unquoted(token)

    def unquoted(self, token: Token) -> str:
        try:
            return unquote(token.value)
        except LiteralSyntaxError as error:
            self.source.fail(str(error))

    def call(self) -> Call:
        token = self.next_non_space()
        name = self.template_name(token, "template clause")
        pipe = None
        if self.peek_non_space().kind != "}}":
            pipe = self.pipeline("template clause", "}}")
        else:
            self.next()
        return Call(position=token.position, name=name, pipe=pipe)

    def block(self) -> Call:
        token = self.next_non_space()
        name = self.template_name(token, "block clause")
        pipe = self.pipeline("block clause", "}}")
        inner = _Tree(self.source, name)
        inner.add(inner.body("block clause"))
        return Call(position=token.position, name=name, pipe=pipe)

    # pipelines

    def pipeline(self, context: str, end: str) -> Pipe:
        position = self.peek_non_space().position
        variables, assigns = self.declarations(context)
        commands: list[Command] = []
        while True:
            token = self.next_non_space()
            if token.kind == end:
                self.check_commands(commands, context)
                return Pipe(
                    position=position,
                    commands=tuple(commands),
                    variables=tuple(variables),
                    assigns=assigns,
                )
            if token.kind not in _OPERANDS:
                self.unexpected(token, context)
            self.source.index -= 1
            commands.append(self.command())

    def declarations(self, context: str) -> tuple[list[Variable], bool]:
        """The variables before `:=` or `=`, and whether it is the latter."""
        variables: list[Variable] = []
        while self.peek_non_space().kind == "variable":
            start = self.source.index
            token = self.next()
            following = self.peek_non_space()
            comma = following.kind == "char" and following.value == ","
            if following.kind not in {"=", ":="} and not comma:
                self.source.index = start
                break
            self.next()
            variables.append(Variable(position=token.position, names=(token.value,)))
            self.variables.append(token.value)
            if not comma:
                return variables, following.kind == "="
            if context != "range" or len(variables) > 1:
                self.source.fail(f"too many declarations in {context}")
            if self.peek_non_space().kind not in {"variable", "}}", ")"}:
                self.source.fail("range can only initialize variables")
        return variables, False

    def check_commands(self, commands: list[Command], context: str) -> None:
        if not commands:
            self.source.fail(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.operands[0], Boolean | Dot | Nil | Number | String):
                self.source.fail(f"non executable command in pipeline stage {stage}")

    def command(self) -> Command:
        position = self.peek_non_space().position
        operands: list[Operand] = []
        while True:
            self.peek_non_space()
            operand = self.operand()
            if operand is not None:
                operands.append(operand)
            token = self.next()
            if token.kind == "space":
                continue
            if token.kind in {"}}", ")"}:
                self.source.index -= 1
            elif token.kind != "|":
                self.unexpected(token, "operand")
            break
        if not operands:
            self.source.fail("empty command")
        return Command(position=position, operands=tuple(operands))

    def operand(self) -> Operand | None:
        node = self.term()
        if node is None or self.peek().kind != "field":
            return node
        position = self.peek().position
        names: list[str] = []
        while self.peek().kind == "field":
            names.append(self.next().value[1:])
        match node:
            case Field() | Variable():
                return type(node)(position=position, names=(*node.names, *names))
            case Boolean() | String() | Number() | Nil() | Dot():
                self.source.fail(f"unexpected . after term {quote(str(node))}")
        return Chain(position=position, node=node, names=tuple(names))

    def term(self) -> Operand | None:
        token = self.next_non_space()
        position, value = token.position, token.value
        match token.kind:
            case "identifier":
                if value not in self.source.functions:
                    self.source.fail(f"function {quote(value)} not defined")
                return Identifier(position=position, name=value)
            case "dot":
                return Dot(position=position)
            case "nil":
                return Nil(position=position)
            case "variable":
                if value not in self.variables:
                    self.source.fail(f"undefined variable {quote(value)}")
                return Variable(position=position, names=(value,))
            case "field":
                return Field(position=position, names=(value[1:],))
            case "bool":
                return Boolean(position=position, value=value == "true")
            case "string" | "raw":
                return String(position=position, source=value, value=self.unquoted(token))
            case "number" | "rune" | "complex":
                return self.number(token)
            case "(":
                return self.parenthesized()
        self.backup(token)
        return None

    def number(self, token: Token) -> Number:
        try:
            return parse_number(token.position, token.value, token.kind)
        except LiteralSyntaxError as error:
            self.source.fail(str(error))

    def parenthesized(self) -> Pipe:
        if self.parentheses >= _MAX_PARENTHESES:
            self.source.fail("max expression depth exceeded")
        self.parentheses += 1
        pipe = self.pipeline("parenthesized pipeline", ")")
        self.parentheses -= 1
        return pipe
