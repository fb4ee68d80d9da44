"""The validation rules of a custom kind, compiled when they are first needed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any

import msgspec

from towline.kube.cel.rules import RuleNode, compile_rules, has_rules

_encoder = msgspec.json.Encoder(order="deterministic")


class _Schema:
    """A schema that equals every other one with its digest."""

    __slots__ = ("digest", "raw")

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        self.digest = sha256(_encoder.encode(raw)).digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Schema) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


@lru_cache(maxsize=256)
def _compiled(schema: _Schema) -> RuleNode | None:
    return compile_rules(schema.raw)


class CustomRules:
    """Rules of one schema.

    Definitions are rewritten often and rarely with another schema: compiled rules are shared by the
    schema's digest.

    Args:
        schema: `openAPIV3Schema`, or None.
    """

    def __init__(self, schema: Mapping[str, Any] | None) -> None:
        ruled = schema is not None and has_rules(schema)
        self._schema = _Schema(schema) if schema is not None and ruled else None

    def compiled(self) -> RuleNode | None:
        """The rules, or None when there are none."""
        return None if self._schema is None else _compiled(self._schema)


NO_RULES = CustomRules(None)
