"""Objects in the forms that clients ask for: as they are, as metadata only, as table rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import yaml

from towline.aio.clock import Clock
from towline.drydock.api.messages import Request
from towline.drydock.api.negotiate import OBJECT, PARTIAL, TABLE, Form
from towline.drydock.refusals import bad_request
from towline.drydock.registry import ServedKind
from towline.drydock.registry.versions import to_served
from towline.drydock.storage import Record
from towline.kube import table
from towline.kube.schema.fielderror import invalid
from towline.kube.status import ApiError

Obj = dict[str, Any]

_META_GROUP = "meta.k8s.io"
JSON = "application/json"
YAML = "application/yaml"


def encode(value: Any, form: Form, *, pretty: bool = False) -> bytes:
    """The value as JSON or YAML bytes."""
    if form.media == YAML:
        return yaml.dump(value, Dumper=yaml.CSafeDumper, sort_keys=False).encode()
    if pretty:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return orjson.dumps(value)


def partial(obj: Obj, version: str = "v1") -> Obj:
    """Only the metadata of an object."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": f"{_META_GROUP}/{version}",
        "metadata": obj["metadata"],
    }


def warning_header(texts: Iterable[str]) -> dict[str, str]:
    """The header that carries warnings; none for none."""
    shown = ", ".join(f'299 - "{_quoted(text)}"' for text in texts if text)
    return {"warning": shown} if shown else {}


def _quoted(text: str) -> str:
    flat = " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')
    return flat.encode("ascii", "replace").decode()


def inclusion(request: Request, form: Form) -> str:
    """What a client wants table rows to carry.

    Raises:
        ApiError: BadRequest, there is no such choice.
    """
    if form.convert != TABLE:
        return ""
    asked = request.param("includeObject")
    if asked not in ("", "Metadata", "Object", "None"):
        why = "must be 'Metadata', 'Object', 'None', or empty"
        error = invalid("includeObject", asked, why)
        raise bad_request(f"Unable to convert to Table as requested: {error}")
    return asked


def check_number(kind: ServedKind, form: Form, *, plural: bool) -> None:
    """Refuses to show one object as a list of metadata, or a list as the metadata of one.

    Raises:
        ApiError: NotAcceptable.
    """
    if form.convert != PARTIAL or form.plural == plural:
        return
    package = "unstructured" if kind.custom else kind.gvk.group.partition(".")[0] or "core"
    if plural:
        name = "UnstructuredList" if kind.custom else kind.list_kind
        what = f"PartialObjectMetadata, but the requested object is a list (*{package}.{name})"
    else:
        name = "Unstructured" if kind.custom else kind.gvk.kind
        asked, given = "PartialObjectMetadataList", f"not a list (*{package}.{name})"
        what = f"{asked}, but the requested object is {given}"
    raise ApiError(f"you requested {what}", reason="NotAcceptable")


