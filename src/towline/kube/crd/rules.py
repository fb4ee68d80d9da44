"""The validation rules of a custom kind, compiled when they are first needed. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256
from threading import Lock
from typing import Any

import msgspec

from towline.kube.cel.rules import RuleNode, compile_rules, has_rules

_KEPT = 256
_encoder = msgspec.json.Encoder(order="deterministic")


class CustomRules:
    """Rules of one schema.

    Definitions are rewritten often and rarely with another schema: compiled rules are shared by the
    schema's digest.

    Args:
        schema: `openAPIV3Schema`, or None.
    """

    def __init__(self, schema: Mapping[str, Any] | None) -> None:
        self._schema = schema if schema is not None and has_rules(schema) else None
        self._digest = (
            b"" if self._schema is None else sha256(_encoder.encode(self._schema)).digest()
        )

    def compiled(self) -> RuleNode | None:
        """The rules, or None when there are none."""
        if self._schema is None:
            return None
        return _CACHE.get(self._digest, self._schema)


class _Cache:
    """The rules compiled last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: OrderedDict[bytes, RuleNode | None] = OrderedDict()

    def get(self, digest: bytes, schema: Mapping[str, Any]) -> RuleNode | None:
        with self._lock:
            if digest in self._known:
                self._known.move_to_end(digest)
                return self._known[digest]
        made = compile_rules(schema)
        with self._lock:
            self._known[digest] = made
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return made


_CACHE = _Cache()
NO_RULES = CustomRules(None)
