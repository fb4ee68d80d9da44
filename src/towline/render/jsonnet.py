"""Jsonnet files of a plain folder: evaluated by the reference engine, imports read from the tree.

The engine is an optional dependency (`towline[jsonnet]`).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import orjson

from towline.argo.application import decode
from towline.argo.manifest import Manifest
from towline.errors import InputError, LimitError, NotFoundError, SettingsError, TowlineError
from towline.render.documents import manifests_of_json
from towline.render.environment import substitute
from towline.render.tree import RecordingTree, clean_path, join

_FAILED: Final = "Unable to evaluate Jsonnet"
_MAX_STACK: Final = 500
_MAX_IMPORTED: Final = 32 * 1024 * 1024


class _Variable(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    value: str = ""
    code: bool = False


class JsonnetOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`directory.jsonnet` of a source.

    Attributes:
        ext_vars: External variables.
        tlas: Top-level arguments.
        libs: Folders in which imports are looked for, from the repository's root.
    """

    ext_vars: tuple[_Variable, ...] = ()
    tlas: tuple[_Variable, ...] = ()
    libs: tuple[str, ...] = ()


def read_options(raw: Mapping[str, Any]) -> JsonnetOptions:
    """Reads the options.

    Raises:
        InputError: A field has the wrong type.
    """
    return decode(dict(raw), JsonnetOptions, at="spec.source.directory.jsonnet")


def manifests_of_jsonnet(
    tree: RecordingTree, text: str, *, folder: str, file: str, path: str, options: JsonnetOptions
) -> list[Manifest]:
    """The object, or the objects of the array, that a file evaluates to.

    Args:
        tree: Where imports are read.
        text: The file's content.
        folder: The application's folder.
        file: The file's path within it, for errors.
        path: The file's path within the repository.
        options: Variables and libraries.

    Raises:
        InputError: The file is wrong, or it is not about Kubernetes objects.
        SettingsError: The engine is not installed.
    """
    importer = _Importer(tree, folder, options.libs)
    try:
        printed = _engine()(
            path,
            text,
            max_stack=_MAX_STACK,
            import_callback=importer,
            ext_vars=_values(tree, options.ext_vars, code=False),
            ext_codes=_values(tree, options.ext_vars, code=True),
            tla_vars=_values(tree, options.tlas, code=False),
            tla_codes=_values(tree, options.tlas, code=True),
        )
    except RuntimeError as error:
        if importer.refused is None:
            raise InputError(f"{_FAILED}: {_said(error)}", file=file) from error
    if importer.refused is not None:
        raise InputError(f"{_FAILED}: {importer.refused}", file=file) from importer.refused
    value = orjson.loads(printed)
    found: list[Manifest] = []
    for item in value if isinstance(value, list) else [value]:
        found += manifests_of_json(orjson.dumps(item).decode(), file, path)
    return found


def _engine() -> Callable[..., str]:
    try:
        evaluate: Callable[..., str] = importlib.import_module("_gojsonnet").evaluate_snippet
    except ImportError as error:
        raise SettingsError(
            "Jsonnet files need an engine that is not installed",
            hint="pip install 'towline[jsonnet]'",
        ) from error
    return evaluate


def _values(tree: RecordingTree, variables: tuple[_Variable, ...], *, code: bool) -> dict[str, str]:
    return {item.name: substitute(item.value, tree) for item in variables if item.code is code}


def _said(error: RuntimeError) -> str:
    lines = [line.strip() for line in str(error).splitlines()]
    return "; ".join(line for line in lines[:3] if line)


class _Importer:
    """Finds imports: beside the importing file, then in the libraries, the last one first.

    The engine mangles what a callback raises: a refusal is noted, and nothing is imported.
    """

    def __init__(self, tree: RecordingTree, folder: str, libs: tuple[str, ...]) -> None:
        self._tree = tree
        field = "spec.source.directory.jsonnet.libs"
        self._folders = [clean_path(lib, field=field) for lib in reversed(libs)] + [folder]
        self._left = _MAX_IMPORTED
        self.refused: TowlineError | None = None

    def __call__(self, base: str, name: str) -> tuple[str, bytes]:
        for place in dict.fromkeys([base.rstrip("/"), *self._folders]):
            try:
                path = clean_path(name if name.startswith("/") else join(place, name))
                content = self._tree.read(path)
            except NotFoundError:
                continue
            except TowlineError as error:
                return self._refuse(name, error)
            self._left -= len(content)
            if self._left < 0:
                text = f"imports are larger than {_MAX_IMPORTED} bytes in all"
                return self._refuse(name, LimitError(text))
            return path, content
        text = f"couldn't open import {name!r}: no match locally or in the libraries"
        return self._refuse(name, NotFoundError(text))

    def _refuse(self, name: str, error: TowlineError) -> tuple[str, bytes]:
        self.refused = self.refused or error
        return name, b"null"
