"""Remembers renders by what they have read, so that a commit elsewhere costs no render.

A render is found again under what the source says (the tool's blocks and the path, not the
repository or the revision); it is the answer when everything that it has read is as it was: files,
listings, build variables, other sources, charts. Its manifests are the same for every commit,
branch, repository and application for which that holds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec
import orjson

from towline.argo.manifest import Manifest, content_digest
from towline.errors import NotFoundError
from towline.render.environment import build_variables
from towline.render.inputs import FileTree, Foreign, Inputs, LinkedTree
from towline.render.result import RenderResult, result_of, with_objects_of
from towline.render.source import BUILT_IN, Renderer, RenderRequest, render_source
from towline.render.tree import Read, unchanged

RENDER_VERSION: Final = "2"
"""Part of every key; to be raised when the same inputs give other manifests."""

_NOT_CONTENT: Final = ("repoURL", "targetRevision", "ref", "name", "tagPrefix")
_VARIANTS: Final = 4  # of one source, for as many branches of its repository
_STORED_VARIANTS: Final = 2


class RenderStore(Protocol):
    """Keeps bytes by key, across restarts; it may forget any of them at any time."""

    def get(self, key: str) -> bytes | None:
        """The bytes as they were put, or None."""
        ...

    def put(self, key: str, value: bytes) -> None:
        """Keeps the bytes."""
        ...


class _Kept(msgspec.Struct, frozen=True, eq=False):
    """A result, and a shortcut to know that nothing changed.

    Attributes:
        result: The result.
        folder: The folder that everything read lies in; empty when there is no such folder.
        oid: The folder's content id at the time.
    """

    result: RenderResult
    folder: str = ""
    oid: str = ""


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    """A result as it is stored; objects are JSON."""

    source_type: str
    read: tuple[Read, ...]
    manifests: tuple[tuple[str, int, bytes], ...]


class RenderCache:
    """Renders sources, from memory where nothing that was read has changed.

    It belongs to one thread; renders may run elsewhere, between `lookup` and `keep`.

    Args:
        renderers: Tools by source type.
        size: How many sources are kept in memory.
        store: Keeps results across restarts.
    """

    def __init__(
        self,
        *,
        renderers: Mapping[str, Renderer] = BUILT_IN,
        size: int = 2048,
        store: RenderStore | None = None,
    ) -> None:
        self._renderers = renderers
        self._size = size
        self._store = store
        self._sources: OrderedDict[str, list[_Kept]] = OrderedDict()

    def lookup(self, source: FileTree | Inputs, request: RenderRequest) -> RenderResult | None:
        """The result of an earlier render that still holds, or None."""
        inputs = _inputs(source, request)
        key = source_key(request.source)
        known = list(self._sources.get(key, ()))
        for kept in known or self._stored(key):
            if _holds(kept, inputs):
                self._keep(key, kept)
                return kept.result
        return None

    def foreign(self, request: RenderRequest) -> tuple[Foreign, ...]:
        """What an earlier render of the source has read outside the application's sources."""
        key = source_key(request.source)
        known = list(self._sources.get(key, ()))
        return tuple({read.foreign: None for kept in known for read in kept.result.read
                      if read.foreign is not None})  # fmt: skip

    def keep(
        self, source: FileTree | Inputs, request: RenderRequest, result: RenderResult
    ) -> RenderResult:
        """Remembers a result; returns it with the very objects of an equal earlier one."""
        key = source_key(request.source)
        known = list(self._sources.get(key, ()))
        for kept in known:
            if kept.result.digest == result.digest:
                result = with_objects_of(result, kept.result)
                break
        self._keep(key, _with_shortcut(_inputs(source, request), result))
        if self._store is not None:
            self._save(key)
        return result

    def render(
        self, source: FileTree | Inputs, request: RenderRequest, *, fresh: bool = False
    ) -> RenderResult:
        """Renders a source at one commit, unless the result is known.

        Args:
            source: What may be read: the repository at `request.revision`, and more.
            request: What to render.
            fresh: Render even if a result is known.

        Raises:
            InputError: The source, an override or a manifest is wrong.
            NotFoundError: The folder is not in the repository.
            LimitError: Too much of something.
            MissingInputError: Something from elsewhere is needed.
        """
        known = None if fresh else self.lookup(source, request)
        if known is not None:
            return known
        result = render_source(source, request, self._renderers)
        return self.keep(source, request, result)

    def _keep(self, key: str, kept: _Kept) -> None:
        others = [item for item in self._sources.pop(key, ()) if not _same(item, kept)]
        self._sources[key] = [kept, *others][:_VARIANTS]
        while len(self._sources) > self._size:
            self._sources.popitem(last=False)

    def _stored(self, key: str) -> list[_Kept]:
        raw = self._store.get(key) if self._store is not None else None
        if raw is None:
            return []
        try:
            return [_Kept(_restored(item)) for item in _DECODER.decode(raw)]
        except (msgspec.DecodeError, orjson.JSONDecodeError):
            return []  # written by another version

    def _save(self, key: str) -> None:
        known = list(self._sources.get(key, ()))
        if self._store is not None and known:
            stored = [kept.result for kept in known if not kept.result.decrypted]
            newest = [_to_store(result) for result in stored[:_STORED_VARIANTS]]
            self._store.put(key, _ENCODER.encode(newest))


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(list[_Stored])


