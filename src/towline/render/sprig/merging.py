"""Maps merged by the rules of the mergo library (v1): what counts is which entries are empty."""

from __future__ import annotations

from typing import Any, Final

from towline.errors import LimitError
from towline.render.gotemplate.kinds import GoObject
from towline.render.sprig.conversion import is_empty
from towline.render.sprig.work import Work

_DEEPEST: Final = 200


def merge_into(target: dict[str, Any], source: dict[str, Any], *, overwrite: bool) -> None:
    """Merges a map into another one in place.

    Lists are taken whole. Without `overwrite` only missing and empty entries are filled, and a nil
    in the source is passed over.

    Args:
        target: The map that changes.
        source: Where entries come from; its maps and lists may end up in both.
        overwrite: Whether the source wins.

    Raises:
        LimitError: The maps are too large, or nest too deeply.
    """
    _merge(target, source, overwrite=overwrite, depth=0, work=Work())


def _merge(
    target: dict[str, Any], source: dict[str, Any], *, overwrite: bool, depth: int, work: Work
) -> None:
    work.spend(len(source))
    if depth > _DEEPEST:
        raise LimitError(f"merged maps nest deeper than {_DEEPEST} levels")
    for key, item in list(source.items()):
        if item is None:
            if overwrite:
                target[key] = None
            continue
        old = target.get(key)
        maps = isinstance(item, dict) and isinstance(old, dict)
        if maps:
            _merge(target[key], item, overwrite=overwrite, depth=depth + 1, work=work)
        elif isinstance(item, list | bytes) and overwrite:
            target[key] = item
        filled = not _is_zero(old)
        if filled and (maps or isinstance(item, list | bytes)):
            continue
        if overwrite or not filled:
            target[key] = item


def _is_zero(value: Any) -> bool:
    return not isinstance(value, GoObject) and is_empty(value)
