"""ConfigMaps and Secrets from literals and files, and the hash of their content."""

from __future__ import annotations

import base64
import hashlib
import posixpath
from collections.abc import Callable, Mapping
from typing import Final

from towline.errors import InputError
from towline.render.kustomize.model import DataSource, GeneratorArgs
from towline.render.kustomize.values import Value, checked_key, finished, text_of
from towline.text.goyaml import dump_json

Load = Callable[[str], bytes]
_LINE: Final = 70
_HASH_LETTERS: Final = str.maketrans({"0": "g", "1": "h", "3": "k", "a": "m", "e": "t"})
_SPACES: Final = " \t\n\v\f\r\x85\xa0"


def config_map(args: GeneratorArgs, load: Load) -> dict[str, Value]:
    """The ConfigMap of a generator.

    Raises:
        InputError: A source is malformed or cannot be read, or a key comes twice.
    """
    value = _base("ConfigMap", args)
    for key, content in sorted(_pairs(args, load).items()):
        try:
            field, text = "data", content.decode()
        except UnicodeDecodeError:
            field, text = "binaryData", encoded(content)
        value.setdefault(field, {})[checked_key(key)] = text
    return _with_options(value, args)


def secret(args: GeneratorArgs, load: Load) -> dict[str, Value]:
    """The Secret of a generator.

    Raises:
        InputError: A source is malformed or cannot be read, or a key comes twice.
    """
    value = _base("Secret", args)
    value["type"] = args.type or "Opaque"
    pairs = sorted(_pairs(args, load).items())
    value["data"] = {checked_key(key): encoded(content) for key, content in pairs}
    return _with_options(value, args)


def encoded(content: bytes) -> str:
    """Base64 as generated Secrets have it: lines of 70 characters when it does not fit one."""
    text = base64.b64encode(content).decode()
    if len(text) // _LINE == 0:
        return text
    return "".join(text[i : i + _LINE] + "\n" for i in range(0, len(text), _LINE))


def content_hash(value: dict[str, Value]) -> str:
    """The ten letters that end the name of a generated object: of its SHA-256 as JSON.

    The name itself does not count: the original looks it up in a way that finds nothing.
    """
    kind = text_of(value.get("kind", ""))
    content: dict[str, Value] = {"kind": kind, "name": "", "data": _hashed(value, "data")}
    extra = "binaryData" if kind == "ConfigMap" else "stringData"
    if kind == "Secret":
        content["type"] = _hashed(value, "type")
    elif kind != "ConfigMap":
        content = {"object": finished(value)}
    if isinstance(value.get(extra), dict):
        content[extra] = _hashed(value, extra)
    digest = hashlib.sha256(dump_json(content).encode()).hexdigest()
    return digest[:10].translate(_HASH_LETTERS)


def _hashed(value: dict[str, Value], field: str) -> Value:
    found = value.get(field, "")
    return finished(found) if isinstance(found, dict) else text_of(found)


def with_plain_data(value: dict[str, Value]) -> dict[str, Value]:
    """A Secret with its `stringData` moved into `data`.

    Raises:
        InputError: A value of it is not a text.
    """
    plain = value.get("stringData")
    result = {key: item for key, item in value.items() if key != "stringData"}
    if isinstance(plain, dict) and plain:
        data = result.get("data")
        data = dict(data) if isinstance(data, dict) else {}
        for key, item in plain.items():
            if isinstance(item, dict | list):
                raise InputError(f'stringData value for key "{key}" must be a scalar')
            data[key] = encoded(("" if item is None else text_of(item)).encode())
        result["data"] = data
    return result


def _base(kind: str, args: GeneratorArgs) -> dict[str, Value]:
    if not args.name:
        raise InputError("a configmap must have a name")
    metadata: dict[str, Value] = {"name": args.name}
    if args.namespace:
        metadata["namespace"] = args.namespace
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata}


def _with_options(value: dict[str, Value], args: GeneratorArgs) -> dict[str, Value]:
    options = args.options
    if options is None:
        return value
    for field, entries in (("labels", options.labels), ("annotations", options.annotations)):
        if entries:
            value["metadata"][field] = {checked_key(key): text for key, text in entries.items()}
    if options.immutable:
        value["immutable"] = True
    return value


def _pairs(args: GeneratorArgs, load: Load) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for key, content in _all_pairs(args, load):
        if key in found:
            raise InputError(f"configmap {args.name} illegally repeats the key `{key}`")
        found[key] = content
    return found


def _all_pairs(args: DataSource, load: Load) -> list[tuple[str, bytes]]:
    reading: list[tuple[str, list[str], Callable[[str], list[tuple[str, bytes]]]]] = [
        ("env source files:", args.env_files, lambda path: _env_pairs(load(path))),
        ("literal sources", args.literals, lambda text: [_literal(text)]),
        ("file sources:", args.files, lambda text: [_file(text, load)]),
    ]
    pairs: list[tuple[str, bytes]] = []
    for what, sources, read in reading:
        try:
            for source in sources:
                pairs.extend(read(source))
        except InputError as error:
            listed = " ".join(sources)
            raise InputError(f"loading KV pairs: {what} [{listed}]: {error.message}") from error
    return pairs


def _literal(source: str) -> tuple[str, bytes]:
    key, equals, value = source.partition("=")
    if not equals or not key:
        raise InputError(f"invalid literal source {source}, expected key=value")
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return key, value.encode()


def _file(source: str, load: Load) -> tuple[str, bytes]:
    count = source.count("=")
    if count == 0:
        return posixpath.basename(source.rstrip("/")) or ".", load(source)
    key, _, path = source.partition("=")
    if count > 1:
        raise InputError(f"source \"{source}\" key name or file path contains '='")
    if not key:
        raise InputError(f'missing key name for file path "{path}" in source "{source}"')
    if not path:
        raise InputError(f'missing file path for key name "{key}" in source "{source}"')
    return key, load(path)


def _env_pairs(content: bytes) -> list[tuple[str, bytes]]:
    pairs = []
    lines = content.split(b"\n")
    for number, line in enumerate(lines):
        try:
            text = line.removesuffix(b"\r").decode()
        except UnicodeDecodeError as error:
            raise InputError(f"line {number + 1} has invalid utf8 bytes") from error
        text = (text.removeprefix("\ufeff") if number == 0 else text).lstrip(_SPACES)
        key, _, value = text.partition("=")
        if key and not text.startswith("#"):
            pairs.append((key, value.encode()))
    return pairs


def merged_maps(own: Mapping[str, str] | None, shared: Mapping[str, str] | None) -> dict[str, str]:
    """Entries of both; the own ones win."""
    return {**(shared or {}), **(own or {})}
