"""From text to syntax tree: recursive descent with precedence climbing. Pure.

The grammar is the CEL language definition's, with optional syntax (`a.?b`, `a[?b]`, `[?a]`,
`{?k: v}`) and quoted field names. Messages follow cel-go's where a person meets them often.
"""

from __future__ import annotations

from towline.kube.cel.issues import CompileError, Issue
from towline.kube.cel.lexer import RESERVED, Token, tokenize, unquote, unquote_bytes
from towline.kube.cel.macros import MacroError, expand
from towline.kube.cel.tree import (
    Call,
    Entry,
    Ident,
    ListLiteral,
    Literal,
    MapLiteral,
    MessageLiteral,
    Node,
    Select,
    depth,
    qualified_name,
)

MAX_SIZE = 100_000
MAX_NESTING = 50
MAX_DEPTH = 150
_OPERATORS = {
    "<": (0, "_<_"),
    "<=": (0, "_<=_"),
    ">": (0, "_>_"),
    ">=": (0, "_>=_"),
    "==": (0, "_==_"),
    "!=": (0, "_!=_"),
    "in": (0, "@in"),
    "+": (1, "_+_"),
    "-": (1, "_-_"),
    "*": (2, "_*_"),
    "/": (2, "_/_"),
    "%": (2, "_%_"),
}
"""How tightly operators bind, and their functions."""

_STARTS = (
    "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING,"
    " BYTES, IDENTIFIER}"
)


def parse(source: str) -> Node:
    """The syntax tree of an expression, its macros expanded.

    Raises:
        CompileError: The text is malformed, too long, or nested too deeply.
    """
    if len(source) > MAX_SIZE:
        text = f"expression code point size exceeds limit: size: {len(source)}, limit {MAX_SIZE}"
        raise CompileError(source, [Issue(-1, text)])
    tokens, issues = tokenize(source)
    parser = _Parser(tokens, issues)
    try:
        tree = parser.whole()
    except _SyntaxError as error:
        raise CompileError(source, [*issues, error.issue]) from error
    if not issues and depth(tree) > MAX_DEPTH:
        issues.append(Issue(-1, f"expression recursion limit exceeded: {MAX_DEPTH}"))
    if issues:
        raise CompileError(source, issues)
    return tree


class _SyntaxError(Exception):
    """Nothing sensible can follow."""

    def __init__(self, at: int, message: str) -> None:
        super().__init__(message)
        self.issue = Issue(at, message)