class Viewer:
    """Makes one form of one kind.

    Args:
        kind: What the objects are.
        form: The form that the client asked for.
        include: Table rows carry `None`, `Metadata` or the whole `Object`.
        clock: For the ages in tables.
    """

    def __init__(self, kind: ServedKind, form: Form, *, include: str = "", clock: Clock) -> None:
        self._kind = kind
        self._form = form
        self._include = include or "Metadata"
        self._clock = clock
        self._plain = form.convert == OBJECT and kind.gvk == kind.stored

    def one(self, obj: Obj, raw: bytes | None, *, pretty: bool = False) -> bytes:
        """A single stored object; `raw` is its JSON when that is at hand."""
        if raw is not None and self._plain and self._form.media == JSON and not pretty:
            return self._bytes(obj, raw)
        return encode(self.value(obj), self._form, pretty=pretty)

    def _bytes(self, obj: Obj, raw: bytes) -> bytes:
        if not self._kind.defaulted:
            return raw
        shown = to_served(self._kind, obj)
        return raw if shown is obj else orjson.dumps(shown)

    def value(self, obj: Obj, *, columns: bool = True) -> Obj:
        """A single stored object in the form, not yet encoded."""
        shown = to_served(self._kind, obj)
        match self._form.convert:
            case "Table":
                return self._table([shown], {"resourceVersion": _version(shown)}, columns=columns)
            case "PartialObjectMetadata":
                return partial(shown, self._form.version)
            case _:
                return shown

    def bookmark(self, revision: int, annotations: dict[str, str]) -> Obj:
        """An object that says no more than how far a watch has come."""
        meta: Obj = {"resourceVersion": str(revision)}
        if annotations:
            meta["annotations"] = annotations
        match self._form.convert:
            case "Table":
                return self._table([], meta, columns=False)
            case "PartialObjectMetadata":
                return partial({"metadata": meta}, self._form.version)
            case _:
                gvk = self._kind.gvk
                return {"kind": gvk.kind, "apiVersion": gvk.api_version, "metadata": meta}

    def many(self, records: Sequence[Record], meta: Obj, *, pretty: bool = False) -> bytes:
        """A list."""
        if self._kind.custom and self._form.convert == OBJECT:
            # Lists of custom resources say that there is no more, those of built-in kinds do not.
            meta = {"continue": "", **meta}
        if self._plain and self._form.media == JSON and not pretty:
            return self._joined(records, meta)
        shown = [to_served(self._kind, record.obj) for record in records]
        if self._form.convert == TABLE:
            return encode(self._table(shown, meta), self._form, pretty=pretty)
        if self._form.convert == PARTIAL:
            version = self._form.version
            whole: Obj = {
                "kind": "PartialObjectMetadataList",
                "apiVersion": f"{_META_GROUP}/{version}",
                "metadata": meta,
                "items": [partial(obj, version) for obj in shown],
            }
        else:
            whole = {**self._list_head(), "metadata": meta, "items": self._items(shown)}
        return encode(whole, self._form, pretty=pretty)

    def _list_head(self) -> Obj:
        return {"kind": self._kind.list_kind, "apiVersion": self._kind.gvk.api_version}

    def _items(self, shown: list[Obj]) -> list[Obj]:
        if self._kind.custom:
            return shown
        # Items of built-in lists do not repeat what the list says.
        return [
            {name: value for name, value in obj.items() if name not in ("kind", "apiVersion")}
            for obj in shown
        ]

    def _joined(self, records: Sequence[Record], meta: Obj) -> bytes:
        head = orjson.dumps({**self._list_head(), "metadata": meta})[:-1]
        if self._kind.custom:
            items = b",".join([self._bytes(record.obj, record.raw) for record in records])
        else:
            gvk = self._kind.stored
            skip = len(orjson.dumps({"apiVersion": gvk.api_version, "kind": gvk.kind}))
            items = b",".join([b"{" + record.raw[skip:] for record in records])
        return b"".join((head, b',"items":[', items, b"]}"))

    def _table(self, shown: list[Obj], meta: Obj, *, columns: bool = True) -> Obj:
        kind = self._kind
        definitions = list(kind.columns) if kind.columns is not None else None
        rows = [self._row(obj, definitions) for obj in shown]
        return {
            "kind": "Table",
            "apiVersion": f"{_META_GROUP}/{self._form.version}",
            "metadata": meta,
            "columnDefinitions": table.columns(kind.gvk, definitions) if columns else None,
            "rows": rows,
        }

    def _row(self, obj: Obj, definitions: list[Any] | None) -> Obj:
        gvk = self._kind.gvk
        row: Obj = {"cells": table.row(gvk, obj, self._clock.now(), definitions)}
        if conditions := table.row_conditions(gvk, obj):
            row["conditions"] = conditions
        if self._include == "Object":
            row["object"] = obj
        else:
            bare = self._include == "None"
            row["object"] = None if bare else partial(obj, self._form.version)
        return row


def _version(obj: Obj) -> str:
    return str(obj["metadata"].get("resourceVersion", ""))
