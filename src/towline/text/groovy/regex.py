"""Regular expressions with a bound on work: Java's common syntax, a backtracking machine. Pure.

Python's own matcher cannot be interrupted, so a hostile pattern could hold the whole process. This
one counts its steps on the script's meter and stops with `LimitError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from towline.errors import LimitError
from towline.text.groovy.limits import Meter
from towline.text.groovy.regex_program import Instruction, Op, Program, compile_pattern

_MAX_BACKTRACK = 100_000
_MAX_STEPS = 500_000
_STEPS_PER_CHARGE = 4

Spans = tuple[int, ...]


class Match:
    """A match: spans of the whole (group 0) and of the groups; -1 where a group took no part."""

    __slots__ = ("names", "spans", "text")

    def __init__(self, text: str, spans: Spans, names: dict[str, int]) -> None:
        self.text = text
        self.spans = spans
        self.names = names

    @property
    def start(self) -> int:
        """Where the match begins."""
        return self.spans[0]

    @property
    def end(self) -> int:
        """Where the match ends."""
        return self.spans[1]

    @property
    def group_count(self) -> int:
        """Number of groups besides the whole."""
        return len(self.spans) // 2 - 1

    def group(self, number: int = 0) -> str | None:
        """Text of a group, None when it took no part."""
        start, end = self.spans[2 * number], self.spans[2 * number + 1]
        return None if start < 0 or end < 0 else self.text[start:end]


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Program:
    return compile_pattern(pattern)


def full_match(pattern: str, text: str, meter: Meter) -> Match | None:
    """A match of the whole text, or None."""
    return _Machine(_compiled(pattern), text, meter).run(0, whole=True)


def find_from(pattern: str, text: str, start: int, meter: Meter) -> Match | None:
    """The first match that begins at `start` or later, or None."""
    machine = _Machine(_compiled(pattern), text, meter)
    for position in range(start, len(text) + 1):
        match = machine.run(position, whole=False)
        if match is not None:
            return match
    return None


def find_all(pattern: str, text: str, meter: Meter) -> Iterator[Match]:
    """All matches that do not overlap."""
    position = 0
    while position <= len(text):
        match = find_from(pattern, text, position, meter)
        if match is None:
            return
        yield match
        position = match.end if match.end > match.start else match.end + 1


class _Machine:
    def __init__(self, program: Program, text: str, meter: Meter) -> None:
        self.program = program
        self.text = text
        self.meter = meter
        self.steps = 0

    def run(self, start: int, *, whole: bool) -> Match | None:
        before = self.steps
        blank = (-1,) * self.program.slots
        slots = self._search(self.program.code, start, blank, whole=whole)
        self.meter.charge(1 + (self.steps - before) // _STEPS_PER_CHARGE)
        if slots is None:
            return None
        spans = slots[: 2 * self.program.groups + 2]
        return Match(self.text, spans, self.program.names)

    def _tick(self) -> None:
        self.steps += 1
        if self.steps > _MAX_STEPS:
            raise LimitError("a regular expression needs too much work")

    def _search(  # noqa: C901, PLR0912  # one branch per instruction reads best in one place
        self, code: tuple[Instruction, ...], start: int, slots: Spans, *, whole: bool
    ) -> Spans | None:
        """Runs a program from one position; the slots of the first way to match."""
        # An entry is (pc, position, slots, lowest): the position may shrink down to `lowest`.
        stack: list[tuple[int, int, Spans, int]] = [(0, start, slots, start)]
        size = len(self.text)
        while stack:
            pc, position, slots, lowest = stack.pop()
            if position > lowest:
                stack.append((pc, position - 1, slots, lowest))
            while True:
                self._tick()
                op = code[pc]
                match op.op:
                    case Op.SET:
                        if position >= size or not op.accepts(self.text[position]):
                            break
                        position += 1
                    case Op.REPEAT:
                        end = self._repeat(op, position)
                        if end - position < op.low:
                            break
                        low = position + op.low
                        if end > low:
                            stack.append((pc + 1, end - 1, slots, low))
                        position = end
                    case Op.SPLIT:
                        stack.append((op.high, position, slots, position))
                        pc = op.low
                        continue
                    case Op.JUMP:
                        pc = op.low
                        continue
                    case Op.SAVE:
                        slots = (*slots[: op.low], position, *slots[op.low + 1 :])
                    case Op.PROGRESS:
                        if slots[op.low] == position:
                            break
                        slots = (*slots[: op.low], position, *slots[op.low + 1 :])
                    case Op.MATCH:
                        if not whole or position == size:
                            return (slots[0], position, *slots[2:])
                        break
                    case Op.LOOK:
                        found = self._search(op.inner, position, slots, whole=False)
                        if (found is not None) != (op.low == 1):
                            break
                        if found is not None:
                            slots = (*slots[:2], *found[2:])
                    case Op.BACK:
                        length = self._back_reference(slots, op.low, position)
                        if length < 0:
                            break
                        position += length
                    case _:
                        if not self._assertion(op.op, position):
                            break
                pc += 1
            if len(stack) > _MAX_BACKTRACK:
                raise LimitError("a regular expression needs too much backtracking")
        return None

    def _repeat(self, op: Instruction, position: int) -> int:
        """Where a run of accepted characters ends."""
        end = min(len(self.text), position + op.high) if op.high >= 0 else len(self.text)
        while position < end and op.accepts(self.text[position]):
            position += 1
            self._tick()
        return position

    def _back_reference(self, slots: Spans, group: int, position: int) -> int:
        start, end = slots[2 * group], slots[2 * group + 1]
        if start < 0 or end < 0:
            return -1
        self.steps += (end - start) // 64
        return end - start if self.text.startswith(self.text[start:end], position) else -1

    def _assertion(self, op: Op, position: int) -> bool:
        text, size = self.text, len(self.text)
        match op:
            case Op.START:
                return position == 0
            case Op.LINE_START:
                return position == 0 or text[position - 1] == "\n"
            case Op.END:
                return position == size or (position == size - 1 and text[position] == "\n")
            case Op.LINE_END:
                return position == size or text[position] == "\n"
            case Op.HARD_END:
                return position == size
        before = position > 0 and _is_word(text[position - 1])
        after = position < size and _is_word(text[position])
        return (before != after) == (op is Op.WORD_EDGE)


def _is_word(char: str) -> bool:
    return char == "_" or (char.isascii() and char.isalnum())
