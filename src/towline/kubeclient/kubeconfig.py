"""Kubeconfig files: from YAML to the facts that a connection needs.

Programs named in a kubeconfig (`exec`, `auth-provider`) are never run; such an entry is an error.
File references are followed only for a file that the person owns (`load_kubeconfig`).
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from towline.errors import InputError, SettingsError
from towline.text.yaml import load_documents


class ClusterAccess(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach a cluster and who we are there.

    Attributes:
        server: URL of the API server, with an optional path prefix.
        ca_data: PEM certificates to trust; empty means the system's.
        client_certificate_data: PEM certificate of the client, or empty.
        client_key_data: PEM key of the client, or empty.
        token: Bearer token, or empty.
        token_file: File that holds a bearer token which may change, or empty.
        insecure: The server's certificate is not verified.
        tls_server_name: Name to expect in the server's certificate instead of the URL's host.
        namespace: Namespace meant when none is given.
    """

    server: str
    ca_data: bytes = b""
    client_certificate_data: bytes = b""
    client_key_data: bytes = b""
    token: str = ""
    token_file: str = ""
    insecure: bool = False
    tls_server_name: str = ""
    namespace: str = "default"

    def __repr__(self) -> str:
        return f"ClusterAccess(server={self.server!r}, namespace={self.namespace!r})"


def load_kubeconfig(path: Path, context: str = "") -> ClusterAccess:
    """Reads a kubeconfig file of the person who runs us.

    Args:
        path: The file; references inside it are relative to its folder.
        context: Name of the context, empty for the file's current one.

    Raises:
        SettingsError: When the file is unreadable, incomplete, or needs an unsupported login.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read kubeconfig {path}: {error}") from error
    return parse_kubeconfig(text, context, name=str(path), folder=path.parent)


def parse_kubeconfig(
    text: str, context: str = "", *, name: str = "kubeconfig", folder: Path | None = None
) -> ClusterAccess:
    """Reads kubeconfig text.

    Args:
        text: YAML.
        context: Name of the context, empty for `current-context`.
        name: What to call the text in errors.
        folder: Base of file references; None refuses them (text from an untrusted source).

    Raises:
        SettingsError: As for `load_kubeconfig`.
    """
    try:
        documents = load_documents(text, file=name)
    except InputError as error:
        raise SettingsError(str(error)) from error
    config = documents[0].value if len(documents) == 1 else None
    if not isinstance(config, dict):
        raise SettingsError(f"{name}: not a kubeconfig: expected one mapping")
    wanted = context or config.get("current-context") or ""
    if not wanted:
        raise SettingsError(f"{name}: no context chosen and current-context is not set")
    chosen = _entry(config, "contexts", "context", wanted, name)
    cluster = _entry(config, "clusters", "cluster", str(chosen.get("cluster") or ""), name)
    user_name = str(chosen.get("user") or "")
    user = _entry(config, "users", "user", user_name, name) if user_name else {}
    _refuse_unsupported(cluster, user, user_name, name)
    reader = _FieldReader(name, folder)
    return ClusterAccess(
        server=_server(cluster, name),
        ca_data=reader.data(cluster, "certificate-authority"),
        client_certificate_data=reader.data(user, "client-certificate"),
        client_key_data=reader.data(user, "client-key"),
        token=reader.text(user, "token"),
        token_file=reader.path(user, "tokenFile"),
        insecure=cluster.get("insecure-skip-tls-verify") is True,
        tls_server_name=reader.text(cluster, "tls-server-name"),
        namespace=reader.text(chosen, "namespace") or "default",
    )


def _entry(
    config: dict[str, Any], section: str, field: str, wanted: str, name: str
) -> dict[str, Any]:
    for item in config.get(section) or []:
        if isinstance(item, dict) and item.get("name") == wanted:
            body = item.get(field)
            if body is None:
                return {}
            if isinstance(body, dict):
                return body
            break
    raise SettingsError(f'{name}: {section} has no usable entry named "{wanted}"')


def _server(cluster: dict[str, Any], name: str) -> str:
    server = cluster.get("server")
    parts = urlsplit(server) if isinstance(server, str) else None
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsError(f"{name}: cluster.server must be an http or https URL")
    if parts.username or parts.password:
        raise SettingsError(f"{name}: cluster.server must not hold credentials")
    return str(server).rstrip("/")


def _refuse_unsupported(
    cluster: dict[str, Any], user: dict[str, Any], user_name: str, name: str
) -> None:
    for field in ("exec", "auth-provider", "username", "as"):
        if user.get(field):
            raise SettingsError(
                f'{name}: user "{user_name}" logs in by "{field}", which is not supported',
                hint="use a token or a client certificate",
            )
    if cluster.get("proxy-url"):
        raise SettingsError(f'{name}: cluster "proxy-url" is not supported')


class _FieldReader:
    """Reads fields that are given either inline (`x-data`) or as a file (`x`)."""

    def __init__(self, name: str, folder: Path | None) -> None:
        self._name = name
        self._folder = folder

    def text(self, section: dict[str, Any], field: str) -> str:
        value = section.get(field)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise SettingsError(f"{self._name}: {field} must be text")
        return value

    def data(self, section: dict[str, Any], field: str) -> bytes:
        inline = self.text(section, f"{field}-data")
        if inline:
            try:
                return base64.b64decode(inline, validate=True)
            except binascii.Error as error:
                raise SettingsError(f"{self._name}: {field}-data is not base64") from error
        path = self.path(section, field)
        if not path:
            return b""
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise SettingsError(f"{self._name}: cannot read {field}: {error}") from error

    def path(self, section: dict[str, Any], field: str) -> str:
        value = self.text(section, field)
        if not value:
            return ""
        if self._folder is None:
            raise SettingsError(
                f"{self._name}: {field} refers to a file, which is not allowed here"
            )
        return str(self._folder / value)
