"""The compiler's part for pipelines: commands, fields, variables."""

from __future__ import annotations

import msgspec

from towline.render.gotemplate.calls import CallCompiler
from towline.render.gotemplate.frame import Local, Value
from towline.render.gotemplate.functions import ANY
from towline.render.gotemplate.nodes import (
    Boolean,
    Chain,
    Command,
    Dot,
    Field,
    Identifier,
    Nil,
    Number,
    Operand,
    Pipe,
    String,
    Variable,
)


class ExpressionCompiler(CallCompiler):
    """Compiles pipelines to expressions."""

    def pipe(self, pipe: Pipe, *, boxed: str = "") -> Value:
        """The pipeline's value; its variables are set within the expression.

        Args:
            pipe: The pipeline.
            boxed: What its variables will hold entries of (range).
        """
        self.at = pipe
        value: Value | None = None
        for command in pipe.commands:
            value = msgspec.structs.replace(self.command(command, value), boxed="")
        if value is None:
            raise AssertionError("the parser refuses empty pipelines")
        for variable in pipe.variables:
            value = self._store(variable.names[0], value, pipe, boxed=boxed)
        return value

    def _store(self, name: str, value: Value, pipe: Pipe, *, boxed: str) -> Value:
        code = value.code if value.simple else f"keep({value.code})"
        if pipe.assigns:
            found = self.find(name)
            if found is None:
                return Value(code=f"({code}, {self.failure(f'undefined variable: {name}').code})")
            local = found.local
        else:
            local = self.local("v")
            self.scope.append(
                Local(name=name, local=local, boxed=boxed, certain=not self.skippable)
            )
            if self.skippable:
                self.unset.append(local)
        stored = f"({local} := {code})"
        return msgspec.structs.replace(value, code=stored, simple=False, branches=(), word="")

    def command(self, command: Command, final: Value | None) -> Value:
        """The command's value; `final` is that of the command before it in the pipeline."""
        first = command.operands[0]
        match first:
            case Field() | Chain() | Variable():
                return self._chained(first, command.operands[1:], final)
            case Identifier():
                return self.function(first, command, command.operands[1:], final)
            case Pipe():
                return self._no_function(command, final) or self.pipe(first)
        self.at = first
        refused = self._no_function(command, final)
        if refused is not None:
            return refused
        match first:
            case Dot():
                return self.dot
            case Nil():
                return self.failure("nil is not a command")
            case Boolean() | String() | Number():
                return self.literal(first, ANY)

    def _no_function(self, command: Command, final: Value | None) -> Value | None:
        """The error of arguments given to what takes none; None when there are none."""
        if len(command.operands) == 1 and final is None:
            return None
        failed = self.failure(f"can't give argument to non-function {command.operands[0]}")
        return self.after(final, failed)

    def _chained(
        self, node: Field | Chain | Variable, operands: tuple[Operand, ...], final: Value | None
    ) -> Value:
        self.at = node
        match node:
            case Field():
                receiver, names = self.dot, node.names
            case Variable():
                receiver, names = self._variable(node.names[0]), node.names[1:]
            case Chain():
                if isinstance(node.node, Nil):
                    return self.failure(f"indirection through explicit nil in {node}")
                receiver, names = self.operand(node.node), node.names
        if not names:
            if operands or final is not None:
                failed = self.failure(f"can't give argument to non-function {node}")
                return self.after(final, failed)
            return receiver
        if operands or final is not None:
            return self._method(receiver, names, operands, final)
        return self._fields(receiver, names)

    def _variable(self, name: str) -> Value:
        found = self.find(name)
        if found is None:
            return self.failure(f"undefined variable: {name}")
        if not found.certain:
            return Value(code=f"declared({self.mark()}{found.local}, {name!r})")
        return Value(code=found.local, boxed=found.boxed, simple=True)

    def _fields(self, receiver: Value, names: tuple[str, ...]) -> Value:
        boxed = f", {receiver.boxed}" if receiver.boxed else ""
        called, shown = "fn", repr(names)
        if len(names) <= 3:
            called, shown = f"f{len(names)}", ", ".join(map(repr, names))
        held = receiver.code if receiver.simple else self.temporary()

        def chain(code: str) -> str:
            kept = code if code == held else f"({held} := {code})"
            return f"{called}({self.mark()}{kept}, {shown}{boxed})"

        # A chain that begins at no value at all ends there; any other ends at an entry or field.
        return Value(code=self.applied(receiver, chain), boxed=f"{held} is not None")

    def _method(
        self,
        receiver: Value,
        names: tuple[str, ...],
        operands: tuple[Operand, ...],
        final: Value | None,
    ) -> Value:
        bound = self.temporary()
        count = len(operands) + (final is not None)
        place, held = self.mark(), ""
        shown = f"{receiver.code}, {names!r}, {count}, {receiver.boxed or False}"
        binding = f"{bound} := bind({self.mark()}{shown})"
        if final is not None and not final.simple:
            held = self.temporary()
        arguments = []
        for at, operand in enumerate(operands):
            value = self._method_argument(operand)
            listed = f"{bound}, {at}, {value.code}, {value.boxed or False}"
            arguments.append(f"given({self.mark()}{listed})")
        if final is not None:
            listed = f"{bound}, {count - 1}, {held or final.code}, False"
            arguments.append(f"given({self.mark()}{listed})")
        code = f"invoke({place}({binding}), ({', '.join(arguments)},))"
        if held and final is not None:
            code = f"({held} := {final.code}, {code})[1]"
        return Value(code=code, boxed="True")

    def _method_argument(self, operand: Operand) -> Value:
        value = self.operand(operand)
        if isinstance(operand, Boolean | String | Number | Nil):
            return Value(code=f"constant({value.code}, {str(operand)!r})")
        return value

    def operand(self, operand: Operand) -> Value:
        """The operand's value where any type will do."""
        self.at = operand
        match operand:
            case Dot():
                return self.dot
            case Nil():
                return Value(code="None", simple=True)
            case Field() | Variable() | Chain():
                return self._chained(operand, (), None)
            case Pipe():
                return self.pipe(operand)
            case Identifier():
                return self.function(operand, operand, (), None)
            case Boolean() | String() | Number():
                return self.literal(operand, ANY)
