"""Statements: declarations, choices, loops, exceptions. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from towline.text.groovy import tree
from towline.text.groovy.expressions import ExpressionParser
from towline.text.groovy.tokens import KEYWORDS
from towline.text.groovy.tree import Node

_PRIMITIVES = frozenset(
    {
        "int", "long", "short", "byte", "char", "float", "double", "boolean", "void",
    }
)  # fmt: skip
_MODIFIERS = frozenset(
    {
        "public", "private", "protected", "static", "synchronized", "final", "abstract",
    }
)  # fmt: skip
_MAX_STATEMENTS = 20_000


class StatementParser(ExpressionParser):
    """Parses statements and blocks."""

    def statements_until_brace(self) -> tuple[Node, ...]:
        """Statements up to, and without, the closing brace."""
        found: list[Node] = []
        self.skip_separators()
        while not self.at("}") and self.token.kind != "end":
            self.append(found, self.statement())
            self.end_of_statement()
        return tuple(found)

    def append(self, found: list[Node], node: Node) -> None:
        """Adds a statement, within the bound."""
        found.append(node)
        if len(found) > _MAX_STATEMENTS:
            raise self.error("too many statements")

    def end_of_statement(self) -> None:
        """Takes what ends a statement, and everything empty behind it."""
        token = self.token
        if token.kind == "end" or token.is_operator("}"):
            return
        if token.kind != "newline" and not token.is_operator(";"):
            hint = "put the arguments in parentheses" if token.is_operator("{", "[") else ""
            raise self.error(f"unexpected {token.describe()} after the statement", hint)
        self.skip_separators()

    def skip_modifiers(self) -> None:
        """Skips `static`, `final` and their kin before a declaration."""
        while self.token.value in _MODIFIERS and self.token.kind == "name":
            following = self.peek()
            if following.kind != "name" or following.is_keyword("in", "as", "instanceof"):
                return
            self.advance()

    # Statements

    def statement(self) -> Node:
        """One statement."""
        self.enter()
        node = self._statement()
        self.leave()
        return node

    def _statement(self) -> Node:
        token = self.token
        if token.kind == "name" and token.value in KEYWORDS:
            parse_keyword = self._keyword_statements.get(token.value)
            if parse_keyword is not None:
                return parse_keyword(self)
        if token.is_operator("@"):
            raise self.error("an annotation is allowed only at the top of the file")
        if self.at_keyword("def", "final") or self._declaration_follows():
            return self._declaration(field=False)
        if token.is_operator("{"):
            return self._bare_block()
        return self._expression_statement()

    def _expression_statement(self) -> Node:
        at = self.token.at
        node = self.command()
        # `pipeline` and `stage(..)` may have their block on the next line.
        if self.token.kind == "newline" and self.after_newlines().is_operator("{"):
            plain_call = isinstance(node, tree.Call) and isinstance(node.callee, tree.Name)
            if isinstance(node, tree.Name) or (plain_call and self._takes_closure(node)):
                self.skip_newlines()
                node = self._with_closure(node)
        return tree.ExpressionStatement(at, node)

    def _bare_block(self) -> Node:
        closure = self.closure()
        if closure.parameters is None and self._ends_here():
            return closure.body
        raise self.error("a closure cannot stand alone", at=closure.at)

    def _ends_here(self) -> bool:
        return self.token.kind in {"newline", "end"} or self.at("}", ";")

    def block(self) -> tree.Block:
        """Statements in braces."""
        opening = self.expect("{", "to begin a block")
        self.enter()
        statements = self.statements_until_brace()
        self.leave()
        self.expect("}", "to end a block")
        return tree.Block(opening.at, statements)

    def body(self) -> Node:
        """A block, or one statement in its place."""
        self.skip_newlines()
        return self.block() if self.at("{") else self.statement()

    # Declarations

    def type_starts(self) -> bool:
        """Whether a type may begin here."""
        token = self.token
        if token.kind != "name":
            return False
        word = str(token.value)
        if word in _PRIMITIVES:
            return True
        if word in KEYWORDS:
            return False
        return word[:1].isupper() or self._qualified_type()

    def _qualified_type(self) -> bool:
        """`java.util.Map x`: a dotted name that ends in a capital and is followed by a name."""
        index = self.index
        while self.tokens[index].kind == "name" and self.tokens[index + 1].is_operator("."):
            index += 2
        if index == self.index or index + 1 >= len(self.tokens):
            return False
        capital = str(self.tokens[index].value)[:1].isupper()
        return capital and self.tokens[index + 1].kind == "name"

    def _declaration_follows(self) -> bool:
        """`Type name` and then `=`, `in`, or the end of the statement."""
        if not self.type_starts():
            return False
        index = self.index + 1
        while self.tokens[index].is_operator(".") and self.tokens[index + 1].kind == "name":
            index += 2
        if self.tokens[index].is_operator("<"):
            while not self.tokens[index].is_operator(">", ">>"):
                if self.tokens[index].kind in {"end", "newline"}:
                    return False
                index += 1
            index += 1
        if self.tokens[index].is_operator("[") and self.tokens[index + 1].is_operator("]"):
            index += 2
        name = self.tokens[index]
        if name.kind != "name" or name.value in KEYWORDS:
            return False
        after = self.tokens[index + 1]
        return after.kind in {"newline", "end"} or after.is_operator("=", ";", "}", ",")

    def _declaration(self, *, field: bool) -> Node:
        at = self.token.at
        self.skip_modifiers()
        self.take_keyword("final")
        kind = "def"
        if not self.take_keyword("def"):
            if self.peek().kind != "operator" or self._declaration_follows():
                kind = self.type_name()
        elif self._declaration_follows():
            kind = self.type_name()
        if self.take("("):
            return self._destructuring(at, field=field)
        names = [self.expect_name("a variable name")]
        if self.at("("):
            hint = "define functions at the top of the file"
            raise self.error("a function cannot be defined here", hint)
        values = [self._initial_value()]
        while self.take(","):
            self.skip_newlines()
            names.append(self.expect_name("a variable name"))
            values.append(self._initial_value())
        return tree.Declaration(at, tuple(names), kind, tuple(values), False, field)

    def _destructuring(self, at: tree.Position, *, field: bool) -> Node:
        names: list[str] = []
        while not self.at(")"):
            if self.peek().kind == "name":
                self.type_name()
            names.append(self.expect_name("a variable name"))
            if not self.take(","):
                break
        self.expect(")", "after the names")
        value = self._initial_value()
        if value is None:
            raise self.error("several names in parentheses need a value")
        return tree.Declaration(at, tuple(names), "def", (value,), True, field)

    def _initial_value(self) -> Node | None:
        if not self.take("="):
            return None
        self.skip_newlines()
        return self.command()

    # Control flow

    def _if(self) -> Node:
        at = self.advance().at
        condition = self._condition("if")
        yes = self.body()
        no = None
        index = self.index
        self.skip_separators()
        if self.take_keyword("else"):
            no = self.body()
        else:
            self.index = index
        return tree.If(at, condition, yes, no)

    def _condition(self, word: str) -> Node:
        self.expect("(", f"after '{word}'")
        node = self.expression()
        self.expect(")", "after the condition")
        return node

    def _for(self) -> Node:
        at = self.advance().at
        self.expect("(", "after 'for'")
        if (header := self._for_in()) is not None:
            name, items = header
            return tree.ForIn(at, name, items, self.body())
        start = self._for_part(";")
        self.expect(";", "after the start of 'for'")
        condition = None if self.at(";") else self.expression()
        self.expect(";", "after the condition of 'for'")
        advance = self._for_part(")")
        self.expect(")", "after 'for'")
        return tree.ForLoop(at, start, condition, advance, self.body())

    def _for_in(self) -> tuple[str, Node] | None:
        """The name and items of `for (x in xs)` and `for (Type x : xs)`."""
        index = self.index
        self.take_keyword("final")
        typed = self.take_keyword("def")
        if not typed and self.token.kind == "name" and self.peek().kind == "name":
            if not self.peek().is_keyword("in"):
                self.type_name()
        elif not typed and self.at_name() and self.peek().is_operator("<", "[", "."):
            self.type_name()
        if self.at_name() and (self.peek().is_keyword("in") or self.peek().is_operator(":")):
            name = self.expect_name("a variable name")
            self.advance()
            items = self.expression()
            self.expect(")", "after the items")
            return name, items
        self.index = index
        return None

    def _for_part(self, close: str) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self.at(close):
            found.append(self.statement())
            if not self.take(","):
                break
        return tuple(found)

    def _while(self) -> Node:
        at = self.advance().at
        return tree.While(at, self._condition("while"), self.body())

    def _do(self) -> Node:
        at = self.advance().at
        body = self.body()
        self.skip_separators()
        if not self.at_keyword("while"):
            raise self.error("expected 'while' after the block of 'do'")
        self.advance()
        return tree.While(at, self._condition("while"), body, first=True)

    def _switch(self) -> Node:
        at = self.advance().at
        subject = self._condition("switch")
        self.skip_newlines()
        self.expect("{", "after 'switch (...)'")
        cases: list[tree.Case] = []
        self.skip_separators()
        while not self.at("}"):
            cases.append(self._case())
        self.expect("}", "to end 'switch'")
        return tree.Switch(at, subject, tuple(cases))

    def _case(self) -> tree.Case:
        at = self.token.at
        test = None
        if self.take_keyword("case"):
            test = self.expression()
        elif not self.take_keyword("default"):
            raise self.error(f"expected 'case' or 'default', found {self.token.describe()}")
        self.expect(":", "after the case")
        found: list[Node] = []
        self.skip_separators()
        while not self.at("}") and not self.at_keyword("case", "default"):
            if self.token.kind == "end":
                raise self.error("'switch' is never closed", at=at)
            self.append(found, self.statement())
            self.end_of_statement()
        return tree.Case(at, test, tuple(found))

    def _try(self) -> Node:
        at = self.advance().at
        self.skip_newlines()
        body = self.block()
        catches: list[tree.Catch] = []
        while self.after_newlines().is_keyword("catch"):
            self.skip_newlines()
            catches.append(self._catch())
        final = None
        if self.after_newlines().is_keyword("finally"):
            self.skip_newlines()
            self.advance()
            self.skip_newlines()
            final = self.block()
        if not catches and final is None:
            raise self.error("'try' needs 'catch' or 'finally'", at=at)
        return tree.Try(at, body, tuple(catches), final)

    def _catch(self) -> tree.Catch:
        at = self.advance().at
        self.expect("(", "after 'catch'")
        self.take_keyword("final")
        types: list[str] = []
        if not self.take_keyword("def"):
            while not self.peek().is_operator(")"):
                types.append(self.type_name())
                if not self.take("|"):
                    break
        name = self.expect_name("the name of the exception")
        self.expect(")", "after 'catch (...'")
        self.skip_newlines()
        return tree.Catch(at, tuple(types), name, self.block())

    def _throw(self) -> Node:
        at = self.advance().at
        return tree.Throw(at, self.expression())

    def _return(self) -> Node:
        at = self.advance().at
        return tree.Return(at, None if self._ends_here() else self.command())

    def _break(self) -> Node:
        return tree.Break(self.advance().at)

    def _continue(self) -> Node:
        return tree.Continue(self.advance().at)

    def _assert(self) -> Node:
        at = self.advance().at
        start = self.token.offset
        condition = self.expression()
        text = self.source[start : self.token.offset].strip()
        message = self.expression() if self.take(":", ",") else None
        return tree.Assert(at, condition, message, text)

    _keyword_statements: ClassVar[dict[str, Callable[[StatementParser], Node]]] = {
        "if": _if,
        "for": _for,
        "while": _while,
        "do": _do,
        "switch": _switch,
        "try": _try,
        "throw": _throw,
        "return": _return,
        "break": _break,
        "continue": _continue,
        "assert": _assert,
    }
