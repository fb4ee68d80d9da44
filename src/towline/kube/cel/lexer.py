"""Words of the Common Expression Language. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from towline.kube.cel.issues import Issue

KEYWORDS = frozenset({"true", "false", "null", "in"})
RESERVED = frozenset(
    {
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    }
)


class Token(NamedTuple):
    """One word.

    Attributes:
        kind: `ident`, `escaped`, `int`, `uint`, `double`, `string`, `bytes`, `end`, or the sign or
            keyword itself.
        text: As written.
        offset: Where it begins, in code points.
    """

    kind: str
    text: str
    offset: int


_ESCAPE = (
    r"\\(?:[abfnrtv\"'\\?`]|[0-3][0-7][0-7]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})"
)
_QUOTED = "|".join(
    (
        r'[rR]"""[\s\S]*?"""',
        r"[rR]'''[\s\S]*?'''",
        r'[rR]"[^"\n\r]*"',
        r"[rR]'[^'\n\r]*'",
        rf'"""(?:{_ESCAPE}|[^\\])*?"""',
        rf"'''(?:{_ESCAPE}|[^\\])*?'''",
        rf'"(?:{_ESCAPE}|[^\\"\n\r])*"',
        rf"'(?:{_ESCAPE}|[^\\'\n\r])*'",
    )
)
_WORDS = re.compile(
    rf"""
      (?P<space>[ \t\r\n\f]+|//[^\n]*)
    | (?P<bytes>[bB](?:{_QUOTED}))
    | (?P<string>{_QUOTED})
    | (?P<double>[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)
    | (?P<uint>0x[0-9a-fA-F]+[uU]|[0-9]+[uU])
    | (?P<int>0x[0-9a-fA-F]+|[0-9]+)
    | (?P<ident>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<escaped>`[A-Za-z0-9_.\-/\ ]+`)
    | (?P<sign>==|!=|<=|>=|&&|\|\||[<>\[\]{{}}().,\-!?:+*/%])
    """,
    re.VERBOSE,
)


def tokenize(source: str) -> tuple[list[Token], list[Issue]]:
    """The words of an expression, ended by one of kind `end`, and what could not be read."""
    tokens: list[Token] = []
    issues: list[Issue] = []
    position = 0
    while position < len(source):
        match = _WORDS.match(source, position)
        if match is None:
            text = source[position]
            if text in "\"'":
                text = source[position:].split("\n", 1)[0]
            issues.append(Issue(position, f"Syntax error: token recognition error at: '{text}'"))
            position += len(text)
            continue
        kind = match.lastgroup or ""
        text = match.group()
        if kind == "sign" or (kind == "ident" and text in KEYWORDS):
            kind = text
        if kind != "space":
            tokens.append(Token(kind, text, position))
        position = match.end()
    tokens.append(Token("end", "<EOF>", len(source)))
    return tokens, issues


_SIMPLE = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}
_IN_STRING = re.compile(
    r"\\(?:[xX]([0-9a-fA-F]{2})|u(.{4})|U(.{8})|([0-3][0-7][0-7])|(.))", re.DOTALL
)


def unquote(text: str) -> str:
    """The value of a string literal.

    Raises:
        ValueError: An escape names no character.
    """
    raw = text[0] in "rR"
    body = text[1:] if raw else text
    width = 3 if body[:3] in {'"""', "'''"} else 1
    body = body[width:-width].replace("\r\n", "\n")
    return body if raw else _IN_STRING.sub(_character, body)


def _character(match: re.Match[str]) -> str:
    two, four, eight, octal, simple = match.groups()
    if simple is not None:
        return _SIMPLE.get(simple, simple)
    code = int(octal, 8) if octal else int(two or four or eight, 16)
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise ValueError("invalid unicode code point")
    return chr(code)


def unquote_bytes(text: str) -> bytes:
    """The value of a bytes literal; hexadecimal and octal escapes are bytes, not characters.

    Raises:
        ValueError: An escape names no byte.
    """
    body = text[1:]
    if body[0] in "rR":
        return unquote(body).encode()
    width = 3 if body[:3] in {'"""', "'''"} else 1
    inside = body[width:-width].replace("\r\n", "\n")
    made = bytearray()
    end = 0
    for match in _IN_STRING.finditer(inside):
        made += inside[end : match.start()].encode()
        two, four, eight, octal, _ = match.groups()
        if four or eight:
            raise ValueError("unable to unescape string")
        made += (
            bytes([int(two, 16) if two else int(octal, 8)])
            if two or octal
            else (_character(match).encode())
        )
        end = match.end()
    return bytes(made + inside[end:].encode())
