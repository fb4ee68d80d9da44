"""Expressions: precedence climbing, calls with and without parentheses, literals. Pure."""

from __future__ import annotations

from towline.text.groovy import tree
from towline.text.groovy.cursor import MAX_CHAIN, Cursor
from towline.text.groovy.tokens import KEYWORDS, Token
from towline.text.groovy.tree import Node, Position

_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",),
    ("&&",),
    ("|",),
    ("^",),
    ("&",),
    ("==", "!=", "===", "!==", "<=>", "=~", "==~"),
    ("<", "<=", ">", ">=", "in", "!in", "instanceof", "!instanceof", "as"),
    ("<<", ">>", "..", "..<"),
    ("+", "-"),
    ("*", "/", "%"),
)
_PRECEDENCE = {operator: level for level, group in enumerate(_LEVELS) for operator in group}
_ASSIGNMENTS = ("=", "+=", "-=", "*=", "/=", "%=", "**=")
_MEMBER = (".", "?.", "*.")
_CAST_TYPES = frozenset(
    {
        "String", "Integer", "int", "Long", "long", "Boolean", "boolean", "Double", "double",
        "BigDecimal", "List", "Map", "Object", "float", "Float", "char", "GString", "def",
    }
)  # fmt: skip
_ARGUMENT_KEYWORDS = frozenset({"true", "false", "null", "this", "new"})


