"""Finds the first syntax error of a text in the order in which Go's YAML package looks.

libyaml checks with every token whether a key that needs its colon has gone without it; Go's port
checks a key only when it is the next token to hand out, or when its colon or another key comes. An
error of the parser may come before that one, and the place of the error may be further on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import yaml
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner, SimpleKey

_LONGEST_KEY: Final = 1024
_PROBLEMS: Final = {
    "while parsing a block mapping": "did not find expected key",
    "while parsing a block collection": "did not find expected '-' indicator",
    "while parsing a flow sequence": "did not find expected ',' or ']'",
    "while parsing a flow mapping": "did not find expected ',' or '}'",
}


def first_problem(text: str) -> tuple[int, str] | None:
    """Line and text of the error as Go has them; None for errors that other rules decide."""
    try:
        next_event: Callable[[], yaml.Event] = _LazyParser(text).get_event
        while not isinstance(next_event(), yaml.DocumentEndEvent | yaml.StreamEndEvent):
            pass
    except yaml.scanner.ScannerError as error:
        if error.context != "while scanning a simple key" or error.problem_mark is None:
            return None
        line = error.problem_mark.line
        return (line + 1 if line else 0), str(error.problem)
    except yaml.parser.ParserError as error:
        problem = _PROBLEMS.get(str(error.context))
        if problem is None or error.problem_mark is None:
            return None
        return error.problem_mark.line, problem
    except yaml.YAMLError:
        return None
    return None


class _LazyParser(Reader, Scanner, Parser):
    """PyYAML's own parser, with the keys checked as late as Go checks them."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)

    def need_more_tokens(self) -> bool:
        """Whether the next token is not there, or may yet turn out to be a key."""
        if self.done:
            return False
        if not self.tokens:
            return True
        for level, key in list(self.possible_simple_keys.items()):
            if key.token_number == self.tokens_taken:
                return self._is_valid(level, key)
        return False

    def stale_possible_simple_keys(self) -> None:
        """Keys are looked at one by one when they matter."""

    def fetch_stream_end(self) -> None:
        """The end of the text: whatever ends there ends a line."""
        if self.column:
            self.line, self.column = self.line + 1, 0
        super().fetch_stream_end()

    def fetch_value(self) -> None:
        """A colon: the key before it must still be one."""
        key = self.possible_simple_keys.get(self.flow_level)
        if key is not None:
            self._is_valid(self.flow_level, key)
        super().fetch_value()

    def _is_valid(self, level: int, key: SimpleKey) -> bool:
        if key.line >= self.line and key.index + _LONGEST_KEY >= self.index:
            return True
        if key.required:
            raise yaml.scanner.ScannerError(
                "while scanning a simple key",
                key.mark,
                "could not find expected ':'",
                self.get_mark(),
            )
        del self.possible_simple_keys[level]
        return False
