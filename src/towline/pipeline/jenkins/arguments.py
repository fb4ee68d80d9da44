"""Arguments of steps: names, the unnamed one, the block; checked before the step runs. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from towline.pipeline.jenkins.failures import abort
from towline.text.groovy import Arguments, ClosureValue, Site, script_error, to_text, truth


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """What a step takes.

    Attributes:
        parameters: Names of its parameters.
        unnamed: The parameter that a single value without a name is for.
        required: Parameters without a default.
        body: Whether a block follows: "no", "yes" or "maybe".
        lenient: Whether unknown parameters are accepted in silence.
    """

    parameters: tuple[str, ...] = ()
    unnamed: str = ""
    required: tuple[str, ...] = ()
    body: str = "no"
    lenient: bool = False


class StepCall(msgspec.Struct, frozen=True):
    """A call of a step, its arguments sorted out.

    Attributes:
        name: Name of the step.
        site: Where it is called from.
        values: Arguments by parameter.
        body: The block, or None.
        unknown: Names of arguments that the step does not have.
    """

    name: str
    site: Site
    values: dict[str, Any]
    body: ClosureValue | None
    unknown: tuple[str, ...] = ()

    def value(self, parameter: str, default: Any = None) -> Any:
        """An argument as it is."""
        found = self.values.get(parameter)
        return default if found is None else found

    def text(self, parameter: str, default: str = "") -> str:
        """An argument as text."""
        value = self.values.get(parameter)
        return default if value is None else to_text(value, self.site.interpreter.meter)

    def flag(self, parameter: str, *, default: bool = False) -> bool:
        """An argument as truth."""
        value = self.values.get(parameter)
        return default if value is None else truth(value)

    def number(self, parameter: str, default: float = 0.0) -> float:
        """An argument as a number, also when it is written as text.

        Raises:
            Thrown: When it is not a number.
        """
        value = self.values.get(parameter)
        if value is None:
            return default
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return float(value)
        try:
            return float(str(value)[:40])
        except ValueError:
            raise abort(f"{self.name}: '{parameter}' must be a number") from None

    def block(self) -> ClosureValue:
        """The block that the step must have.

        Raises:
            Thrown: When it has none.
        """
        if self.body is None:
            raise abort(f"{self.name} needs a block: {self.name}(...) {{ ... }}")
        return self.body


def bind(name: str, signature: Signature, arguments: Arguments, site: Site) -> StepCall:
    """Sorts out the arguments of a call.

    Raises:
        Thrown: IllegalArgumentException when they do not fit the step.
    """
    positional = list(arguments.positional)
    values = dict(arguments.named)
    body = None
    if signature.body != "no" and positional and isinstance(positional[-1], ClosureValue):
        body = positional.pop()
    if not values and _is_named(positional, signature):
        values = {str(key): value for key, value in positional.pop().items()}
    if positional:
        if len(positional) > 1 or not signature.unnamed:
            raise script_error(
                "IllegalArgumentException", f"{name}: arguments need names: {_known(signature)}"
            )
        values.setdefault(signature.unnamed, positional[0])
    missing = [parameter for parameter in signature.required if values.get(parameter) is None]
    if missing:
        raise script_error(
            "IllegalArgumentException", f"{name}: missing required parameter '{missing[0]}'"
        )
    unknown = () if signature.lenient else tuple(set(values) - set(signature.parameters))
    return StepCall(name, site, values, body, tuple(sorted(unknown)))


def _is_named(positional: list[Any], signature: Signature) -> bool:
    """Whether a single map stands for named arguments."""
    if len(positional) != 1 or not isinstance(positional[0], dict):
        return False
    return not signature.unnamed or not set(positional[0]).isdisjoint(signature.parameters)


def _known(signature: Signature) -> str:
    return ", ".join(f"{parameter}:" for parameter in signature.parameters) or "none are known"
