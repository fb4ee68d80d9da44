"""Compiles a regular expression to a small program for `regex.py`. Pure."""

from __future__ import annotations

import enum
import re
import string

import msgspec

from towline.text.groovy.values import Thrown, script_error

_MAX_PROGRAM = 5_000
_MAX_DEPTH = 30
_MAX_REPEAT = 1_000


class Op(enum.Enum):
    """Instructions of the matching machine."""

    SET = enum.auto()
    REPEAT = enum.auto()
    SPLIT = enum.auto()
    JUMP = enum.auto()
    SAVE = enum.auto()
    PROGRESS = enum.auto()
    MATCH = enum.auto()
    LOOK = enum.auto()
    BACK = enum.auto()
    START = enum.auto()
    END = enum.auto()
    LINE_START = enum.auto()
    LINE_END = enum.auto()
    HARD_END = enum.auto()
    WORD_EDGE = enum.auto()
    NO_WORD_EDGE = enum.auto()


class Instruction(msgspec.Struct, frozen=True):
    """One instruction.

    Attributes:
        op: What it does.
        low: First operand: target, slot, group, or lowest count.
        high: Second operand: target, or highest count (-1: none).
        ranges: Characters that SET and REPEAT accept, as pairs of code points.
        negated: Whether they accept all others instead.
        fold: Whether case is ignored.
        inner: Program of a look-ahead.
    """

    op: Op
    low: int = 0
    high: int = 0
    ranges: tuple[tuple[int, int], ...] = ()
    negated: bool = False
    fold: bool = False
    inner: tuple[Instruction, ...] = ()

    def accepts(self, char: str) -> bool:
        """Whether SET or REPEAT takes the character."""
        code = ord(char)
        found = any(low <= code <= high for low, high in self.ranges)
        if not found and self.fold:
            other = char.swapcase()
            if len(other) == 1:
                code = ord(other)
                found = any(low <= code <= high for low, high in self.ranges)
        return found != self.negated


class Program(msgspec.Struct, frozen=True):
    """A compiled pattern."""

    code: tuple[Instruction, ...]
    groups: int
    slots: int
    names: dict[str, int]


Ranges = tuple[tuple[int, int], ...]


def _of(text: str) -> Ranges:
    return tuple((ord(char), ord(char)) for char in text)


_DIGIT: Ranges = ((48, 57),)
_WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: Ranges = ((9, 13), (32, 32))
_UPPER: Ranges = ((65, 90),)
_LOWER: Ranges = ((97, 122),)
_CLASSES = {"d": _DIGIT, "w": _WORD, "s": _SPACE, "h": _of(" \t\u00a0")}
_NAMED = {
    "Alpha": _UPPER + _LOWER,
    "Digit": _DIGIT,
    "Alnum": _UPPER + _LOWER + _DIGIT,
    "Upper": _UPPER,
    "Lower": _LOWER,
    "Lu": _UPPER,
    "Ll": _LOWER,
    "L": _UPPER + _LOWER,
    "N": _DIGIT,
    "Punct": _of(string.punctuation),
    "Space": _SPACE,
}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "a": "\a", "e": "\x1b", "0": "\0"}
_ASSERTIONS = {
    "A": Op.START,
    "Z": Op.END,
    "z": Op.HARD_END,
    "b": Op.WORD_EDGE,
    "B": Op.NO_WORD_EDGE,
}
_EVERYTHING: Ranges = ((0, 0x10FFFF),)

# `\\Q...\\E`, and escapes before it that are not its beginning.
_QUOTED = re.compile(r"\\Q(.*?)(?:\\E|\Z)|\\.", re.DOTALL)

Code = list[Instruction]


def _plain(match: re.Match[str]) -> str:
    """Quoted text with each special character escaped; other escapes stay."""
    quoted = match.group(1)
    if quoted is None:
        return match.group()
    return "".join(char if char.isalnum() else f"\\{char}" for char in quoted)


def compile_pattern(pattern: str) -> Program:
    """Compiles a pattern.

    Raises:
        Thrown: With the reason, when the pattern is wrong or uses what is left out.
    """
    compiler = _Compiler(pattern)
    code = compiler.alternatives()
    if compiler.index < len(compiler.pattern):
        raise compiler.fail("unmatched ')'")
    code = [Instruction(Op.SAVE, 0), *code, Instruction(Op.MATCH)]
    groups = compiler.groups
    # Loop marks get their slots behind those of the groups.
    base = 2 * groups + 2
    final = _with_marks(tuple(code), base)
    return Program(final, groups, base + compiler.marks, compiler.names)


def _with_marks(code: tuple[Instruction, ...], base: int) -> tuple[Instruction, ...]:
    def shift(item: Instruction) -> Instruction:
        if item.op is Op.PROGRESS:
            return msgspec.structs.replace(item, low=item.low + base)
        if item.inner:
            return msgspec.structs.replace(item, inner=_with_marks(item.inner, base))
        return item

    return tuple(map(shift, code))


