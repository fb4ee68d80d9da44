"""Updates names of resources where other resources hold them, after names have changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from towline.errors import InputError
from towline.render.kustomize.fieldspecs import BackReference, FieldSpec, edited
from towline.render.kustomize.ids import NOWHERE, Gvk, ResId
from towline.render.kustomize.output import resource_yaml
from towline.render.kustomize.resmap import ResMap
from towline.render.kustomize.resource import Resource
from towline.render.kustomize.values import Value, is_null, respelled, text_of


def fix_references(resources: ResMap, references: Sequence[BackReference]) -> None:
    """Sets the present names and namespaces in all fields that refer to resources.

    Raises:
        InputError: A name may mean several resources, or a field has no name.
    """
    renamed: dict[str, list[Resource]] = {}
    for resource in resources:
        for name in dict.fromkeys(name for _, name, _ in resource.previous):
            renamed.setdefault(name, []).append(resource)
    everyone = _Candidates(resources.resources)
    by_kind: dict[Gvk, list[tuple[Gvk, FieldSpec]]] = {}
    for referrer in resources:
        kind = referrer.original_id.gvk
        fields = by_kind.get(kind)
        if fields is None:
            fields = by_kind[kind] = _fields_of(kind, references)
        if fields:
            _Referrer(referrer, renamed, everyone).update(fields)


def _fields_of(kind: Gvk, references: Sequence[BackReference]) -> list[tuple[Gvk, FieldSpec]]:
    return [
        (reference.gvk, spec)
        for reference in references
        for spec in reference.referrers
        if kind.selected_by(spec.gvk)
    ]


class _Candidates:
    """All resources by the namespace that they are, and were first, in."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        self._order = {id(resource): index for index, resource in enumerate(resources)}
        self._original: set[str] = {r.original_id.effective_namespace for r in resources}
        self._original.discard(NOWHERE)

    def has_original(self, namespace: str) -> bool:
        """Whether a resource was first in this namespace."""
        return namespace in self._original