class ExpressionParser(Cursor):
    """Parses expressions; closures need `statements_until_brace` of the statement parser."""

    def statements_until_brace(self) -> tuple[Node, ...]:
        """Statements up to, and without, the closing brace."""
        raise NotImplementedError

    def command(self) -> Node:
        """An expression that may be a call without parentheses, or an assignment of one."""
        self.enter()
        left = self._command_arguments(self._ternary())
        if self.at(*_ASSIGNMENTS):
            left = self._assignment(left)
        self.leave()
        return left

    def expression(self) -> Node:
        """An expression in a place where a call needs its parentheses."""
        self.enter()
        left = self._ternary()
        if self.at(*_ASSIGNMENTS):
            left = self._assignment(left)
        self.leave()
        return left

    def _assignment(self, target: Node) -> Node:
        if not isinstance(target, tree.Name | tree.Property | tree.Index):
            raise self.error("only a variable, a property or an element can be assigned to")
        operator = self.advance()
        self.skip_newlines()
        return tree.Assign(operator.at, target, str(operator.value)[:-1], self.command())

    # Calls without parentheses

    def _command_arguments(self, callee: Node) -> Node:
        if not isinstance(callee, tree.Name | tree.Property) or not self._argument_follows():
            return callee
        positional, named = self._arguments(close="")
        return tree.Call(callee.at, callee, positional, named)

    def _argument_follows(self) -> bool:
        token = self.token
        if token.kind in {"string", "interpolated", "number"}:
            return True
        if token.kind != "name":
            return False
        return token.value in _ARGUMENT_KEYWORDS or token.value not in KEYWORDS

    def _arguments(self, close: str) -> tuple[tuple[Node, ...], tuple[tree.MapEntry, ...]]:
        """Arguments up to the closing bracket, or to the end of a command."""
        positional: list[Node] = []
        named: list[tree.MapEntry] = []
        while not (close and self.at(close)):
            if close and self.at("*"):
                star = self.advance()
                positional.append(tree.Spread(star.at, self.expression()))
            elif self._entry_follows():
                named.append(self._entry())
            else:
                positional.append(self.expression())
            if not self.take(","):
                break
            self.skip_newlines()
            if len(positional) + len(named) > MAX_CHAIN:
                raise self.error("too many arguments")
        return tuple(positional), tuple(named)

    def _entry_follows(self) -> bool:
        token, following = self.token, self.peek()
        if following.is_operator(":"):
            return token.kind in {"name", "string", "interpolated", "number"}
        return False

    def _entry(self) -> tree.MapEntry:
        key = self.token
        if key.kind == "name":
            self.advance()
            node: Node = tree.Literal(key.at, key.value)
        else:
            node = self._primary()
        self.expect(":", "after the name")
        self.skip_newlines()
        return tree.MapEntry(key.at, node, self.expression())

    # Operators

    def _ternary(self) -> Node:
        condition = self._binary(0)
        token = self.after_newlines()
        if token.is_operator("?:"):
            self.skip_newlines()
            self.advance()
            self.skip_newlines()
            return tree.Ternary(token.at, condition, None, self._operand())
        if not token.is_operator("?"):
            return condition
        self.skip_newlines()
        self.advance()
        self.skip_newlines()
        yes = self._operand()
        self.skip_newlines()
        self.expect(":", "in the choice that began with '?'")
        self.skip_newlines()
        return tree.Ternary(token.at, condition, yes, self._operand())

    def _operand(self) -> Node:
        self.enter()
        node = self._ternary()
        if self.at(*_ASSIGNMENTS):
            node = self._assignment(node)
        self.leave()
        return node

    def _binary(self, level: int) -> Node:
        left = self._unary()
        for _ in range(MAX_CHAIN):
            operator = self._infix()
            if operator is None or _PRECEDENCE[operator] < level:
                return left
            left = self._continue_binary(left, operator)
        raise self.error("the expression has too many parts")

    def _continue_binary(self, left: Node, operator: str) -> Node:
        if operator in {"&&", "||"}:
            self.skip_newlines()
        at = self.advance().at
        if operator.startswith("!") and operator[1:].isalpha():
            self.advance()
        if operator == "as":
            return tree.Cast(at, left, self.type_name())
        if operator.endswith("instanceof"):
            return tree.InstanceOf(at, left, self.type_name(), operator.startswith("!"))
        self.skip_newlines()
        self.enter()
        right = self._binary(_PRECEDENCE[operator] + 1)
        self.leave()
        if operator in {"..", "..<"}:
            return tree.RangeLiteral(at, left, right, operator == "..<")
        return tree.Binary(at, operator, left, right)

    def _infix(self) -> str | None:
        """The infix operator that comes next, also behind line ends where the language allows."""
        token = self.token
        if token.kind == "newline":
            token = self.after_newlines()
            return str(token.value) if token.is_operator("&&", "||") else None
        if token.is_operator("!"):
            word = self.peek()
            return f"!{word.value}" if word.is_keyword("in", "instanceof") else None
        if token.kind == "operator" or token.is_keyword("in", "instanceof", "as"):
            return token.value if token.value in _PRECEDENCE else None
        return None

    def _unary(self) -> Node:
        token = self.token
        if token.is_operator("!", "-", "+", "~"):
            self.advance()
            self.enter()
            operand = self._unary()
            self.leave()
            return tree.Unary(token.at, str(token.value), operand)
        if token.is_operator("++", "--"):
            self.advance()
            target = self._postfix()
            return self._step(token, target, prefix=True)
        if self._cast_follows():
            self.advance()
            name = self.type_name()
            self.expect(")", "after the type")
            self.enter()
            node = tree.Cast(token.at, self._unary(), name)
            self.leave()
            return node
        return self._power()

    def _power(self) -> Node:
        base = self._postfix()
        if not self.at("**"):
            return base
        at = self.advance().at
        self.skip_newlines()
        self.enter()
        exponent = self._unary()
        self.leave()
        return tree.Binary(at, "**", base, exponent)

    def _cast_follows(self) -> bool:
        if not (self.at("(") and self.peek().kind == "name" and self.peek(2).is_operator(")")):
            return False
        after = self.peek(3)
        starts_value = after.kind in {"name", "number", "string", "interpolated"}
        starts_value = starts_value and not after.is_keyword("in", "instanceof", "as")
        return self.peek().value in _CAST_TYPES and (starts_value or after.is_operator("(", "["))

    def _step(self, token: Token, target: Node, *, prefix: bool) -> Node:
        if not isinstance(target, tree.Name | tree.Property | tree.Index):
            raise self.error(f"'{token.value}' needs a variable", at=token.at)
        return tree.Step(token.at, target, 1 if token.value == "++" else -1, prefix)

    # Members, calls, elements

    def _postfix(self) -> Node:
        node = self._primary()
        for _ in range(MAX_CHAIN):
            token = self.token
            if token.kind == "newline" and self.after_newlines().is_operator(*_MEMBER):
                self.skip_newlines()
            elif token.is_operator(*_MEMBER):
                node = self._member(node)
            elif token.is_operator("("):
                node = self._call(node)
            elif token.is_operator("["):
                self.advance()
                node = tree.Index(token.at, node, self.expression())
                self.expect("]", "after the index")
            elif token.is_operator("{") and self._takes_closure(node):
                node = self._with_closure(node)
            elif token.is_operator("++", "--"):
                self.advance()
                return self._step(token, node, prefix=False)
            elif token.is_operator(".&", ".@", "::"):
                raise self.error(f"'{token.value}' is not supported", "use a closure")
            else:
                return node
        raise self.error("the chain of calls is too long")

    def _member(self, target: Node) -> Node:
        operator = self.advance()
        self.skip_newlines()
        token = self.token
        name: str | Node
        if token.kind in {"name", "string"}:
            self.advance()
            name = str(token.value)
        elif token.kind == "interpolated":
            name = self._primary()
        else:
            raise self.error(f"expected a name after '{operator.value}'")
        safe, spread = operator.value == "?.", operator.value == "*."
        return tree.Property(token.at, target, name, safe, spread)

    def _call(self, callee: Node) -> Node:
        if isinstance(callee, tree.Literal | tree.Interpolated):
            raise self.error("a value cannot be called")
        self.advance()
        positional, named = self._arguments(close=")")
        self.expect(")", "after the arguments")
        return tree.Call(callee.at, callee, positional, named)

    @staticmethod
    def _takes_closure(node: Node) -> bool:
        if isinstance(node, tree.Call):
            return not node.trailing
        return isinstance(node, tree.Name | tree.Property)

    def _with_closure(self, node: Node) -> Node:
        closure = self.closure()
        if isinstance(node, tree.Call):
            arguments = (*node.arguments, closure)
            return tree.Call(node.at, node.callee, arguments, node.named, trailing=True)
        return tree.Call(node.at, node, (closure,), trailing=True)

    # Literals and names

    def _primary(self) -> Node:
        token = self.token
        if token.kind in {"string", "number"}:
            self.advance()
            return tree.Literal(token.at, token.value)
        if token.kind == "interpolated":
            self.advance()
            return self._interpolated(token)
        if token.kind == "name":
            return self._word(token)
        if token.is_operator("("):
            self.advance()
            node = self.expression()
            self.expect(")", "after the expression")
            return node
        if token.is_operator("["):
            return self._list_or_map()
        if token.is_operator("{"):
            return self.closure()
        raise self.error(f"unexpected {token.describe()}", self._hint(token))

    def _hint(self, token: Token) -> str:
        if token.is_operator("}", ")", "]"):
            return "a value is missing before it"
        return ""

    def _word(self, token: Token) -> Node:
        self.advance()
        match token.value:
            case "true" | "false":
                return tree.Literal(token.at, token.value == "true")
            case "null":
                return tree.Literal(token.at, None)
            case "new":
                return self._new(token)
            case "this":
                return tree.Name(token.at, "this")
            case word if word in KEYWORDS:
                raise self.error(f"unexpected '{word}'", at=token.at)
            case word:
                return tree.Name(token.at, str(word))

    def _new(self, token: Token) -> Node:
        name = self.type_name()
        if self.at("["):
            raise self.error("arrays are not supported", "use a list: []")
        self.expect("(", "after the type")
        positional, named = self._arguments(close=")")
        self.expect(")", "after the arguments")
        if self.at("{"):
            raise self.error("anonymous classes are not supported")
        return tree.New(token.at, name, positional, named)

    def _interpolated(self, token: Token) -> Node:
        parts: list[str | Node] = []
        for part in token.value:
            if isinstance(part, str):
                if part:
                    parts.append(part)
            else:
                parts.append(self._embedded(part, token.at))
        return tree.Interpolated(token.at, tuple(parts))

    def _embedded(self, tokens: tuple[Token, ...], at: Position) -> Node:
        """The expression of a `${...}`; an empty one is null."""
        if not tokens:
            return tree.Literal(at, None)
        last = tokens[-1]
        end = Token("end", "", last.at, False, last.offset)
        parser = type(self)((*tokens, end), self.source, self.file)
        parser.nesting = self.nesting + 1
        node = parser.command()
        if parser.token.kind != "end":
            raise parser.error(f"unexpected {parser.token.describe()} in '${{...}}'")
        return node

    def _list_or_map(self) -> Node:
        opening = self.advance()
        if self.at(":"):
            self.advance()
            self.expect("]", "after '[:'")
            return tree.MapLiteral(opening.at, ())
        items: list[Node] = []
        entries: list[tree.MapEntry] = []
        while not self.at("]"):
            self._item(items, entries)
            if not self.take(","):
                break
        self.expect("]", "after the items")
        if items and entries:
            raise self.error("items and 'key: value' entries are mixed", at=opening.at)
        if entries:
            return tree.MapLiteral(opening.at, tuple(entries))
        return tree.ListLiteral(opening.at, tuple(items))

    def _item(self, items: list[Node], entries: list[tree.MapEntry]) -> None:
        if self._entry_follows():
            entries.append(self._entry())
            return
        if self.at("*"):
            star = self.advance()
            items.append(tree.Spread(star.at, self.expression()))
            return
        node = self.expression()
        if self.take(":"):
            entries.append(tree.MapEntry(node.at, node, self.expression()))
        else:
            items.append(node)

    # Closures and types

    def closure(self) -> tree.Closure:
        """`{ ... }` with its parameters, if it names any."""
        self.enter()
        opening = self.expect("{", "to begin a block")
        parameters = None
        if self._arrow_follows():
            self.skip_newlines()
            parameters = self.parameters("->")
            self.expect("->", "after the parameters")
        statements = self.statements_until_brace()
        closing = self.expect("}", "to end a block")
        self.leave()
        body = tree.Block(opening.at, statements)
        return tree.Closure(opening.at, parameters, body, closing.at)

    def _arrow_follows(self) -> bool:
        """Whether this block begins with parameters: an arrow before any statement ends."""
        index = self.index
        while self.tokens[index].kind == "newline":
            index += 1
        depth = 0
        for token in self.tokens[index : index + 200]:
            if token.is_operator("->") and depth == 0:
                return True
            if token.kind in {"newline", "end"} or token.is_operator("{", "}", ";"):
                return False
            depth += token.is_operator("(", "[") - token.is_operator(")", "]")
        return False

    def parameters(self, close: str) -> tuple[tree.Parameter, ...]:
        """Parameters of a function or closure, up to the closing token."""
        found: list[tree.Parameter] = []
        while not self.at(close):
            self.take_keyword("final")
            if not self.take_keyword("def") and not self.peek().is_operator(",", "=", close):
                self.type_name()
            at = self.token.at
            name = self.expect_name("a parameter name")
            default = self.expression() if self.take("=") else None
            if any(parameter.name == name for parameter in found):
                raise self.error(f"the parameter '{name}' is there twice", at=at)
            found.append(tree.Parameter(at, name, default))
            if not self.take(","):
                break
            self.skip_newlines()
        return tuple(found)

    def type_name(self) -> str:
        """A type: dotted name, type arguments and `[]` (both read and dropped)."""
        if self.token.kind != "name" or (
            self.token.value in KEYWORDS and self.token.value not in {"void", "def"}
        ):
            raise self.error(f"expected a type, found {self.token.describe()}")
        name = str(self.advance().value)
        while self.at(".") and self.peek().kind == "name":
            self.advance()
            name += f".{self.advance().value}"
        self._type_arguments()
        if self.at("[") and self.peek().is_operator("]"):
            self.index += 2
            name = "List"
        return name

    def _type_arguments(self) -> None:
        if not self.at("<"):
            return
        depth = 0
        while True:
            token = self.advance()
            depth += token.is_operator("<") - token.is_operator(">")
            depth -= 2 * token.is_operator(">>")
            if depth <= 0:
                return
            if token.kind not in {"name", "operator"} or token.is_operator("{", "}", "(", ")"):
                raise self.error("the type arguments are not closed", at=token.at)
