"""The resources of one build or base: an ordered set by identity, with the ways to search it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from towline.errors import InputError
from towline.kube.selectors import parse_label_selector
from towline.kube.status import ApiError
from towline.render.kustomize.generated import with_plain_data
from towline.render.kustomize.ids import ResId
from towline.render.kustomize.origins import Origin
from towline.render.kustomize.patterns import SelectorPattern
from towline.render.kustomize.resource import Resource
from towline.render.kustomize.values import Value, checked_key, text_of

IdMatcher = Callable[[ResId], bool]


class ResMap:
    """Resources in order; no two have the same identity."""

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        self.resources: list[Resource] = []
        self.extend(resources)

    def __iter__(self) -> Iterator[Resource]:
        return iter(list(self.resources))

    def __len__(self) -> int:
        return len(self.resources)

    def extend(self, resources: Iterable[Resource]) -> None:
        """Adds resources at the end.

        Raises:
            InputError: One with the same identity is there.
        """
        known = {resource.id.key for resource in self.resources}
        for resource in resources:
            if resource.id.key in known:
                raise InputError(
                    f"may not add resource with an already registered id: {resource.id}"
                )
            known.add(resource.id.key)
            self.resources.append(resource)

    def absorb(self, resources: Iterable[Resource]) -> None:
        """Adds generated resources; by their behaviour they merge with or replace what is there.

        Raises:
            InputError: The behaviour does not fit what is there.
        """
        for resource in resources:
            self._absorb_one(resource)

    def by_any_id(self, matches: IdMatcher) -> list[Resource]:
        """Resources that have, or had, an identity that matches."""
        return [
            resource
            for resource in self.resources
            if not resource.deleted
            and (any(map(matches, resource.previous_ids)) or matches(resource.id))
        ]

    def named(self, wanted: ResId) -> Resource:
        """The one resource that has, or had, this identity.

        Raises:
            InputError: There is none, or several.
        """
        found = self._with_key(wanted)
        if len(found) == 1:
            return found[0]
        problem = "multiple matches" if found else "no matches"
        raise InputError(
            f"{problem} for Id {wanted}; failed to find unique target for patch {wanted}"
        )

    def select(self, pattern: SelectorPattern, labels: str, annotations: str) -> list[Resource]:
        """Resources that a patch's target selects.

        Raises:
            InputError: A label or annotation selector is malformed.
        """
        try:
            wanted = parse_label_selector(labels), parse_label_selector(annotations)
        except ApiError as error:
            raise InputError(str(error), field="target") from error
        return [
            resource
            for resource in self.resources
            if _matches(pattern, resource) and resource.selected(*wanted)
        ]

    def drop_deleted(self) -> None:
        """Forgets resources that patches have deleted."""
        self.resources = [each for each in self.resources if not each.deleted]

    def note_origin(self, origin: Origin) -> None:
        """Sets the origin of the resources that have none."""
        for resource in self.resources:
            if resource.origin is None:
                resource.origin = origin

    def note_transformer(self, origin: Origin) -> None:
        """Adds a transformer to what has changed the resources."""
        for resource in self.resources:
            # The original writes all annotations anew here.
            resource.set_metadata("annotations", resource.metadata_map("annotations"))
            if resource.origin is None:
                resource.origin = origin
            else:
                resource.transformations = (*resource.transformations, origin)

    def _with_key(self, wanted: ResId) -> list[Resource]:
        name, key = wanted.name, wanted.key
        return [
            each
            for each in self.resources
            if (each.id.name == name or any(name == old for _, old, _ in each.previous))
            and not each.deleted
            and (each.id.key == key or any(old.key == key for old in each.previous_ids))
        ]

    def _absorb_one(self, new: Resource) -> None:
        found = self._with_key(new.id)
        if not found:
            if new.behavior in {"merge", "replace"}:
                raise InputError(f"id {_quoted(new.id)} does not exist; cannot merge or replace")
            self.extend([new])
            return
        if len(found) > 1:
            ids = [str(each.id) for each in found]
            raise InputError(f"found multiple objects {ids} that could accept merge of {new.id}")
        old = found[0]
        if new.behavior not in {"merge", "replace"}:
            raise InputError(
                f"id {_quoted(new.id)} exists; can not use behavior: '{new.behavior}', "
                "behavior must be merge or replace"
            )
        merges = new.behavior == "merge"
        _take_metadata(new, old)
        if merges:
            _merge_data(new, old)
            new.origin = old.origin or new.origin
        self.resources[self.resources.index(old)] = new


def _matches(pattern: SelectorPattern, resource: Resource) -> bool:
    now, first = resource.id, resource.original_id
    return (
        (pattern.namespace(first.effective_namespace) or pattern.namespace(now.effective_namespace))
        and (pattern.name(first.name) or pattern.name(now.name))
        and pattern.gvk(now.gvk)
    )


def _take_metadata(new: Resource, old: Resource) -> None:
    """The generated object gets the name, labels, annotations and history of the old one."""
    for field in ("labels", "annotations"):
        new.set_metadata(field, {**old.metadata_map(field), **new.metadata_map(field)})
    new.set_metadata("name", old.name)
    new.set_metadata("namespace", old.namespace)
    new.take_notes_from(old)


def _merge_data(new: Resource, old: Resource) -> None:
    before = with_plain_data(old.value) if old.kind == "Secret" else old.value
    value = dict(new.value)
    for field in ("data", "binaryData"):
        merged = {**_text_map(before.get(field)), **_text_map(value.pop(field, None))}
        if merged:
            value[field] = {checked_key(key): text for key, text in merged.items()}
    new.special = True
    new.value = value


def _text_map(value: Value) -> dict[str, str]:
    return {key: text_of(item) for key, item in value.items()} if isinstance(value, dict) else {}


def _quoted(wanted: ResId) -> str:
    gvk = wanted.gvk
    return (
        f'resid.ResId{{Gvk:resid.Gvk{{Group:"{gvk.group}", Version:"{gvk.version}", '
        f'Kind:"{gvk.kind}", isClusterScoped:{str(wanted.cluster).lower()}}}, '
        f'Name:"{wanted.name}", Namespace:"{wanted.namespace}"}}'
    )
