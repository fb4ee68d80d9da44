"""Label and field selectors: parse the text of a query or the selector inside an object, match.

Pure. Errors are `ApiError` BadRequest with the texts that Kubernetes uses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from towline.kube.names import label_key_problems, label_value_problems
from towline.kube.status import ApiError

_OPERATORS = {
    "In": "in",
    "NotIn": "notin",
    "Exists": "exists",
    "DoesNotExist": "!",
}
_BINARY_OPERATORS = "in, notin, =, ==, !=, gt, lt"
_TOKEN = re.compile(r"\s*(?:(==|!=|=|!|\(|\)|,|>|<)|([^\s=!(),><]+)|($))")
_MAX_LENGTH = 64 * 1024


class Requirement(msgspec.Struct, frozen=True):
    """One condition on one label.

    Attributes:
        key: The label's key.
        operator: `in`, `notin`, `exists`, `!`, `gt`, `lt`.
        values: What to compare with; empty for `exists` and `!`.
    """

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels fulfils the condition."""
        value = labels.get(self.key)
        match self.operator:
            case "in":
                return value is not None and value in self.values
            case "notin":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
            case _:
                return value is not None and self._compares(value)

    def _compares(self, value: str) -> bool:
        try:
            left, right = int(value), int(self.values[0])
        except ValueError:
            return False
        return left > right if self.operator == "gt" else left < right

    def __str__(self) -> str:
        match self.operator:
            case "exists":
                return self.key
            case "!":
                return f"!{self.key}"
            case "in" if len(self.values) == 1:
                return f"{self.key}={self.values[0]}"
            case "notin" if len(self.values) == 1:
                return f"{self.key}!={self.values[0]}"
            case "gt" | "lt":
                return f"{self.key}{'>' if self.operator == 'gt' else '<'}{self.values[0]}"
            case _:
                return f"{self.key} {self.operator} ({','.join(sorted(self.values))})"


class LabelSelector(msgspec.Struct, frozen=True):
    """All requirements must hold; `nothing` makes a selector that matches no object.

    Attributes:
        requirements: The conditions; none matches everything.
        nothing: True for an absent selector.
    """

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """Whether an object with these labels is selected."""
        if self.nothing:
            return False
        present = labels or {}
        return all(requirement.matches(present) for requirement in self.requirements)

    def __str__(self) -> str:
        return ",".join(str(r) for r in sorted(self.requirements, key=lambda r: r.key))


def _bad(message: str) -> ApiError:
    return ApiError(message, reason="BadRequest")


def parse_label_selector(text: str) -> LabelSelector:
    """Reads the `labelSelector` parameter: `a=b,c in (d,e),!f`.

    Raises:
        ApiError: BadRequest, the text is malformed.
    """
    if len(text) > _MAX_LENGTH:
        raise _bad("unable to parse requirement: selector is too long")
    return LabelSelector(tuple(_Parser(text).parse()))