class _Referrer:
    """One resource whose fields may name others."""

    def __init__(
        self, resource: Resource, renamed: dict[str, list[Resource]], everyone: _Candidates
    ) -> None:
        self._resource = resource
        self._renamed = renamed
        self._everyone = everyone
        self._bound = _bound_namespaces(resource)

    def update(self, fields: Sequence[tuple[Gvk, FieldSpec]]) -> None:
        resource = self._resource
        anything = Gvk()
        for target, spec in fields:
            place = FieldSpec(anything, spec.path)
            try:
                resource.value = edited(
                    resource.value,
                    resource.gvk,
                    place,
                    self._edit(target, spec.path),
                    who=resource.id,
                )
            except InputError as error:
                raise InputError(
                    f"updating name reference in '{spec.path}' field of '{resource.id}': "
                    f"{error.message}"
                ) from error

    def _edit(self, target: Gvk, path: str) -> Callable[[Value], Value]:
        def edit(value: Value) -> Value:
            if is_null(value):
                return value
            if isinstance(value, dict):
                return self._mapping(value, target, path)
            if not isinstance(value, list):
                return self._scalar(value, target, path)
            items = [item if isinstance(item, list) else edit(item) for item in value]
            if any(isinstance(item, list) for item in value):
                raise InputError("a list is expected to hold strings or mappings")
            changed = any(new is not old for new, old in zip(items, value, strict=True))
            return items if changed else value

        return edit

    def _scalar(self, value: Value, target: Gvk, path: str) -> Value:
        text = text_of(value)
        found = self._referral(text, target, path, None, spaces_count=False)
        if found is None or found.name == text:
            return value
        return respelled(value, found.name)

    def _mapping(self, value: dict[str, Value], target: Gvk, path: str) -> Value:
        if "name" not in value:
            raise InputError("path config error; no 'name' field in node")
        name = text_of(value["name"])
        space = text_of(value["namespace"]) if "namespace" in value else None
        found = self._referral(name, target, path, space, spaces_count=True)
        if found is None or (found.name == name and not found.namespace):
            return value
        result = {**value, "name": respelled(value["name"], found.name)}
        if found.namespace:
            result["namespace"] = found.namespace
        return value if result == value else result

    def _referral(
        self, name: str, target: Gvk, path: str, space: str | None, *, spaces_count: bool
    ) -> Resource | None:
        found = [
            each
            for each in self._renamed.get(name, ())
            if self._visible(each)
            and (space is None or self._lives_in(each, space))
            and any(old.gvk.selected_by(target) for old in each.previous_ids)
            and self._fits_role(each, path)
            and self._same_namespace(each)
        ]
        if len(found) == 1:
            return found[0]
        found = [each for each in found if _same_affixes(each, self._resource, lax=True)]
        if len(found) > 1:
            found = [each for each in found if _same_affixes(each, self._resource, lax=False)]
        if len(found) < 2:
            return found[0] if found else None
        first = found[0]
        if all(
            each.name == first.name and (not spaces_count or each.namespace == first.namespace)
            for each in found[1:]
        ):
            return first
        raise self._ambiguous(found)

    def _visible(self, other: Resource) -> bool:
        mine, theirs = self._resource.id, other.id
        return (
            mine.cluster
            or theirs.cluster
            or mine.effective_namespace == theirs.effective_namespace
            or other.namespace in self._bound
        )

    def _lives_in(self, other: Resource, space: str) -> bool:
        if self._everyone.has_original(space):
            return other.original_id.effective_namespace == space
        return other.id.effective_namespace == space and space != NOWHERE

    def _fits_role(self, other: Resource, path: str) -> bool:
        if not path.endswith("roleRef/name"):
            return True
        role = self._resource.value.get("roleRef")
        if not isinstance(role, dict) or "apiGroup" not in role or "kind" not in role:
            return True
        wanted = Gvk(group=text_of(role["apiGroup"]), kind=text_of(role["kind"]))
        return any(old.gvk.selected_by(wanted) for old in other.previous_ids)

    def _same_namespace(self, other: Resource) -> bool:
        mine: ResId = self._resource.id
        return (
            mine.cluster
            or other.id.cluster
            or other.kind == "ServiceAccount"
            or mine.effective_namespace == other.id.effective_namespace
        )

    def _ambiguous(self, found: list[Resource]) -> InputError:
        ids = ", ".join(str(each.id) for each in found)
        text = (
            f"found multiple possible referrals: {ids}\n\n"
            "**** Too many possible referral targets to referrer:\n"
            f"{resource_yaml(self._resource)}\n"
        )
        for index, each in enumerate(found):
            text += f"--- possible referral {index}:\n{resource_yaml(each)}\n"
        return InputError(text)


def _bound_namespaces(resource: Resource) -> frozenset[str]:
    """Namespaces of the service accounts that a RoleBinding names."""
    subjects = resource.value.get("subjects") if resource.kind == "RoleBinding" else None
    found = set()
    for subject in subjects if isinstance(subjects, list) else []:
        if isinstance(subject, dict) and subject.get("kind") == "ServiceAccount":
            namespace = subject.get("namespace", "")
            if "namespace" in subject and not isinstance(namespace, str):
                raise InputError(
                    f'Invalid Input: namespace is blank for resource "{resource.id}"\n'
                )
            if "namespace" in subject:
                found.add(namespace)
    return frozenset(found)


def _same_affixes(one: Resource, other: Resource, *, lax: bool) -> bool:
    return all(
        (lax and not (mine and theirs)) or _same_ending(mine, theirs)
        for mine, theirs in ((one.prefixes, other.prefixes), (one.suffixes, other.suffixes))
    )


def _same_ending(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    shorter, longer = sorted((one, other), key=len)
    if not shorter:
        return not longer
    return longer[-len(shorter) :] == shorter
