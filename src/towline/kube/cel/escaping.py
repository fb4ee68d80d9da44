"""Names of fields as expressions write them: `a-b` is `a__dash__b`. Pure.

Source: Kubernetes's rules for property names in validation expressions.
"""

from __future__ import annotations

import re

from towline.kube.cel.lexer import KEYWORDS, RESERVED

_NAME = re.compile(r"[A-Za-z_./\-][A-Za-z0-9_./\-]*")
_SPECIAL = re.compile(r"__|[./\-]")
_WORDS = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}


def escape(name: str) -> str:
    """The name in an expression; empty when it cannot be said in one."""
    if name in KEYWORDS or name in RESERVED:
        return f"__{name}__"
    if _NAME.fullmatch(name) is None:
        return ""
    return _SPECIAL.sub(lambda match: _WORDS[match.group()], name)
