"""Decrypts whole files: YAML, JSON, dotenv and anything else."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from typing import Any, Final

import orjson
import yaml

from towline.errors import InputError
from towline.render.sops.metadata import Metadata, Unwrap, data_key, read_metadata
from towline.render.sops.values import Comment, Leaf, decrypt_value, is_encrypted, mac_bytes
from towline.text.yaml import load_documents

_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}([Tt ]|\Z)")
_MARK: Final = b"ENC[AES256_GCM,"
_SOPS: Final = "sops"
_ENV: Final = ".env"
_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def looks_encrypted(content: bytes) -> bool:
    """Whether a file is worth a closer look: cheap, and never wrong about encrypted files."""
    return _MARK in content and b"sops" in content


def decrypt_file(content: bytes, unwrap: Unwrap, *, file: str) -> bytes:
    """The plain file: YAML as JSON documents, JSON, dotenv lines, or the bytes of anything else.

    Args:
        content: The encrypted file.
        unwrap: Opens the data key.
        file: Its path, which decides its format.

    Raises:
        InputError: It is malformed, or its checksum is wrong.
        DeniedError: No key at hand opens it.
    """
    if file.endswith(_ENV):
        return _dotenv(content, unwrap, file)
    text = content.decode("utf-8-sig", "replace")
    load_documents(text, file=file)  # bounds: what follows builds nodes without any
    roots = [_value(node) for node in yaml.compose_all(text, Loader=yaml.CSafeLoader)]
    branches = [root for root in roots if isinstance(root, dict)]
    if len(branches) != len(roots) or not branches or _SOPS not in branches[0]:
        return content  # mentions encrypted values, but is none
    metadata = read_metadata(branches[0][_SOPS], file=file)
    bodies = [{k: v for k, v in branch.items() if k != _SOPS} for branch in branches]
    plain = _Walk(metadata, data_key(metadata, unwrap, file=file), file).open(bodies)
    if file.endswith((".yaml", ".yml", ".json")):
        return b"\n---\n".join(orjson.dumps(body) for body in plain) + b"\n"
    data = plain[0].get("data")
    return data if isinstance(data, bytes) else str(data).encode()


class _Walk:
    """Decrypts in the order of the document, and sums up what it finds."""

    def __init__(self, metadata: Metadata, key: bytes, file: str) -> None:
        self._metadata = metadata
        self._key = key
        self._file = file
        # A sum over encrypted values only begins differently: one can't stand for the other.
        start = hashlib.sha256(b"sops").digest() if metadata.mac_only_encrypted else b""
        self._sum = hashlib.sha512(start)

    def open(self, bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
        try:
            plain = [self._value(body, ()) for body in bodies]
            wanted = decrypt_value(
                self._metadata.mac, self._key, self._metadata.lastmodified, field="sops.mac"
            )
        except InputError as error:
            error.file = self._file
            raise
        if wanted != self._sum.hexdigest().upper():
            raise InputError(
                "the checksum is wrong: the file was changed after it was encrypted",
                file=self._file,
                field="sops.mac",
            )
        return plain

    def _value(self, value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, dict):
            return {name: self._value(item, (*path, name)) for name, item in value.items()}
        if isinstance(value, list):
            return [self._value(item, path) for item in value]
        return self._leaf(value, path)

    def _leaf(self, value: Leaf, path: tuple[str, ...]) -> Leaf:
        if value is None:
            return None
        encrypted = self._metadata.encrypts(path)
        if encrypted:
            bound_to = "".join(f"{name}:" for name in path)
            value = decrypt_value(str(value), self._key, bound_to, field=".".join(path))
        if (encrypted or not self._metadata.mac_only_encrypted) and not isinstance(value, Comment):
            self._sum.update(mac_bytes(value))
        return value


def _value(node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _value(item) for key, item in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_value(item) for item in node.value]
    return _scalar(node) if isinstance(node, yaml.ScalarNode) else None


def _scalar(node: yaml.ScalarNode) -> Leaf:
    """The value of a scalar by YAML 1.2's core rules, as SOPS reads it."""
    text = str(node.value)
    if node.style:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _TIME.match(text):
        return _moment(text)
    try:
        return int(text, 0) if text.lstrip("+-")[:1].isdigit() else text
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _moment(text: str) -> str:
    """A timestamp as SOPS writes it: RFC 3339, in UTC when it names no zone."""
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return text
    zoned = found if found.tzinfo else found.replace(tzinfo=dt.UTC)
    return zoned.isoformat().replace("+00:00", "Z")


def _dotenv(content: bytes, unwrap: Unwrap, file: str) -> bytes:
    pairs: list[tuple[str, str]] = []
    raw: dict[str, Any] = {}
    for line in content.decode("utf-8", "replace").splitlines():
        name, equals, value = line.partition("=")
        if not equals or line.startswith("#"):
            continue
        text = value.replace("\\n", "\n")
        if name.startswith("sops_"):
            _nest(raw, name.removeprefix("sops_"), text)
        else:
            pairs.append((name, text))
    if not raw or not any(is_encrypted(value) for _, value in pairs):
        return content
    metadata = read_metadata(raw, file=file)
    key = data_key(metadata, unwrap, file=file)
    [plain] = _Walk(metadata, key, file).open([dict(pairs)])
    lines = [
        f"{name}={str(value).replace(chr(10), chr(92) + 'n')}" for name, value in plain.items()
    ]
    return ("\n".join(lines) + "\n").encode()


def _nest(raw: dict[str, Any], name: str, value: str) -> None:
    """Puts a flat name such as `age__list_0__map_enc` where it belongs."""
    if name.startswith("age__list_"):
        number, _, field = name.removeprefix("age__list_").partition("__map_")
        entries = raw.setdefault("age", [])
        if number.isdigit() and int(number) <= len(entries) <= 32:
            if int(number) == len(entries):
                entries.append({})
            entries[int(number)][field] = value
        return
    if name == "mac_only_encrypted":
        raw[name] = value == "true"
    elif "__" not in name:
        raw[name] = value
