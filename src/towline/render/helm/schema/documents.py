"""Schema documents: exact numbers, references, identifiers and anchors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Final
from urllib.parse import unquote, urldefrag, urljoin

import msgspec

from towline.render.helm.errors import ChartError

ROOT: Final = "file:///values.schema.json"
LATEST: Final = 2020
_DRAFTS: Final = {
    "json-schema.org/schema": LATEST,
    "json-schema.org/draft/2020-12/schema": 2020,
    "json-schema.org/draft/2019-09/schema": 2019,
    "json-schema.org/draft-07/schema": 7,
    "json-schema.org/draft-06/schema": 6,
    "json-schema.org/draft-04/schema": 4,
}
METASCHEMAS: Final = {
    draft: f"{'http' if draft < 2019 else 'https'}://{url}"
    for url, draft in _DRAFTS.items()
    if url != "json-schema.org/schema"
}
_MOST_DOCUMENTS: Final = 32
_DEPTH: Final = 200


class Number(msgspec.Struct, frozen=True):
    """A number of a schema.

    Attributes:
        text: As written; findings show it so.
        value: Exactly.
    """

    text: str
    value: Fraction


class Place(msgspec.Struct, frozen=True):
    """Where a schema stands.

    Attributes:
        document: URL of its document.
        pointer: JSON pointer within it.
    """

    document: str
    pointer: str = ""


def parse_document(data: bytes) -> Any:
    """Reads a schema document.

    Raises:
        ChartError: It is no JSON.
    """
    try:
        return json.loads(data, parse_int=_number, parse_float=_number, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise ChartError(f"invalid JSON: {error}") from error


def _number(text: str) -> Number:
    if len(text) > 400 or (("e" in text or "E" in text) and abs(_exponent(text)) > 400):
        raise ValueError(f"the number {text[:40]} is too long")
    return Number(text, Fraction(text))


def _exponent(text: str) -> int:
    return int(text.lower().partition("e")[2][:8])


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def draft_of(schema: Any, default: int) -> int:
    """The draft that a document names; the default when it names none.

    Raises:
        ChartError: It names one that is not known here.
    """
    name = schema.get("$schema") if isinstance(schema, dict) else None
    if not isinstance(name, str):
        return default
    address, _, fragment = name.partition("#")
    key = address.removeprefix("http://").removeprefix("https://")
    if fragment or key not in _DRAFTS:
        raise ChartError(f'draft "{name}" is not supported')
    return _DRAFTS[key]


def metaschema_draft(url: str) -> int | None:
    """The draft whose own schema a URL names, or None."""
    key = url.partition("#")[0].removeprefix("http://").removeprefix("https://")
    return _DRAFTS.get(key)


class Documents:
    """All documents that a schema leads to.

    Args:
        root: The chart's schema.
        load: Fetches another document by its URL.
    """

    def __init__(self, root: Any, load: Callable[[str], bytes]) -> None:
        self._load = load
        self._documents: dict[str, Any] = {}
        self._drafts: dict[str, int] = {}
        self._named: dict[tuple[str, str], Place] = {}
        self._bases: dict[Place, str] = {}
        self.dynamic: dict[tuple[str, str], Place] = {}
        self._add(ROOT, root)

    @property
    def alone(self) -> bool:
        """Whether the schema refers to no other document."""
        return len(self._documents) == 1

    def draft(self, place: Place) -> int:
        """The draft by which a schema is read."""
        return self._drafts[place.document]

    def base(self, place: Place) -> str:
        """The URL that references at a place are relative to."""
        pointer = place.pointer
        while True:
            known = self._bases.get(Place(place.document, pointer))
            if known is not None:
                return known
            if not pointer:
                return place.document
            pointer = pointer.rpartition("/")[0]

    def at(self, place: Place) -> Any:
        """The schema at a place.

        Raises:
            ChartError: There is nothing.
        """
        value = self._documents[place.document]
        for token in place.pointer.split("/")[1:]:
            key = token.replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict) and key in value:
                value = value[key]
            elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
                value = value[int(key)]
            else:
                raise ChartError(f'json-pointer in "{place.document}#{place.pointer}" not found')
        return value

    def resolve(self, reference: str, place: Place) -> Place:
        """Where a `$ref` at a place leads.

        Raises:
            ChartError: Nowhere, or to a document that cannot be loaded.
        """
        url, fragment = urldefrag(urljoin(self.base(place), reference))
        fragment = unquote(fragment)
        home = self._named.get((url, ""))
        if home is None:
            self._fetch(url)
            home = self._named[url, ""]
        if not fragment:
            return home
        if fragment.startswith("/"):
            found = Place(home.document, home.pointer + fragment)
            self.at(found)
            return found
        named = self._named.get((url, fragment))
        if named is None:
            raise ChartError(f'anchor in "{reference}" not found in schema "{url}"')
        return named

    def _fetch(self, url: str) -> None:
        if len(self._documents) >= _MOST_DOCUMENTS:
            raise ChartError(f"the schema refers to more than {_MOST_DOCUMENTS} documents")
        try:
            data = self._load(url)
        except ChartError as error:
            raise ChartError(f'failing loading "{url}": {error.message}') from error
        self._add(url, parse_document(data))

    def _add(self, url: str, document: Any) -> None:
        self._documents[url] = document
        self._drafts[url] = draft_of(document, LATEST)
        self._named[url, ""] = Place(url)
        for place, schema in _schemas(Place(url), document, 0):
            self._register(place, schema)

    def _register(self, place: Place, schema: Mapping[str, Any]) -> None:
        draft = self._drafts[place.document]
        keyword = "id" if draft == 4 else "$id"
        identifier = schema.get(keyword)
        if draft < 2019 and "$ref" in schema:
            identifier = None
        if isinstance(identifier, str):
            url, fragment = urldefrag(urljoin(self.base(place), identifier))
            if url and not identifier.startswith("#"):
                self._bases[place] = url
                self._named.setdefault((url, ""), place)
            if fragment:
                self._named.setdefault((url, fragment), place)
        for name in ("$anchor", "$dynamicAnchor"):
            anchor = schema.get(name)
            if isinstance(anchor, str):
                self._named.setdefault((self.base(place), anchor), place)
                if name == "$dynamicAnchor":
                    self.dynamic.setdefault((self.base(place), anchor), place)


def escape(token: str) -> str:
    """One part of a JSON pointer."""
    return token.replace("~", "~0").replace("/", "~1")


_NOT_SCHEMAS: Final = frozenset({"enum", "const", "default", "examples"})


def _schemas(place: Place, value: Any, depth: int) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """Every object that may be a schema, with its place; parents first."""
    if depth > _DEPTH:
        raise ChartError(f"the schema is nested deeper than {_DEPTH}")
    if isinstance(value, dict):
        yield place, value
        items: Iterator[tuple[str, Any]] = (
            (key, item) for key, item in value.items() if key not in _NOT_SCHEMAS
        )
    elif isinstance(value, list):
        items = ((str(index), item) for index, item in enumerate(value))
    else:
        return
    for key, item in items:
        inner = Place(place.document, f"{place.pointer}/{escape(key)}")
        yield from _schemas(inner, item, depth + 1)
