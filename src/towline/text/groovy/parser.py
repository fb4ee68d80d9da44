"""Whole files: functions, imports, annotations, and statements. Pure."""

from __future__ import annotations

from towline.text.groovy import tree
from towline.text.groovy.lexer import tokenize
from towline.text.groovy.statements import StatementParser
from towline.text.groovy.tree import Node, Script

_TYPE_WORDS = frozenset({"class", "interface", "enum", "trait"})


def parse(source: str, file: str) -> Script:
    """Parses a script.

    Args:
        source: The text.
        file: Path for messages.

    Returns:
        The tree.

    Raises:
        InputError: With file, line and column of the first thing that is not the language.
    """
    parser = Parser(tokenize(source, file), source, file)
    statements = parser.script()
    functions: dict[str, tree.Function] = {}
    for node in statements:
        if isinstance(node, tree.Function):
            if node.name in functions:
                message = f"the function '{node.name}' is defined twice"
                raise parser.error(message, "overloads are not supported", at=node.at)
            functions[node.name] = node
    body = tree.Block(tree.Position(1, 1), statements)
    return Script(file=file, body=body, functions=functions, source=source)


class Parser(StatementParser):
    """Parses what stands at the top of a file."""

    def script(self) -> tuple[Node, ...]:
        """All statements of the file."""
        found: list[Node] = []
        self.skip_separators()
        while self.token.kind != "end":
            if self.at("}"):
                raise self.error("'}' closes nothing")
            node = self._top_level()
            self.append(found, node)
            # An annotation may share its line with what it annotates.
            if not isinstance(node, tree.Annotation | tree.Unsupported):
                self.end_of_statement()
            self.skip_separators()
        return tuple(found)

    # The top of the file

    def _top_level(self) -> Node:
        field = False
        while self.at("@"):
            annotation = self._annotation()
            if annotation is not None:
                return annotation
            field = field or self.tokens[self.index - 1].value == "Field"
            self.skip_newlines()
        if self.at_keyword("import"):
            return self._import()
        if self.at_keyword("package"):
            at = self.advance().at
            self.type_name()
            return tree.Import(at, "")
        self.skip_modifiers()
        if self.at_keyword(*_TYPE_WORDS):
            return self._type_definition()
        if self._function_follows():
            return self._function()
        if field:
            return self._declaration(field=True)
        return self.statement()

    def _annotation(self) -> Node | None:
        """An annotation; None for those that only mark what follows (`@NonCPS`, `@Field`)."""
        at = self.advance().at
        name = self.type_name().rsplit(".", 1)[-1]
        if name in {"NonCPS", "Field"}:
            return None
        arguments: tuple[Node, ...] = ()
        if self.take("("):
            arguments, _ = self._arguments(close=")")
            self.expect(")", "after the annotation")
        if name == "Library":
            if self.at_name() and self.token.value == "_":
                self.advance()
            return tree.Annotation(at, name, arguments)
        return tree.Unsupported(at, f"the annotation @{name}", "remove it")

    def _import(self) -> Node:
        at = self.advance().at
        self.take_keyword("static")
        if self.at_name() and self.token.value == "static":
            self.advance()
        name = self.type_name()
        if self.take("."):
            self.expect("*", "after the package")
            name += ".*"
        if self.take_keyword("as"):
            self.expect_name("a name")
        return tree.Import(at, name)

    def _type_definition(self) -> Node:
        """A class and its kin: read as balanced braces, reported, never run."""
        word = self.advance()
        name = self.expect_name("a name")
        while not self.at("{") and self.token.kind != "end":
            self.advance()
        depth = 0
        while self.token.kind != "end":
            token = self.advance()
            depth += token.is_operator("{") - token.is_operator("}")
            if depth == 0:
                break
        return tree.Unsupported(word.at, f"{word.value} {name}", "use functions and maps")

    def _function_follows(self) -> bool:
        """`def name(..) {`, `Type name(..) {` or `name(..) {` behind modifiers."""
        index = self.index
        if not self.at_keyword("def") and not self.type_starts():
            return False
        self.index += 1
        if not self.tokens[index].is_keyword("def") or not self._name_then_bracket():
            self.index = index
            if not self.take_keyword("def") or (self.at_name() and self.peek().kind == "name"):
                self.type_name()
        found = self._name_then_bracket()
        self.index = index
        return found

    def _name_then_bracket(self) -> bool:
        return self.at_name() and self.peek().is_operator("(")

    def _function(self) -> Node:
        at = self.token.at
        if not self.take_keyword("def") or not self._name_then_bracket():
            self.type_name()
        name = self.expect_name("a function name")
        self.expect("(", "after the function name")
        parameters = self.parameters(")")
        self.expect(")", "after the parameters")
        if self.take_keyword("throws"):
            self.type_name()
            while self.take(","):
                self.type_name()
        self.skip_newlines()
        return tree.Function(at, name, parameters, self.block())
