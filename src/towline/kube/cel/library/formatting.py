"""`"...".format([...])`. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from towline.kube.cel import costs
from towline.kube.cel.formats import format_text
from towline.kube.cel.functions import Functions
from towline.kube.cel.values import Value

FUNCTIONS = Functions()


@FUNCTIONS.overload("format", "string.(list(dyn)) -> string", cost=costs.traversal)
def _format(text: str, args: Sequence[Value]) -> str:
    return format_text(text, args)