def _moved(code: Code, by: int) -> Code:
    """The code with its targets moved."""
    moved = []
    for item in code:
        if item.op is Op.SPLIT:
            moved.append(msgspec.structs.replace(item, low=item.low + by, high=item.high + by))
        elif item.op is Op.JUMP:
            moved.append(msgspec.structs.replace(item, low=item.low + by))
        else:
            moved.append(item)
    return moved


class _Compiler:
    """Recursive descent; code fragments begin at 0 and are moved when they are joined.

    The SAVE at the front of a program is accounted for by `compile_pattern` through `_ORIGIN`.
    """

    def __init__(self, pattern: str) -> None:
        if len(pattern) > 2_000:
            raise script_error("PatternSyntaxException", "the regular expression is too long")
        self.pattern = _QUOTED.sub(_plain, pattern)
        self.index = 0
        self.groups = 0
        self.marks = 0
        self.depth = 0
        self.names: dict[str, int] = {}
        self.fold = self.dot_all = self.multi_line = False

    def fail(self, why: str) -> Thrown:
        """The exception for a wrong pattern, to be raised."""
        return script_error(
            "PatternSyntaxException", f"{why} near index {self.index} of {self.pattern[:80]}"
        )

    def alternatives(self) -> Code:
        """`a|b|c`, with targets relative to a program whose first instruction is a SAVE."""
        return _moved(self._alternatives(), 1)

    def _alternatives(self) -> Code:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.fail("groups are nested too deeply")
        flags = (self.fold, self.dot_all, self.multi_line)
        code = self._sequence()
        branches = [code]
        while self._take("|"):
            branches.append(self._sequence())
        self.fold, self.dot_all, self.multi_line = flags
        self.depth -= 1
        return self._choice(branches)

    def _choice(self, branches: list[Code]) -> Code:
        code = branches[-1]
        for branch in reversed(branches[:-1]):
            head = len(branch) + 2
            joined: Code = [Instruction(Op.SPLIT, 1, head), *_moved(branch, 1)]
            joined.append(Instruction(Op.JUMP, head + len(code)))
            code = self._bounded(joined + _moved(code, head))
        return code

    def _sequence(self) -> Code:
        code: Code = []
        while self.index < len(self.pattern) and self.pattern[self.index] not in "|)":
            item = self._quantified(self._atom())
            code = self._bounded(code + _moved(item, len(code)))
        return code

    def _bounded(self, code: Code) -> Code:
        if len(code) > _MAX_PROGRAM:
            raise self.fail("the regular expression is too large")
        return code

    def _take(self, text: str) -> bool:
        if self.pattern.startswith(text, self.index):
            self.index += len(text)
            return True
        return False

    def _next(self) -> str:
        if self.index >= len(self.pattern):
            raise self.fail("unexpected end")
        self.index += 1
        return self.pattern[self.index - 1]

    # Quantifiers

    def _quantified(self, item: Code) -> Code:
        bounds = self._bounds()
        if bounds is None:
            return item
        low, high = bounds
        lazy = self._take("?")
        if self._take("+"):
            raise self.fail("possessive quantifiers are not supported")
        single = len(item) == 1 and item[0].op is Op.SET
        if single and not lazy:
            return [msgspec.structs.replace(item[0], op=Op.REPEAT, low=low, high=high)]
        return self._loop(item, low, high, lazy=lazy)

    def _bounds(self) -> tuple[int, int] | None:
        for text, bounds in (("*", (0, -1)), ("+", (1, -1)), ("?", (0, 1))):
            if self._take(text):
                return bounds
        if not self._take("{"):
            return None
        low = self._count()
        high = low
        if self._take(","):
            high = -1 if self.pattern.startswith("}", self.index) else self._count()
        if not self._take("}") or (high >= 0 and high < low):
            raise self.fail("wrong repetition")
        return low, high

    def _count(self) -> int:
        start = self.index
        while self.index < len(self.pattern) and self.pattern[self.index] in string.digits:
            self.index += 1
        digits = self.pattern[start : self.index]
        if not digits or len(digits) > 4 or int(digits) > _MAX_REPEAT:
            raise self.fail("wrong repetition")
        return int(digits)

    def _loop(self, item: Code, low: int, high: int, *, lazy: bool) -> Code:
        code: Code = []
        for _ in range(low):
            code = self._bounded(code + _moved(item, len(code)))
        if high < 0:
            return self._bounded(code + _moved(self._star(item, lazy=lazy), len(code)))
        for _ in range(high - low):
            end = len(item) + 1
            split = Instruction(Op.SPLIT, end, 1) if lazy else Instruction(Op.SPLIT, 1, end)
            code = self._bounded(code + _moved([split, *_moved(item, 1)], len(code)))
        return code

    def _star(self, item: Code, *, lazy: bool) -> Code:
        mark = self.marks
        self.marks += 1
        end = len(item) + 3
        split = Instruction(Op.SPLIT, end, 1) if lazy else Instruction(Op.SPLIT, 1, end)
        return [split, Instruction(Op.PROGRESS, mark), *_moved(item, 2), Instruction(Op.JUMP, 0)]

    # Atoms

    def _atom(self) -> Code:
        char = self._next()
        if char == "(":
            return self._group()
        if char == "[":
            return [self._set(*self._class())]
        if char == "\\":
            return self._escape()
        if char == ".":
            return [self._set(_EVERYTHING if self.dot_all else _of("\n\r"), not self.dot_all)]
        if char == "^":
            return [Instruction(Op.LINE_START if self.multi_line else Op.START)]
        if char == "$":
            return [Instruction(Op.LINE_END if self.multi_line else Op.END)]
        if char in "*+?{":
            raise self.fail(f"dangling '{char}'")
        return [self._set(_of(char))]

    def _set(self, ranges: Ranges, negated: bool = False) -> Instruction:
        return Instruction(Op.SET, ranges=ranges, negated=negated, fold=self.fold)

    def _group(self) -> Code:
        if self._take("?:"):
            return self._closed(self._alternatives())
        for text, positive in (("?=", 1), ("?!", 0)):
            if self._take(text):
                inner = self._closed(self._alternatives())
                inner.append(Instruction(Op.MATCH))
                return [Instruction(Op.LOOK, positive, inner=tuple(inner))]
        name = ""
        if self._take("?<"):
            end = self.pattern.find(">", self.index)
            name = self.pattern[self.index : max(end, 0)]
            if not name.isalnum():
                raise self.fail("look-behind is not supported")
            self.index = end + 1
        elif self._take("?"):
            return self._flags()
        self.groups += 1
        number = self.groups
        if name:
            self.names[name] = number
        inner = self._closed(self._alternatives())
        first, last = Instruction(Op.SAVE, 2 * number), Instruction(Op.SAVE, 2 * number + 1)
        return [first, *_moved(inner, 1), last]

    def _closed(self, code: Code) -> Code:
        if not self._take(")"):
            raise self.fail("unclosed group")
        return code

    def _flags(self) -> Code:
        start = self.index
        while self.index < len(self.pattern) and self.pattern[self.index] in "ism":
            self.index += 1
        flags = self.pattern[start : self.index]
        if not flags or not self._take(")"):
            raise self.fail("this group is not supported")
        self.fold = self.fold or "i" in flags
        self.dot_all = self.dot_all or "s" in flags
        self.multi_line = self.multi_line or "m" in flags
        return []

    def _escape(self) -> Code:
        char = self._next()
        if char in _ASSERTIONS:
            return [Instruction(_ASSERTIONS[char])]
        if char in "123456789":
            if int(char) > self.groups:
                raise self.fail(f"there is no group {char}")
            return [Instruction(Op.BACK, int(char))]
        return [self._set(*self._class_escape(char))]

    def _class_escape(self, char: str) -> tuple[Ranges, bool]:
        if char.lower() in _CLASSES:
            return _CLASSES[char.lower()], char.isupper()
        if char in "pP":
            return self._named_class(), char == "P"
        if char in _CONTROLS:
            return _of(_CONTROLS[char]), False
        if char in "ux":
            size = 4 if char == "u" else 2
            digits = self.pattern[self.index : self.index + size]
            if len(digits) < size or any(digit not in string.hexdigits for digit in digits):
                raise self.fail("wrong character code")
            self.index += size
            return _of(chr(int(digits, 16))), False
        if char.isalnum():
            raise self.fail(f"unknown escape '\\{char}'")
        return _of(char), False

    def _named_class(self) -> Ranges:
        if not self._take("{"):
            raise self.fail("expected '{'")
        end = self.pattern.find("}", self.index)
        name = self.pattern[self.index : max(end, 0)].removeprefix("Is")
        if name not in _NAMED:
            raise self.fail(f"unknown class '{name[:20]}'")
        self.index = end + 1
        return _NAMED[name]

    def _class(self) -> tuple[Ranges, bool]:
        negated = self._take("^")
        ranges: list[tuple[int, int]] = []
        first = True
        while first or not self._take("]"):
            first = False
            ranges.extend(self._class_item())
        return tuple(ranges), negated

    def _class_item(self) -> Ranges:
        char = self._next()
        if char == "[" or (char == "&" and self.pattern.startswith("&", self.index)):
            raise self.fail("sets of sets are not supported")
        low: Ranges = _of(char)
        if char == "\\":
            low, negated = self._class_escape(self._next())
            if negated:
                return _inverted(low)
        following = self.pattern[self.index : self.index + 2]
        if len(low) != 1 or low[0][0] != low[0][1] or following[:1] != "-" or following == "-]":
            return low
        self.index += 1
        high = self._next()
        end = self._class_escape(self._next())[0][0][0] if high == "\\" else ord(high)
        if end < low[0][0]:
            raise self.fail("wrong range")
        return ((low[0][0], end),)


def _inverted(ranges: Ranges) -> Ranges:
    """All characters that the ranges leave out."""
    found: list[tuple[int, int]] = []
    start = 0
    for low, high in sorted(ranges):
        if low > start:
            found.append((start, low - 1))
        start = max(start, high + 1)
    return (*found, (start, 0x10FFFF))
