"""Hides secret values in objects that leave the engine, so that differences can still be seen.

A value is replaced by plus signs; equal values of one key get equally many, different ones
different numbers. What is hidden: `data` and `stringData` of Secrets, the annotations that the
configuration names, and all of that again inside the record of the last client-side apply.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

import msgspec
import orjson

from towline.argo.names import LAST_APPLIED
from towline.gitops.normalize import members, with_data

Obj = dict[str, Any]

MASK: Final = "++++++++"
_STEP: Final = "++++"
_NOTES: Final = ("metadata", "annotations")
SENSITIVE_ANNOTATIONS_KEY: Final = "resource.sensitive.mask.annotations"


class Masked(msgspec.Struct, frozen=True, eq=False):
    """Objects fit to be shown.

    Attributes:
        target: What should be; None when there is none.
        live: What is; None when there is none.
    """

    target: Obj | None
    live: Obj | None


def sensitive_annotations(text: str) -> frozenset[str]:
    """Reads `resource.sensitive.mask.annotations`: names separated by commas."""
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def mask(
    target: Obj | None, live: Obj | None, annotations: Collection[str] = frozenset()
) -> Masked:
    """Masks a desired and a live object together.

    Args:
        target: What should be; not changed.
        live: What is; not changed.
        annotations: Names of annotations of Secrets whose values are secret too.
    """
    shown = mask_all([target, live], annotations)
    return Masked(shown[0], shown[1])


def mask_all(
    objects: Iterable[Obj | None], annotations: Collection[str] = frozenset()
) -> list[Obj | None]:
    """Masks several forms of one object together: live, desired, predicted, ....

    Secrets inside other objects (lists, templates) are masked each for itself.
    """
    given = list(objects)
    secrets = iter(_together([obj for obj in given if obj and _is_secret(obj)], annotations))
    return [
        next(secrets) if _is_secret(obj) else _without_nested(obj, annotations) for obj in given
    ]


def _together(secrets: list[Obj], annotations: Collection[str]) -> list[Obj]:
    """Masks forms of one Secret."""
    plain = [with_data(_plain(obj)) for obj in secrets]
    records = [_record(obj, annotations) for obj in plain]
    forms = [*plain, *(record for record in records if isinstance(record, dict))]
    for path, names in ((("data",), None), (_NOTES, annotations)):
        masks = _Masks(forms, path)
        forms = [_hidden(form, path, names, masks) for form in forms]
    rest = iter(forms[len(plain) :])
    noted = [next(rest) if isinstance(record, dict) else record for record in records]
    return [
        obj if record is None else _with_record(obj, record)
        for obj, record in zip(forms, noted, strict=False)
    ]


class _Masks:
    """Which mask stands for which value of which key, in order of appearance."""

    def __init__(self, forms: Iterable[Obj], path: tuple[str, ...]) -> None:
        self._masks: dict[str, dict[str, str]] = {}
        for form in forms:
            for name, value in _at(form, path).items():
                known = self._masks.setdefault(name, {})
                known.setdefault(_text(value), MASK + _STEP * len(known))

    def of(self, name: str, value: Any) -> str:
        return self._masks[name][_text(value)]


def _hidden(form: Obj, path: tuple[str, ...], names: Collection[str] | None, masks: _Masks) -> Obj:
    """The object with masks for the named members of a mapping, for all when None."""
    found = _at(form, path)
    if not found:
        return form
    shown = {
        name: masks.of(name, value) if names is None or name in names else value
        for name, value in found.items()
    }
    return _with(form, path, shown)


def _with(form: Obj, path: tuple[str, ...], value: Any) -> Obj:
    below = _with(members(form.get(path[0])), path[1:], value) if len(path) > 1 else value
    return {**form, path[0]: below}


def _at(form: Obj, path: tuple[str, ...]) -> Obj:
    for name in path:
        form = members(form.get(name))
    return form


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else repr(value)


def _is_secret(obj: Any) -> bool:
    if not isinstance(obj, dict) or obj.get("kind") != "Secret":
        return False
    return "/" not in str(obj.get("apiVersion") or "v1")


def _plain(obj: Obj) -> Obj:
    """The Secret without members of a shape that no mask fits."""
    odd = [name for name in ("data", "stringData") if not isinstance(obj.get(name) or {}, dict)]
    return {name: MASK if name in odd else value for name, value in obj.items()}


def _record(obj: Obj, annotations: Collection[str]) -> Obj | str | None:
    """What was applied last: the object, a mask when it is unreadable, None when there is none."""
    text = _at(obj, _NOTES).get(LAST_APPLIED)
    if text is None:
        return None
    if LAST_APPLIED in annotations or not isinstance(text, str):
        return MASK
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return MASK
    return with_data(_plain(value)) if isinstance(value, dict) else MASK


def _with_record(obj: Obj, record: Obj | str) -> Obj:
    if isinstance(record, dict):
        # A record may hold a record; what no person wrote there is not worth showing.
        notes = _at(record, _NOTES)
        if LAST_APPLIED in notes:
            record = _with(record, _NOTES, {**notes, LAST_APPLIED: MASK})
        record = orjson.dumps(record, option=orjson.OPT_SORT_KEYS).decode()
    return _with(obj, _NOTES, {**_at(obj, _NOTES), LAST_APPLIED: record})


def _without_nested(obj: Obj | None, annotations: Collection[str]) -> Obj | None:
    """An object that is no Secret, with the Secrets inside it masked: items, templates."""
    if obj is None:
        return None
    if obj.get("kind") == "SecretList" and isinstance(items := obj.get("items"), list):
        typed = [{"kind": "Secret", **item} if isinstance(item, dict) else item for item in items]
        obj = {**obj, "items": typed}
    shown: Obj = _walked(obj, annotations)
    if shown is not obj and LAST_APPLIED in _at(shown, _NOTES):
        return _with(shown, _NOTES, {**_at(shown, _NOTES), LAST_APPLIED: MASK})
    return shown


def _walked(value: Any, annotations: Collection[str]) -> Any:
    """The value with Secrets masked; the same one when there are none."""
    if isinstance(value, list):
        items = [_walked(item, annotations) for item in value]
        same = all(one is other for one, other in zip(items, value, strict=True))
        return value if same else items
    if not isinstance(value, dict):
        return value
    if _is_secret(value):
        return mask_all([value], annotations)[0]
    below = {name: _walked(item, annotations) for name, item in value.items()}
    return value if all(below[name] is item for name, item in value.items()) else below
