"""Data with a schema as values: converted where an expression looks, not before. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

from towline.kube.cel.issues import EvaluationError
from towline.kube.cel.schemas import Shape, scalar
from towline.kube.cel.types import DYN
from towline.kube.cel.values import Opaque, Typed, Value, equal, is_list


def value_of(data: Any, shape: Shape) -> Value:
    """Data as a value.

    Raises:
        EvaluationError: It is not what the schema says.
    """
    if data is None:
        if shape.nullable:
            return None
        raise EvaluationError("invalid data, got null for schema with nullable=false")
    match shape.kind:
        case "object":
            return ObjectValue(_expect(data, dict, "a map", "object"), shape)
        case "map":
            return MapValue(_expect(data, dict, "a map", "object"), shape)
        case "list":
            return ListValue(_expect(data, list, "an array", "array"), shape)
        case _:
            return scalar(data, shape)


def _expect(data: Any, kind: type, said: str, type_: str) -> Any:
    if isinstance(data, kind):
        return data
    raise EvaluationError(
        f"invalid data, expected {said} for the provided schema with type={type_}"
    )


_NOTHING = Shape(DYN, "object")


def _below(shape: Shape) -> Shape:
    return shape.below or _NOTHING


class MapValue(Typed, Mapping[str, Value]):
    """An object of JSON whose keys are free."""

    def __init__(self, data: dict[str, Any], shape: Shape) -> None:
        self._data = data
        self._item = _below(shape)

    def __getitem__(self, key: str) -> Value:
        return value_of(self._data[key], self._item)

    def __contains__(self, key: object) -> bool:
        return key in self._data

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)


class ObjectValue(Typed, Mapping[str, Value]):
    """An object of JSON with named fields; what the schema does not name is only compared.

    A field that is null counts as absent.
    """

    def __init__(self, data: dict[str, Any], shape: Shape) -> None:
        self._data = data
        self._shape = shape

    def __getitem__(self, key: str) -> Value:
        field = self._shape.fields.get(key)
        if field is None:
            known = dict(self._hidden())
            return Opaque(known[key])
        data = self._data[self._shape.names[key]]
        if data is None:
            raise KeyError(key)
        return value_of(data, field)

    def __contains__(self, key: object) -> bool:
        if key in self._shape.fields:
            return self._data.get(self._shape.names[str(key)]) is not None
        return any(key == name for name, _ in self._hidden())

    def _hidden(self) -> Iterator[tuple[str, Any]]:
        named = set(self._shape.names.values())
        return ((key, data) for key, data in self._data.items() if key not in named)

    def __iter__(self) -> Iterator[str]:
        for escaped, name in self._shape.names.items():
            if self._data.get(name) is not None:
                yield escaped
        for name, _ in self._hidden():
            yield name

    def __len__(self) -> int:
        return len(self._data)


class ListValue(Typed, Sequence[Value]):
    """A list of JSON; lists of type `set` and `map` compare without order and merge when added."""

    def __init__(self, data: list[Any], shape: Shape) -> None:
        self.data = data
        self._shape = shape
        self._item = _below(shape)

    @overload
    def __getitem__(self, index: int) -> Value: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Value]: ...
    def __getitem__(self, index: int | slice) -> Value:
        if isinstance(index, slice):
            return [value_of(each, self._item) for each in self.data[index]]
        return value_of(self.data[index], self._item)

    def __iter__(self) -> Iterator[Value]:
        return (value_of(each, self._item) for each in self.data)

    def __len__(self) -> int:
        return len(self.data)

    @property
    def unordered(self) -> bool:
        """Whether order does not count."""
        return self._shape.list_type in {"set", "map"}

    def equals_unordered(self, other: Value) -> bool:
        """Equality that knows the list's type."""
        if not is_list(other) or len(other) != len(self):
            return False
        if not self.unordered:
            return all(equal(a, b) for a, b in zip(self, other, strict=True))
        own = {self._key(item): item for item in self}
        return all((key := self._key(item)) in own and equal(own[key], item) for item in other)

    def merged(self, other: Value) -> ListValue:
        """The list followed by another; in sets and maps what is already there is not doubled."""
        added = other.data if isinstance(other, ListValue) else list(other)
        if not self.unordered:
            return ListValue([*self.data, *added], self._shape)
        made = {self._key(item): item for item in self.data}
        for item in added:
            key = self._key(item)
            if self._shape.list_type == "map" or key not in made:
                made[key] = item
        return ListValue(list(made.values()), self._shape)

    def _key(self, item: Any) -> tuple[Any, ...]:
        """What makes an item the same one: its keys, or all of a scalar."""
        if self._shape.list_type == "map" and isinstance(item, Mapping):
            return tuple(item.get(key) for key in self._shape.list_keys)
        return (type(item), item)
