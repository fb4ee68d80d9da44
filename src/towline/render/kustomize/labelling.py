"""Transformers that set labels, annotations, replicas and images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from towline.errors import InputError
from towline.render.kustomize.fieldspecs import (
    MAPPING,
    SCALAR,
    FieldSpec,
    edited,
    require_scalar,
)
from towline.render.kustomize.ids import ResId
from towline.render.kustomize.model import Image, Replica
from towline.render.kustomize.patterns import compiled
from towline.render.kustomize.resmap import ResMap
from towline.render.kustomize.resource import Resource
from towline.render.kustomize.values import (
    Shared,
    Value,
    checked_key,
    is_null,
    respelled,
    set_everywhere,
    text_of,
)

Transformer = Callable[[ResMap], None]
_TAG_OR_DIGEST = r"(:[a-zA-Z0-9_.{}-]*)?(@[a-zA-Z0-9]+([.+_-][a-zA-Z0-9]+)*:[a-zA-Z0-9_.{}-]*)?$"


def set_entries(entries: Mapping[str, str], specs: Sequence[FieldSpec]) -> Transformer:
    """Sets labels or annotations in the fields of the specifications."""
    pairs = [(checked_key(key), text) for key, text in sorted(entries.items())]
    odd = any(type(key) is not str for key, _ in pairs)

    def transform(resources: ResMap) -> None:
        if not pairs:
            return
        for resource in resources:
            resource.special |= odd
            _set_pairs(resource, pairs, specs)

    return transform


def _set_pairs(
    resource: Resource, pairs: Sequence[tuple[str, str]], specs: Sequence[FieldSpec]
) -> None:
    plain = _EntrySetter(pairs, shared=False)
    value = plain.apply(resource, specs)
    if plain.most_added > 1 or plain.changes:
        setter = _EntrySetter(pairs, shared=True)
        value = setter.apply(resource, specs)
        resource.special = True
        if setter.changes:
            value = set_everywhere(value, setter.changes)
    resource.value = value


class _EntrySetter:
    """Sets entries in mappings; keeps what becomes, or is, one node in several of them."""

    def __init__(self, pairs: Sequence[tuple[str, str]], *, shared: bool) -> None:
        self._pairs = [(key, Shared(text, object()) if shared else text) for key, text in pairs]
        self._added = dict.fromkeys((key for key, _ in pairs), 0)
        self.changes: dict[int, tuple[object, Value]] = {}

    @property
    def most_added(self) -> int:
        """In how many mappings one key was new, at most."""
        return max(self._added.values())

    def apply(self, resource: Resource, specs: Sequence[FieldSpec]) -> dict[str, Value]:
        """The object with the entries set."""
        value, gvk = resource.value, resource.gvk
        for spec in specs:
            value = edited(value, gvk, spec, self._edit, create=MAPPING, who=resource.id)
        return value

    def _edit(self, value: Value) -> Value:
        if is_null(value):
            return value
        if not isinstance(value, dict):
            kind = "SequenceNode" if isinstance(value, list) else "ScalarNode"
            raise InputError(f"wrong node kind: expected MappingNode but got {kind}")
        if all(value.get(key) == text for key, text in self._pairs):
            return value
        result = dict(value)
        for key, text in self._pairs:
            before = result.get(key)
            if key not in result:
                self._added[key] += 1
                result[key] = text
            elif isinstance(before, Shared):
                self.changes[id(before.group)] = (before.group, str(text))
                result[key] = Shared(text, before.group)
            else:
                result[key] = str(text)
        return result


def set_replicas(replica: Replica, specs: Sequence[FieldSpec]) -> Transformer:
    """Sets the number of replicas of a workload."""

    def edit(value: Value) -> Value:
        require_scalar(value)
        return replica.count

    def transform(resources: ResMap) -> None:
        found = False
        for spec in specs:
            for resource in resources.by_any_id(_named(replica.name, spec)):
                found = True
                resource.value = edited(
                    resource.value, resource.gvk, spec, edit, create=SCALAR, who=resource.id
                )
        if not found:
            kinds = " ".join(str(spec.gvk) for spec in specs)
            raise InputError(
                f"resource with name {replica.name} does not match a config with the following "
                f"GVK [{kinds}]"
            )

    return transform


def _named(name: str, spec: FieldSpec) -> Callable[[ResId], bool]:
    return lambda wanted: wanted.name == name and wanted.gvk.selected_by(spec.gvk)


def set_image(image: Image, specs: Sequence[FieldSpec]) -> Transformer:
    """Changes name, tag or digest of an image, in containers anywhere and in the given fields."""
    matches = _image_matcher(image.name)

    def edit(value: Value) -> Value:
        if is_null(value):
            return value
        text = text_of(require_scalar(value))
        return respelled(value, changed_image(text, image)) if matches(text) else value

    def transform(resources: ResMap) -> None:
        for resource in resources:
            if resource.kind == "CustomResourceDefinition":
                continue
            value: dict[str, Value] = _in_containers(resource.value, edit)
            for spec in specs:
                value = edited(value, resource.gvk, spec, edit, who=resource.id)
            resource.value = value

    return transform


def _image_matcher(name: str) -> Callable[[str], bool]:
    try:
        pattern = compiled(f"^{name}{_TAG_OR_DIGEST}")
    except InputError:
        return lambda _: False
    return pattern.matches


def changed_image(text: str, change: Image) -> str:
    """The image reference after a change."""
    name, tag, digest = split_image(text)
    name = change.new_name or name
    if change.new_tag:
        tag, digest = change.new_tag, change.digest
    elif change.digest:
        tag, digest = "", change.digest
    elif change.tag_suffix:
        tag, digest = tag + change.tag_suffix, ""
    return name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


def split_image(text: str) -> tuple[str, str, str]:
    """Name, tag and digest of an image reference; a registry's port is part of the name."""
    slash = max(text.find("/"), 0)
    at, colon = text.find("@", slash), text.find(":", slash)
    if at >= 0 and (colon < 0 or at < colon):
        return text[:at], "", text[at + 1 :]
    if colon < 0:
        return text, "", ""
    if at >= 0:
        return text[:colon], text[colon + 1 : at], text[at + 1 :]
    return text[:colon], text[colon + 1 :], ""


def _in_containers(value: Value, edit: Callable[[Value], Value]) -> Any:
    if isinstance(value, list):
        items = [_in_containers(item, edit) for item in value]
        changed = any(new is not old for new, old in zip(items, value, strict=True))
        return items if changed else value
    if not isinstance(value, dict):
        return value
    result = value
    for key, item in value.items():
        if not isinstance(item, dict | list):
            continue
        new = _in_containers(item, edit)
        if key in {"containers", "initContainers"} and isinstance(new, list):
            new = _with_images(new, edit)
        if new is not item:
            result = {**result, key: new}
    return result


def _with_images(containers: list[Value], edit: Callable[[Value], Value]) -> list[Value]:
    result = containers
    for index, container in enumerate(containers):
        if is_null(container):
            continue
        if not isinstance(container, dict):
            raise InputError("wrong node kind: expected MappingNode but got ScalarNode")
        image = container.get("image")
        if image is None:
            continue
        new = edit(image)
        if new is not image and new != image:
            if result is containers:
                result = list(containers)
            result[index] = {**container, "image": new}
    return result