class _Parser:
    """Recursive descent over the token list; the last token is the empty end marker."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[bool, str]] = []
        position = 0
        while match := _TOKEN.match(text, position):
            self._tokens.append((match[2] is not None, match[1] or match[2] or ""))
            position = match.end()
            if match[3] is not None:
                break
        self._next = 0

    def _peek(self) -> tuple[bool, str]:
        return self._tokens[min(self._next, len(self._tokens) - 1)]

    def _take(self) -> tuple[bool, str]:
        token = self._peek()
        self._next += 1
        return token

    def parse(self) -> list[Requirement]:
        found: list[Requirement] = []
        while True:
            word, literal = self._peek()
            if not word and literal == "":
                return found
            if not word and literal != "!":
                raise _bad(f"found '{literal}', expected: !, identifier, or 'end of string'")
            found.append(self._requirement())
            word, literal = self._take()
            if word or literal not in {"", ","}:
                raise _bad(f"found '{literal}', expected: ',' or 'end of string'")
            if literal == "":
                return found
            word, literal = self._peek()
            if not word and literal != "!":
                raise _bad(f"found '{literal}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        word, literal = self._take()
        absent = not word and literal == "!"
        if absent:
            word, literal = self._take()
        if not word:
            raise _bad(f"unable to parse requirement: found '{literal}', expected: identifier")
        key = literal
        if problems := label_key_problems(key):
            shown = f'<nil>: Invalid value: "{key}": {"; ".join(problems)}'
            raise _bad(f"unable to parse requirement: {shown}")
        word, following = self._peek()
        if absent or (not word and following in {"", ","}):
            return _checked(Requirement(key, "!" if absent else "exists"))
        self._take()
        match following:
            case "in" | "notin":
                return _checked(Requirement(key, following, self._values()))
            case "=" | "==":
                return _checked(Requirement(key, "in", (self._exact(),)))
            case "!=":
                return _checked(Requirement(key, "notin", (self._exact(),)))
            case ">" | "<":
                operator = "gt" if following == ">" else "lt"
                return _checked(Requirement(key, operator, (self._exact(),)))
            case _:
                raise _bad(
                    f"unable to parse requirement: found '{following}', "
                    f"expected: {_BINARY_OPERATORS}"
                )

    def _exact(self) -> str:
        word, literal = self._peek()
        if not word and literal in {"", ","}:
            return ""
        self._take()
        if not word:
            raise _bad(f"unable to parse requirement: found '{literal}', expected: identifier")
        return literal

    def _values(self) -> tuple[str, ...]:
        word, literal = self._take()
        if word or literal != "(":
            raise _bad(f"unable to parse requirement: found '{literal}' expected: '('")
        values: list[str] = []
        pending = ""
        while True:
            word, literal = self._take()
            if word and not pending:
                pending = literal
            elif not word and literal in {",", ")"}:
                values.append(pending)
                pending = ""
                if literal == ")":
                    return tuple(dict.fromkeys(values))
            else:
                raise _bad(f"unable to parse requirement: found '{literal}', expected: ',' or ')'")


def _checked(requirement: Requirement) -> Requirement:
    problems = []
    if requirement.operator in {"gt", "lt"} and not _is_integer(requirement.values[0]):
        problems.append(
            f'values[0]: Invalid value: "{requirement.values[0]}": '
            "for 'Gt', 'Lt' operators, the value must be an integer"
        )
    for position, value in enumerate(requirement.values):
        if found := label_value_problems(value):
            place = f"values[{position}][{requirement.key}]"
            problems.append(f'{place}: Invalid value: "{value}": {"; ".join(found)}')
    if problems:
        joined = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
        raise _bad(f"unable to parse requirement: {joined}")
    return requirement


def _is_integer(text: str) -> bool:
    return re.fullmatch(r"[+-]?[0-9]{1,19}", text) is not None


def label_selector_of(selector: Mapping[str, Any] | None) -> LabelSelector:
    """The selector inside an object (`matchLabels`, `matchExpressions`).

    An empty one matches everything, None matches nothing.

    Raises:
        ApiError: BadRequest, an operator is unknown or has the wrong number of values.
    """
    if selector is None:
        return LabelSelector(nothing=True)
    found = [
        Requirement(str(key), "in", (str(value),))
        for key, value in (selector.get("matchLabels") or {}).items()
    ]
    for expression in selector.get("matchExpressions") or ():
        operator = str(expression.get("operator"))
        values = tuple(str(value) for value in expression.get("values") or ())
        if operator not in _OPERATORS:
            raise _bad(f'"{operator}" is not a valid label selector operator')
        if operator in {"In", "NotIn"} and not values:
            raise _bad("for 'in', 'notin' operators, values set can't be empty")
        if operator in {"Exists", "DoesNotExist"} and values:
            raise _bad("values set must be empty for exists and does not exist")
        found.append(Requirement(str(expression.get("key")), _OPERATORS[operator], values))
    return LabelSelector(tuple(found))


def label_selector_of_map(selector: Mapping[str, str] | None) -> LabelSelector:
    """The plain map form that Services and ReplicationControllers use; empty matches nothing."""
    if not selector:
        return LabelSelector(nothing=True)
    return LabelSelector(tuple(Requirement(key, "in", (value,)) for key, value in selector.items()))


def parse_field_selector(text: str) -> list[tuple[str, str, str]]:
    """Reads the `fieldSelector` parameter into (path, `=` or `!=`, value).

    Raises:
        ApiError: BadRequest, a term has no operator or a wrong escape.
    """
    if len(text) > _MAX_LENGTH:
        raise _bad("invalid selector: too long")
    found = []
    for term in re.findall(r"(?:\\.|[^,\\]|\\$)+", text, re.DOTALL):
        match = re.match(r"(.*?)(!=|==|=)(.*)", term, re.DOTALL)
        if not match:
            raise _bad(f"invalid selector: '{text}'; can't understand '{term}'")
        operator = "!=" if match[2] == "!=" else "="
        found.append((match[1], operator, _unescaped(match[3])))
    return found


def _unescaped(value: str) -> str:
    if "\\" not in value and "=" not in value:
        return value
    out = []
    position = 0
    while position < len(value):
        mark = value[position]
        if mark == "\\":
            following = value[position + 1 : position + 2]
            if not following:
                raise _bad("invalid field selector: invalid escape sequence: \\")
            if following not in "\\,=":
                raise _bad(f"invalid field selector: invalid escape sequence: \\{following}")
            out.append(following)
            position += 2
            continue
        if mark in ",=":
            raise _bad(f"invalid field selector: unescaped character in value: {value}: {mark}")
        out.append(mark)
        position += 1
    return "".join(out)
