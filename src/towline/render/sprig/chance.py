"""Sprig's functions that give something new each time: passwords, identifiers, bytes."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Mapping
from typing import Final

from towline.render.gotemplate.functions import (
    INT,
    STRING,
    Function,
    FunctionError,
    check_size,
)
from towline.render.sprig.environment import Environment

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS: Final = "0123456789"
_ASCII: Final = "".join(map(chr, range(32, 127)))
_LONGEST: Final = 1_000_000


class Chance:
    """Random choices, all equally likely.

    Args:
        environment: Where the random bytes come from.
    """

    def __init__(self, environment: Environment) -> None:
        self._bytes = environment.random_bytes

    def below(self, limit: int) -> int:
        """An integer from 0 up to the limit, without it."""
        size = (limit - 1).bit_length()
        length = (size + 7) // 8
        while True:
            value = int.from_bytes(self._bytes(length), "big") >> (length * 8 - size)
            if value < limit:
                return value

    def text(self, alphabet: str) -> Callable[[int], str]:
        """A function that gives so many characters of an alphabet."""

        def body(count: int) -> str:
            if count > _LONGEST:
                check_size(count)
            return "".join(alphabet[self.below(len(alphabet))] for _ in range(max(count, 0)))

        return body

    def integer(self, least: int, limit: int) -> int:
        """An integer from the first up to the second, without it.

        Raises:
            FunctionError: There is none.
        """
        if limit <= least:
            raise FunctionError("invalid argument to Intn")
        return least + self.below(limit - least)

    def bytes_text(self, count: int) -> str:
        """So many bytes in Base64.

        Raises:
            FunctionError: The count is negative.
        """
        if count < 0:
            raise FunctionError("runtime error: makeslice: len out of range")
        check_size(count)
        return base64.b64encode(self._bytes(count)).decode("ascii")

    def shuffled(self, text: str) -> str:
        """The characters in another order."""
        chars = list(text)
        for index in range(len(chars) - 1, 0, -1):
            other = self.below(index + 1)
            chars[index], chars[other] = chars[other], chars[index]
        return "".join(chars)

    def identifier(self) -> str:
        """A UUID of version 4."""
        return str(uuid.UUID(bytes=self._bytes(16), version=4))


def functions(environment: Environment) -> Mapping[str, Function]:
    """The functions by name."""
    chance = Chance(environment)
    alphabets = {
        "randAlphaNum": _LETTERS + _DIGITS,
        "randAlpha": _LETTERS,
        "randAscii": _ASCII,
        "randNumeric": _DIGITS,
    }
    return {
        **{
            name: Function(chance.text(alphabet), (INT,), result=STRING)
            for name, alphabet in alphabets.items()
        },
        "randInt": Function(chance.integer, (INT, INT), result=INT),
        "randBytes": Function(chance.bytes_text, (INT,), result=STRING),
        "shuffle": Function(chance.shuffled, (STRING,), result=STRING),
        "uuidv4": Function(chance.identifier, result=STRING),
    }
