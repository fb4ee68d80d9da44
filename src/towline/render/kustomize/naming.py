"""Transformers that change names and namespaces, and end generated names with a hash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from towline.errors import InputError
from towline.render.kustomize.fieldspecs import (
    SCALAR,
    FieldSpec,
    edited,
    require_scalar,
)
from towline.render.kustomize.generated import content_hash
from towline.render.kustomize.ids import Gvk
from towline.render.kustomize.labelling import Transformer
from towline.render.kustomize.resmap import ResMap
from towline.render.kustomize.resource import Resource
from towline.render.kustomize.values import Value, is_null, respelled, text_of

_NAME: Final = "metadata/name"
_NAMESPACE: Final = "metadata/namespace"
_FIXED_NAMES: Final = (
    Gvk(kind="CustomResourceDefinition"),
    Gvk(group="apiregistration.k8s.io", kind="APIService"),
    Gvk(kind="Namespace"),
)
_BINDINGS: Final = frozenset({"RoleBinding", "ClusterRoleBinding"})
SUBJECT_MODES: Final = ("defaultOnly", "none", "allServiceAccounts")


def add_prefix(prefix: str, specs: Sequence[FieldSpec]) -> Transformer:
    """Puts a prefix before names."""

    def change(resource: Resource) -> None:
        resource.prefixes = (*resource.prefixes, prefix)

    return _affix(specs, prefix, change, lambda text: prefix + text)


def add_suffix(suffix: str, specs: Sequence[FieldSpec]) -> Transformer:
    """Puts a suffix after names."""

    def change(resource: Resource) -> None:
        resource.suffixes = (*resource.suffixes, suffix)

    return _affix(specs, suffix, change, lambda text: text + suffix)


def _affix(
    specs: Sequence[FieldSpec],
    affix: str,
    note: Callable[[Resource], None],
    renamed: Callable[[str], str],
) -> Transformer:
    def edit(value: Value) -> Value:
        require_scalar(value)
        text = "" if is_null(value) else text_of(value)
        return respelled(
            value if isinstance(value, str) else "" if is_null(value) else value, renamed(text)
        )

    def transform(resources: ResMap) -> None:
        for resource in resources:
            first = resource.original_id.gvk
            if any(first.selected_by(kind) for kind in _FIXED_NAMES):
                continue
            for spec in specs:
                if not first.selected_by(spec.gvk):
                    continue
                if spec.path == _NAME and affix:
                    note(resource)
                    resource.remember()
                resource.value = edited(
                    resource.value, resource.gvk, spec, edit, create=SCALAR, who=resource.id
                )

    return transform


def set_namespace(
    namespace: str,
    specs: Sequence[FieldSpec],
    *,
    unset_only: bool = False,
    subjects: str = "",
) -> Transformer:
    """Sets the namespace of resources that can have one, and where theirs is named.

    Raises (when it runs):
        InputError: Two resources get the same identity, or a field is no scalar.
    """

    def transform(resources: ResMap) -> None:
        if not namespace:
            return
        taken = Counter(each.id.key for each in resources)
        for resource in resources:
            if resource.deleted or resource.from_chart:
                continue
            taken[resource.id.key] -= 1
            resource.remember()
            move(resource, namespace, specs, unset_only=unset_only, subjects=subjects)
            key = resource.id.key
            taken[key] += 1
            if taken[key] > 1:
                ids = " ".join(str(each.id) for each in resources if each.id.key == key)
                raise InputError(f"namespace transformation produces ID conflict: [{ids}]")

    return transform


def move(
    resource: Resource,
    namespace: str,
    specs: Sequence[FieldSpec],
    *,
    unset_only: bool = False,
    subjects: str = "",
) -> None:
    """Sets the namespace of one resource."""

    def edit(value: Value) -> Value:
        require_scalar(value)
        if unset_only and not is_null(value) and text_of(value):
            return value
        return namespace

    value, gvk = resource.value, resource.gvk
    used = [
        spec
        for spec in specs
        if spec.path != _NAMESPACE and (spec.path != _NAME or resource.api_version == "v1")
    ]
    if not resource.id.cluster:
        own = FieldSpec(Gvk(), _NAMESPACE, create=True)
        value = edited(value, gvk, own, edit, create=SCALAR, who=resource.id)
    if gvk.kind in _BINDINGS:
        used = [
            spec
            for spec in used
            if spec.path != "subjects/namespace" or spec.gvk.kind not in _BINDINGS
        ]
        value = _with_subjects(value, subjects or SUBJECT_MODES[0], edit)
    for spec in used:
        try:
            value = edited(value, gvk, spec, edit, create=SCALAR, who=resource.id)
        except InputError as error:
            raise InputError(f"namespace transformation failed: {error.message}") from error
    resource.value = value


def _with_subjects(
    value: dict[str, Value], mode: str, edit: Callable[[Value], Value]
) -> dict[str, Value]:
    subjects = value.get("subjects")
    if mode == "none" or is_null(subjects):
        return value
    if not isinstance(subjects, list):
        raise InputError(
            "setting namespace on (cluster)role binding subjects: wrong node kind: expected "
            "SequenceNode"
        )
    field, wanted = ("kind", "ServiceAccount") if mode != SUBJECT_MODES[0] else ("name", "default")
    items = []
    for item in subjects:
        if isinstance(item, dict) and text_of(item.get(field, "")) == wanted:
            items.append({**item, "namespace": edit(item.get("namespace", ""))})
        else:
            items.append(item)
    return {**value, "subjects": items}


def add_hashes(resources: ResMap) -> None:
    """Ends the names of generated resources with the hash of their content."""
    for resource in resources:
        if resource.needs_hash:
            suffix = content_hash(resource.value)
            resource.remember()
            resource.set_metadata("name", f"{resource.name}-{suffix}")
