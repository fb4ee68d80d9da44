"""The syntax tree of a template. `str(node)` is the node as Go's error messages show it.

Positions are character offsets into the text of the template.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from towline.render.gotemplate.quoting import quote


class Dot(msgspec.Struct, frozen=True, gc=False):
    """The value under the cursor: `.`."""

    position: int

    def __str__(self) -> str:
        return "."


class Nil(msgspec.Struct, frozen=True, gc=False):
    """The word nil."""

    position: int

    def __str__(self) -> str:
        return "nil"


class Boolean(msgspec.Struct, frozen=True, gc=False):
    """true or false."""

    position: int
    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


class String(msgspec.Struct, frozen=True, gc=False):
    """A string literal.

    Attributes:
        source: As written, with quotes.
    """

    position: int
    source: str
    value: str

    def __str__(self) -> str:
        return self.source


class Number(msgspec.Struct, frozen=True, gc=False):
    """A numeric literal and what it may stand for; None where it may not.

    Attributes:
        source: As written.
        integer: As a signed 64-bit integer.
        unsigned: As an unsigned 64-bit integer.
        floating: As a float64.
        is_complex: Whether it was written as an imaginary or complex number.
    """

    position: int
    source: str
    integer: int | None = None
    unsigned: int | None = None
    floating: float | None = None
    is_complex: bool = False

    def __str__(self) -> str:
        return self.source


class Identifier(msgspec.Struct, frozen=True, gc=False):
    """A function's name."""

    position: int
    name: str

    def __str__(self) -> str:
        return self.name


class Field(msgspec.Struct, frozen=True, gc=False):
    """`.a.b`: fields of the dot."""

    position: int
    names: tuple[str, ...]

    def __str__(self) -> str:
        return "".join("." + name for name in self.names)


class Variable(msgspec.Struct, frozen=True, gc=False):
    """`$x.a.b`: a variable and fields of it; `names[0]` is the variable with its dollar."""

    position: int
    names: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.names)


class Chain(msgspec.Struct, frozen=True, gc=False):
    """`(pipeline).a.b`: fields of what is neither a field nor a variable."""

    position: int
    node: Operand
    names: tuple[str, ...]

    def __str__(self) -> str:
        inner = f"({self.node})" if isinstance(self.node, Pipe) else str(self.node)
        return ".".join((inner, *self.names))


class Command(msgspec.Struct, frozen=True, gc=False):
    """Operands in a row: a function or method and its arguments, or one value."""

    position: int
    operands: tuple[Operand, ...]

    def __str__(self) -> str:
        return " ".join(
            f"({operand})" if isinstance(operand, Pipe) else str(operand)
            for operand in self.operands
        )


class Pipe(msgspec.Struct, frozen=True, gc=False):
    """Commands joined by `|`, perhaps assigned to variables.

    Attributes:
        variables: What it declares or assigns.
        assigns: Whether that is by `=`.
    """

    position: int
    commands: tuple[Command, ...]
    variables: tuple[Variable, ...] = ()
    assigns: bool = False

    def __str__(self) -> str:
        shown = " | ".join(str(command) for command in self.commands)
        if self.variables:
            names = ", ".join(str(variable) for variable in self.variables)
            shown = f"{names} {'=' if self.assigns else ':='} {shown}"
        return shown


class Text(msgspec.Struct, frozen=True, gc=False):
    """Text to copy."""

    position: int
    value: str

    def __str__(self) -> str:
        return self.value


class Action(msgspec.Struct, frozen=True, gc=False):
    """A pipeline whose value is printed unless it sets a variable."""

    position: int
    pipe: Pipe

    def __str__(self) -> str:
        return f"{{{{{self.pipe}}}}}"


class Break(msgspec.Struct, frozen=True, gc=False):
    """Leave the innermost range."""

    position: int

    def __str__(self) -> str:
        return "{{break}}"


class Continue(msgspec.Struct, frozen=True, gc=False):
    """Go on with the next element of the innermost range."""

    position: int

    def __str__(self) -> str:
        return "{{continue}}"


class Branch(msgspec.Struct, frozen=True, gc=False):
    """if, with or range.

    Attributes:
        word: Which one.
        otherwise: The list after else; None when there is no else.
    """

    position: int
    word: str
    pipe: Pipe
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...] | None

    def __str__(self) -> str:
        shown = f"{{{{{self.word} {self.pipe}}}}}{show_list(self.body)}"
        if self.otherwise is not None:
            shown += "{{else}}" + show_list(self.otherwise)
        return shown + "{{end}}"


class Call(msgspec.Struct, frozen=True, gc=False):
    """{{template}} or {{block}}: run another template in place."""

    position: int
    name: str
    pipe: Pipe | None

    def __str__(self) -> str:
        argument = f" {self.pipe}" if self.pipe is not None else ""
        return f"{{{{template {quote(self.name)}{argument}}}}}"


Literal: TypeAlias = Boolean | String | Number
Operand: TypeAlias = (
    Dot | Nil | Boolean | String | Number | Identifier | Field | Variable | Chain | Pipe
)
Node: TypeAlias = Text | Action | Break | Continue | Branch | Call


def show_list(nodes: tuple[Node, ...]) -> str:
    """A list of nodes as error messages show it."""
    return "".join(str(node) for node in nodes)


def is_empty(nodes: tuple[Node, ...]) -> bool:
    """Whether a template is nothing but spaces and comments."""
    return all(isinstance(node, Text) and not node.value.strip() for node in nodes)
