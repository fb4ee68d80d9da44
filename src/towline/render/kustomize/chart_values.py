"""How the inline values of a chart meet its file of values."""

from __future__ import annotations

from typing import Any

from towline.errors import InputError
from towline.render.kustomize.documents import Reading, read_document
from towline.render.kustomize.merge import strategic_merge
from towline.render.kustomize.schema import Schemas
from towline.render.kustomize.values import finished
from towline.text.goyaml import dump


def merged_values(inline: dict[str, Any], file: bytes, how: str) -> str:
    """The values as YAML.

    Args:
        inline: The inline values.
        file: Content of the file.
        how: `override` (the inline ones win, also when empty), `merge` (the file wins) or
            `replace` (the file does not count).

    Raises:
        InputError: The file is not YAML.
    """
    if how == "replace":
        return dump(inline)
    try:
        found = read_document(file.decode(), Reading())
    except UnicodeDecodeError as error:
        raise InputError("could not parse values file into rnode: not UTF-8") from error
    base = found if isinstance(found, dict) else {}
    patch, target = (base, inline) if how == "merge" else (inline, base)
    merged = strategic_merge(patch, target, Schemas(), prepend=False)
    return dump(finished(merged or {}))
