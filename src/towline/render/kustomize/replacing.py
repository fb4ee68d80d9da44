"""Replacements: values copied from one field, or given, to fields of selected resources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from towline.errors import InputError
from towline.kube.selectors import LabelSelector, parse_label_selector
from towline.kube.status import ApiError
from towline.render.kustomize.fieldpaths import MISSING, Place, dotted, lookup, places
from towline.render.kustomize.ids import ResId
from towline.render.kustomize.labelling import Transformer
from towline.render.kustomize.model import (
    FieldOptions,
    Replacement,
    ReplacementSource,
    ReplacementTarget,
    Selector,
)
from towline.render.kustomize.patching import pattern_of
from towline.render.kustomize.patterns import SelectorPattern
from towline.render.kustomize.resmap import ResMap
from towline.render.kustomize.resource import Resource
from towline.render.kustomize.structured import set_in_text
from towline.render.kustomize.values import (
    Shared,
    Value,
    is_empty,
    is_scalar,
    resolve,
    respelled,
    retagged,
    set_everywhere,
    text_of,
)

_NAME = "metadata.name"


def replace_all(replacements: Sequence[Replacement]) -> Transformer:
    """Carries out replacements in order."""

    def transform(resources: ResMap) -> None:
        for replacement in replacements:
            if (
                replacement.source is None and replacement.source_value is None
            ) or replacement.targets is None:
                raise InputError("replacements must specify a source and at least one target")
            value = _source_value(resources, replacement)
            for target in replacement.targets:
                _Target(target).replace(resources, value)

    return transform


def _source_value(resources: ResMap, replacement: Replacement) -> Value:
    source = replacement.source
    if source is None:
        return resolve(replacement.source_value or "")
    if replacement.source_value is not None:
        raise InputError("value and resource selectors are mutually exclusive")
    resource = _source(resources, source)
    path = source.field_path or _NAME
    try:
        value = lookup(resource.value, dotted(path))
    except InputError as error:
        raise InputError(f"error looking up replacement source: {error.message}") from error
    if value is MISSING or is_empty(value):
        raise InputError(f"fieldPath `{path}` is missing for replacement source {_id(source)}")
    return _piece(source.options, value)


def _id(selector: Selector) -> ResId:
    return ResId(selector.gvk, selector.name, selector.namespace)


def _source(resources: ResMap, source: ReplacementSource) -> Resource:
    wanted = _id(source)
    found = [
        resource
        for resource in resources
        if any(each.selected_by(wanted) for each in [resource.id, *resource.previous_ids])
    ]
    if len(found) == 1:
        return found[0]
    shown = f"{wanted}:{source.field_path}" if source.field_path else str(wanted)
    if source.options is not None and (source.options.delimiter or source.options.create):
        options = source.options
        shown += f":{options.delimiter}({options.index}), create={str(options.create).lower()}"
    raise InputError(
        f"multiple matches for selector {shown}" if found else f"nothing selected by {shown}"
    )


def _piece(options: FieldOptions | None, value: Value) -> Value:
    if options is None or not options.delimiter:
        return value
    if not is_scalar(value):
        raise InputError("delimiter option can only be used with scalar nodes")
    text = text_of(value)
    pieces = text.split(options.delimiter)
    if not 0 <= options.index < len(pieces):
        raise InputError(f"options.index {options.index} is out of bounds for value {text}")
    return respelled(value, pieces[options.index])


class _Target:
    """One target of a replacement."""

    def __init__(self, target: ReplacementTarget) -> None:
        if target.select is None:
            raise InputError("target must specify resources to select")
        self._select = target.select
        self._options = target.options
        self._paths = target.field_paths or [_NAME]
        self._pattern = pattern_of(target.select)
        self._wanted = _labels_of(target.select)
        self._rejected = [pattern_of(each) for each in target.reject if not each.is_empty]
        self._rejected_labels = [
            _labels_of(each)
            for each in target.reject
            if each.label_selector or each.annotation_selector
        ]

    def replace(self, resources: ResMap, value: Value) -> None:
        """Sets the value in all resources that are selected."""
        for resource in resources:
            ids = [resource.id, *resource.previous_ids]
            if not self._is_selected(resource, ids):
                continue
            self._set(resource, value)

    def _is_selected(self, resource: Resource, ids: list[ResId]) -> bool:
        if not resource.selected(*self._wanted):
            return False
        if any(resource.selected(*labels) for labels in self._rejected_labels):
            return False
        if any(_fits(pattern, each) for pattern in self._rejected for each in ids):
            return False
        return any(_fits(self._pattern, each) for each in ids)

    def _set(self, resource: Resource, value: Value) -> None:
        document = _private(resource.value)
        changes: dict[int, tuple[object, Value]] = {}
        for path in self._paths:
            parts = dotted(path)
            if set_in_text(document, parts, value, self._options, set_place):
                continue
            create = value if self._options is not None and self._options.create else MISSING
            try:
                found = places(Place([document], 0), parts, create)
            except InputError as error:
                raise InputError(f"{_not_found(path, create)}: {error.message}") from error
            if not found:
                raise InputError(_not_found(path, create))
            for place in found:
                before = place.value
                set_place(place, value, self._options)
                if isinstance(before, Shared):
                    changes[id(before.group)] = (before.group, place.value)
        resource.special = True
        resource.value = set_everywhere(document, changes) if changes else document


def _not_found(path: str, create: Value) -> str:
    verb = "find" if create is MISSING else "find or create"
    return f'unable to {verb} field "{path}" in replacement target'


def set_place(place: Place, value: Value, options: FieldOptions | None) -> None:
    """Sets a field to the value, or a piece of the field's text.

    Raises:
        InputError: Only a part of the text is to be set, and the field is no text.
    """
    before = place.value
    if options is not None and options.delimiter:
        if not is_scalar(before):
            raise InputError("delimiter option can only be used with scalar nodes")
        text = _joined(text_of(before), text_of(value), options)
        place.value = resolve(text) if place.made else retagged(before, text)
        return
    if not is_scalar(before):
        place.value = _private(value)
    elif place.made:
        place.value = resolve(text_of(value))
    else:
        place.value = retagged(before, text_of(value))


def _joined(before: str, new: str, options: FieldOptions) -> str:
    pieces = before.split(options.delimiter)
    if options.index < 0:
        pieces.insert(0, new)
    elif options.index >= len(pieces):
        pieces.append(new)
    else:
        pieces[options.index] = new
    return options.delimiter.join(pieces)


def _labels_of(selector: Selector) -> tuple[LabelSelector, LabelSelector]:
    try:
        return (
            parse_label_selector(selector.label_selector),
            parse_label_selector(selector.annotation_selector),
        )
    except ApiError as error:
        raise InputError(str(error), field="select") from error


def _fits(pattern: SelectorPattern, wanted: ResId) -> bool:
    return (
        pattern.gvk(wanted.gvk)
        and pattern.name(wanted.name)
        and pattern.namespace(wanted.namespace)
    )


def _private(value: Value) -> Any:
    """A copy whose collections are shared with nobody."""
    if isinstance(value, dict):
        return {key: _private(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_private(item) for item in value]
    return value