class _Parser:
    def __init__(self, tokens: list[Token], issues: list[Issue]) -> None:
        self._tokens = tokens
        self._position = 0
        self._depth = 0
        self._issues = issues

    # Words

    @property
    def _token(self) -> Token:
        return self._tokens[self._position]

    def _next(self) -> Token:
        token = self._token
        if token.kind != "end":
            self._position += 1
        return token

    def _take(self, kind: str) -> Token | None:
        return self._next() if self._token.kind == kind else None

    def _expect(self, *kinds: str, also: tuple[str, ...] = ()) -> Token:
        """The next word when it is one of these; `also` are others that could stand here."""
        token = self._token
        if token.kind in kinds:
            return self._next()
        names = {"ident": "IDENTIFIER", "escaped": "ESC_IDENTIFIER", "end": "<EOF>"}
        shown = [names.get(kind, f"'{kind}'") for kind in (*kinds, *also)]
        if len(shown) == 1 and token.kind == "end":
            raise _SyntaxError(token.offset, f"Syntax error: missing {shown[0]} at '{token.text}'")
        expected = shown[0] if len(shown) == 1 else "{" + ", ".join(shown) + "}"
        raise _SyntaxError(
            token.offset,
            f"Syntax error: mismatched input '{token.text}' expecting {expected}",
        )

    # Rules

    def whole(self) -> Node:
        """`start: expr EOF`."""
        tree = self._expression()
        left = self._token
        if left.kind != "end":
            word = "extraneous" if self._position + 1 == len(self._tokens) - 1 else "mismatched"
            raise _SyntaxError(
                left.offset, f"Syntax error: {word} input '{left.text}' expecting <EOF>"
            )
        return tree

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise _SyntaxError(-1, f"expression recursion limit exceeded: {MAX_NESTING}")
        condition = self._logical("||", "_||_")
        question = self._take("?")
        if question is not None:
            yes = self._logical("||", "_||_")
            self._expect(":")
            no = self._expression()
            condition = Call(at=question.offset, function="_?_:_", args=(condition, yes, no))
        self._depth -= 1
        return condition

    def _logical(self, sign: str, function: str) -> Node:
        terms = [self._term(sign)]
        places = []
        while (token := self._take(sign)) is not None:
            places.append(token.offset)
            terms.append(self._term(sign))
        return _balanced(function, terms, places)

    def _term(self, sign: str) -> Node:
        return self._logical("&&", "_&&_") if sign == "||" else self._binary(0)

    def _binary(self, level: int) -> Node:
        """Operators that bind at least as tightly as a level, by precedence climbing."""
        left = self._unary()
        while True:
            token = self._token
            found = _OPERATORS.get(token.kind)
            if found is None or found[0] < level:
                return left
            self._next()
            right = self._binary(found[0] + 1)
            left = Call(at=token.offset, function=found[1], args=(left, right))

    def _unary(self) -> Node:
        first = self._token
        if first.kind not in {"!", "-"}:
            return self._member()
        count = 0
        while self._token.kind == first.kind:
            if first.kind == "-" and self._tokens[self._position + 1].kind in {"int", "double"}:
                # The last minus belongs to the number.
                break
            self._next()
            count += 1
        operand = self._member()
        function = "!_" if first.kind == "!" else "-_"
        return Call(at=first.offset, function=function, args=(operand,)) if count % 2 else operand

    def _member(self) -> Node:
        node = self._primary()
        while self._token.kind in {".", "["}:
            sign = self._next()
            node = self._field(node, sign) if sign.kind == "." else self._index(node, sign)
        return node

    def _field(self, operand: Node, dot: Token) -> Node:
        if self._take("?"):
            name = self._expect("ident", "escaped")
            field = Literal(at=name.offset, value=name.text.strip("`"), type="string")
            return Call(at=dot.offset, function="_?._", args=(operand, field))
        if self._token.kind not in {"ident", "escaped"}:
            word = "" if self._token.kind == "end" else self._token.text
            message = f"Syntax error: no viable alternative at input '.{word}'"
            raise _SyntaxError(self._token.offset, message)
        name = self._expect("ident", "escaped")
        if name.kind == "ident" and (opening := self._take("(")):
            args = self._arguments()
            return self._call(opening.offset, name.text, operand, args)
        return Select(at=dot.offset, operand=operand, field=name.text.strip("`"))

    def _index(self, operand: Node, bracket: Token) -> Node:
        function = "_[?_]" if self._take("?") else "_[_]"
        key = self._expression()
        self._expect("]")
        return Call(at=bracket.offset, function=function, args=(operand, key))

    def _call(self, at: int, function: str, target: Node | None, args: tuple[Node, ...]) -> Node:
        try:
            made = expand(at, function, target, args)
        except MacroError as error:
            self._issues.append(error.issue)
            return Literal(at=at, value=None, type="null")
        return made or Call(at=at, function=function, target=target, args=args)

    def _arguments(self) -> tuple[Node, ...]:
        if self._take(")"):
            return ()
        if self._token.kind == "end":
            starts = _STARTS.replace("'(', ", "'(', ')', ")
            message = f"Syntax error: mismatched input '<EOF>' expecting {starts}"
            raise _SyntaxError(self._token.offset, message)
        args = [self._expression()]
        while self._take(","):
            args.append(self._expression())
        self._expect(")")
        return tuple(args)

    def _primary(self) -> Node:
        token = self._token
        match token.kind:
            case "ident" | ".":
                return self._named()
            case "(":
                self._next()
                node = self._expression()
                self._expect(")")
                return node
            case "[":
                return self._list()
            case "{":
                return self._map()
            case _:
                return self._literal()

    def _named(self) -> Node:
        dot = self._take(".")
        name = self._expect("ident")
        if name.text in RESERVED:
            self._issues.append(Issue(name.offset, f"reserved identifier: {name.text}"))
        text = f".{name.text}" if dot else name.text
        if opening := self._take("("):
            return self._call(opening.offset, text, None, self._arguments())
        node: Node = Ident(at=name.offset, name=text)
        return self._message(node)

    def _message(self, node: Node) -> Node:
        """`a.b.C{...}` when a brace follows the names, else the first name alone."""
        ahead = self._position
        while self._tokens[ahead].kind == "." and self._tokens[ahead + 1].kind == "ident":
            ahead += 2
        if self._tokens[ahead].kind != "{":
            return node
        while self._token.kind == ".":
            dot = self._next()
            node = Select(at=dot.offset, operand=node, field=self._next().text)
        brace = self._next()
        fields: list[tuple[str, Node]] = []
        while self._token.kind != "}":
            self._take("?")
            field = self._expect("ident", "escaped").text.strip("`")
            self._expect(":")
            fields.append((field, self._expression()))
            if not self._take(","):
                break
        self._expect("}")
        return MessageLiteral(at=brace.offset, name=qualified_name(node), fields=tuple(fields))

    def _list(self) -> Node:
        bracket = self._next()
        items: list[Node] = []
        optional: set[int] = set()
        while self._token.kind != "]":
            if self._take("?"):
                optional.add(len(items))
            items.append(self._expression())
            if not self._take(","):
                break
        self._expect("]", also=(",",))
        return ListLiteral(at=bracket.offset, items=tuple(items), optional=frozenset(optional))

    def _map(self) -> Node:
        brace = self._next()
        entries: list[Entry] = []
        while self._token.kind != "}":
            optional = self._take("?") is not None
            key = self._expression()
            self._expect(":")
            entries.append(Entry(key, self._expression(), optional))
            if not self._take(","):
                break
        self._expect("}", also=(",",))
        return MapLiteral(at=brace.offset, entries=tuple(entries))

    def _literal(self) -> Node:
        start = self._token
        sign = self._next().text if start.kind == "-" else ""
        token = self._next()
        at, text = start.offset, sign + token.text
        match token.kind:
            case "int" | "uint":
                return self._integer(token.kind, text, at)
            case "double":
                return Literal(at=at, value=float(text), type="double")
            case "string" | "bytes" if not sign:
                return self._quoted(token)
            case "true" | "false" | "null" if not sign:
                value = None if token.kind == "null" else token.kind == "true"
                kind = "null" if value is None else "bool"
                return Literal(at=at, value=value, type=kind)
        word = "mismatched" if token.kind == "end" else "extraneous"
        if token.kind in {")", "]", "}", ",", ":", "?"}:
            word = "mismatched"
        message = f"Syntax error: {word} input '{token.text}' expecting {_STARTS}"
        raise _SyntaxError(token.offset, message)

    def _integer(self, kind: str, text: str, at: int) -> Node:
        value = int(text.rstrip("uU"), 0 if "0x" in text else 10)
        low, high = (0, 2**64 - 1) if kind == "uint" else (-(2**63), 2**63 - 1)
        if not low <= value <= high:
            self._issues.append(Issue(at, f"invalid {kind} literal"))
            value = 0
        return Literal(at=at, value=value, type=kind)

    def _quoted(self, token: Token) -> Node:
        try:
            value: str | bytes = (
                unquote(token.text) if token.kind == "string" else unquote_bytes(token.text)
            )
        except ValueError as error:
            self._issues.append(Issue(token.offset, str(error)))
            value = ""
        return Literal(at=token.offset, value=value, type=token.kind)


def _balanced(function: str, terms: list[Node], places: list[int]) -> Node:
    """Long chains of `&&` and `||` as a balanced tree: depth grows with their logarithm."""
    if len(terms) == 1:
        return terms[0]
    middle = len(places) // 2
    left = _balanced(function, terms[: middle + 1], places[:middle])
    right = _balanced(function, terms[middle + 1 :], places[middle + 1 :])
    return Call(at=places[middle], function=function, args=(left, right))
