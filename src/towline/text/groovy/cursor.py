"""A place in a token list, with the moves that the parser makes. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from towline.errors import InputError
from towline.text.groovy.tokens import KEYWORDS, Token
from towline.text.groovy.tree import Position

MAX_NESTING = 90
MAX_CHAIN = 500


class Cursor:
    """Reads tokens in order, with look-ahead and a bound on nesting."""

    def __init__(self, tokens: Sequence[Token], source: str, file: str) -> None:
        self.tokens = tokens
        self.source = source
        self.file = file
        self.index = 0
        self.nesting = 0

    @property
    def token(self) -> Token:
        """The token that comes next."""
        return self.tokens[self.index]

    def peek(self, distance: int = 1) -> Token:
        """A token further on; the last one when there are not so many."""
        return self.tokens[min(self.index + distance, len(self.tokens) - 1)]

    def advance(self) -> Token:
        """Takes the next token; the end is never left behind."""
        token = self.token
        if token.kind != "end":
            self.index += 1
        return token

    def at(self, *operators: str) -> bool:
        """Whether one of these operators comes next."""
        return self.token.is_operator(*operators)

    def at_keyword(self, *words: str) -> bool:
        """Whether one of these keywords comes next."""
        return self.token.is_keyword(*words)

    def at_name(self) -> bool:
        """Whether an identifier comes next that is no keyword."""
        return self.token.kind == "name" and self.token.value not in KEYWORDS

    def take(self, *operators: str) -> bool:
        """Takes one of these operators if it comes next."""
        if self.at(*operators):
            self.index += 1
            return True
        return False

    def take_keyword(self, *words: str) -> bool:
        """Takes one of these keywords if it comes next."""
        if self.at_keyword(*words):
            self.index += 1
            return True
        return False

    def expect(self, operator: str, where: str) -> Token:
        """Takes an operator that must come next.

        Raises:
            InputError: When something else comes.
        """
        if not self.at(operator):
            raise self.error(f"expected '{operator}' {where}, found {self.token.describe()}")
        return self.advance()

    def expect_name(self, what: str) -> str:
        """Takes an identifier that must come next.

        Raises:
            InputError: When something else comes.
        """
        if not self.at_name():
            raise self.error(f"expected {what}, found {self.token.describe()}")
        return str(self.advance().value)

    def skip_newlines(self) -> None:
        """Skips line ends."""
        while self.token.kind == "newline":
            self.index += 1

    def skip_separators(self) -> None:
        """Skips line ends and semicolons."""
        while self.token.kind == "newline" or self.at(";"):
            self.index += 1

    def after_newlines(self) -> Token:
        """The first token that is no line end, without moving."""
        index = self.index
        while self.tokens[index].kind == "newline":
            index += 1
        return self.tokens[index]

    def enter(self) -> None:
        """Counts a level of nesting; `leave` gives it back."""
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise self.error("is nested too deeply")

    def leave(self) -> None:
        """Gives back a level of nesting."""
        self.nesting -= 1

    def error(self, message: str, hint: str = "", at: Position | None = None) -> InputError:
        """An error at a position, by default at the next token."""
        place = at or self.token.at
        return InputError(message, file=self.file, line=place.line, column=place.column, hint=hint)
