"""Parser: a text to the tree of each template that it defines.

Errors carry Go's texts.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from towline.render.gotemplate.lexer import Token
from towline.render.gotemplate.nodes import (
    Action,
    Branch,
    Break,
    Call,
    Continue,
    Node,
    Text,
    is_empty,
)
from towline.render.gotemplate.pipelines import PipelineParser, Source
from towline.render.gotemplate.quoting import quote

_MAX_BLOCKS: Final = 90


def parse(name: str, text: str, functions: Container[str]) -> dict[str, tuple[Node, ...]]:
    """The trees of all templates that a text defines, by name; its own has an empty name.

    Args:
        name: The text's name, for errors.
        text: The text.
        functions: Names of the functions that it may call, built-in ones included.

    Raises:
        ParseError: The text is no template.
    """
    source = Source(name, text, functions)
    tree = _TemplateParser(source, "")
    try:
        tree.add(tree.top_level(), len(text))
    except RecursionError:
        source.fail("template nests too deeply", source.tokens[source.index][1])
    return source.trees


class _TemplateParser(PipelineParser):
    """Recursive descent through one template's body."""

    def __init__(self, source: Source, name: str) -> None:
        super().__init__(source)
        self.name = name
        self.ranges = 0

    def add(self, nodes: tuple[Node, ...], position: int) -> None:
        """Keep the template's tree; an empty one neither replaces another nor keeps one out."""
        trees = self.source.trees
        if self.name not in trees or is_empty(trees[self.name]):
            trees[self.name] = nodes
        elif not is_empty(nodes):
            message = f"template: multiple definition of template {quote(self.name)}"
            self.source.fail(message, position)

    def top_level(self) -> tuple[Node, ...]:
        nodes: list[Node] = []
        source = self.source
        while self.peek()[0] != "eof":
            if self.peek()[0] == "{{" and self.tokens[source.index + 1][0] == "define":
                source.index += 2
                self._definition()
                continue
            item = self._text_or_action()
            if isinstance(item, str):
                source.fail(f"unexpected {item}", self._last())
            nodes.append(item)
        return tuple(nodes)

    def _last(self) -> int:
        """The position of the token that was taken last."""
        return self.tokens[max(self.source.index - 1, 0)][1]

    def _definition(self) -> None:
        inner = _TemplateParser(self.source, "")
        inner.name = inner.template_name(inner.next(), "define clause")
        inner.expect("}}", "define clause")
        inner.add(inner.body("define clause"), self._last())

    def body(self, context: str, opening: int | None = None) -> tuple[Node, ...]:
        """Parse a template's body and its end; an else there is an error at `opening`."""
        nodes, end = self._item_list()
        if end != "{{end}}":
            position = self._last() if opening is None else opening
            self.source.fail(f"unexpected {end} in {context}", position)
        return nodes

    def _item_list(self) -> tuple[tuple[Node, ...], str]:
        """The nodes up to an end or else, and which of the two it was."""
        nodes: list[Node] = []
        source = self.source
        source.blocks += 1
        if source.blocks > _MAX_BLOCKS:
            source.fail("max block depth exceeded", self.peek()[1])
        while self.peek()[0] != "eof":
            item = self._text_or_action()
            if isinstance(item, str):
                source.blocks -= 1
                return tuple(nodes), item
            nodes.append(item)
        return source.fail("unexpected EOF", self.peek()[1])

    def _text_or_action(self) -> Node | str:
        token = self.next()
        kind, position, value, _ = token
        if kind == "text":
            return Text(position, value)
        if kind != "{{":
            self.unexpected(token, "input")
        self.action = position
        item = self._action()
        self.action = -1
        return item

    def _action(self) -> Node | str:
        token = self.peek()
        match token[0]:
            case "end":
                self.next()
                self.expect("}}", "end")
                return "{{end}}"
            case "if" | "with" | "range":
                self.next()
                return self._control(token[0])
            case "else":
                self.next()
                if self.peek()[0] not in {"if", "with"}:
                    self.expect("}}", "else")
                return "{{else}}"
            case "template":
                self.next()
                return self._call()
            case "block":
                self.next()
                return self._block()
            case "break" | "continue":
                self.next()
                return self._loop_control(token)
        return Action(token[1], self.pipeline("command", "}}"))

    def _loop_control(self, token: Token) -> Node:
        shown = f"{{{{{token[0]}}}}}"
        end = self.next()
        if end[0] != "}}":
            self.unexpected(end, shown)
        if self.ranges == 0:
            self.source.fail(f"{shown} outside {{{{range}}}}", end[1])
        return Break(token[1]) if token[0] == "break" else Continue(token[1])

    def _control(self, word: str) -> Branch:
        scope = len(self.variables)
        pipe = self.pipeline(word, "}}")
        self.ranges += word == "range"
        body, end = self._item_list()
        self.ranges -= word == "range"
        otherwise: tuple[Node, ...] | None = None
        if end == "{{else}}":
            if word != "range" and self.peek()[0] == word:
                self.next()
                self.source.blocks += 1
                otherwise = (self._control(word),)
                self.source.blocks -= 1
            else:
                otherwise, end = self._item_list()
                if end != "{{end}}":
                    self.source.fail(f"expected end; found {end}", self._last())
        del self.variables[scope:]
        return Branch(pipe.position, word, pipe, body, otherwise)

    def template_name(self, token: Token, context: str) -> str:
        """The name that a string token denotes."""
        if token[0] not in {"string", "raw"}:
            self.unexpected(token, context)
        return self.unquoted(token)

    def _call(self) -> Call:
        token = self.next()
        name = self.template_name(token, "template clause")
        pipe = None
        if self.peek()[0] == "}}":
            self.next()
        else:
            pipe = self.pipeline("template clause", "}}")
        return Call(token[1], name, pipe)

    def _block(self) -> Call:
        token = self.next()
        name = self.template_name(token, "block clause")
        pipe = self.pipeline("block clause", "}}")
        inner = _TemplateParser(self.source, name)
        inner.add(inner.body("block clause", self._last()), self._last())
        return Call(token[1], name, pipe)