def source_key(source: Mapping[str, Any]) -> str:
    """Where results of a source are found: what it says about content, not about place."""
    said = {name: value for name, value in source.items() if name not in _NOT_CONTENT}
    return content_digest([RENDER_VERSION, said])


def _inputs(source: FileTree | Inputs, request: RenderRequest) -> Inputs:
    given = source if isinstance(source, Inputs) else Inputs(tree=source)
    variables = {**given.variables, **build_variables(request, given.age_keys)}
    return msgspec.structs.replace(given, variables=variables)


def _holds(kept: _Kept, inputs: Inputs) -> bool:
    if kept.folder and _oid(inputs.tree, kept.folder) == kept.oid:
        return unchanged(inputs, (read for read in kept.result.read if read.kind == "variable"))
    return unchanged(inputs, kept.result.read)


def _with_shortcut(inputs: Inputs, result: RenderResult) -> _Kept:
    places = [read for read in result.read if read.kind != "variable"]
    if any(read.root or read.foreign is not None for read in places):
        return _Kept(result)
    tree = inputs.tree
    if isinstance(tree, LinkedTree) and any(tree.crosses_link(read.path) for read in places):
        return _Kept(result)
    folder = _common_folder(places)
    oid = _oid(inputs.tree, folder) if folder else ""
    return _Kept(result, folder, oid) if oid else _Kept(result)


def _common_folder(places: list[Read]) -> str:
    folders = [
        (read.path if read.kind == "list" else read.path.rpartition("/")[0]).split("/")
        for read in places
    ]
    if not folders:
        return ""
    low, high = min(folders), max(folders)
    shared: list[str] = []
    for one, other in zip(low, high, strict=False):
        if one != other:
            break
        shared.append(one)
    return "/".join(shared)


def _oid(tree: FileTree, path: str) -> str:
    try:
        return tree.oid(path)
    except NotFoundError:
        return ""


def _same(one: _Kept, other: _Kept) -> bool:
    return one.result.read == other.result.read


def _to_store(result: RenderResult) -> _Stored:
    return _Stored(
        result.source_type,
        result.read,
        tuple((item.file, item.line, orjson.dumps(item.object)) for item in result.manifests),
    )


def _restored(stored: _Stored) -> RenderResult:
    manifests = [Manifest(orjson.loads(raw), file, line) for file, line, raw in stored.manifests]
    return result_of(manifests, stored.source_type, stored.read)
