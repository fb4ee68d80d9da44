"""Credentials of a pipeline: Secrets of its namespace that its spec names, opened per step."""

from __future__ import annotations

import base64
import binascii
import secrets
import shlex
from pathlib import Path
from typing import Any

import msgspec

from towline.controllers.run.ports import KubeObjects
from towline.controllers.run.workspace import Workspace
from towline.errors import DeniedError, InputError, NotFoundError
from towline.git.credentials import GitCredentials
from towline.kube.refs import GroupVersionKind
from towline.pipeline.commands import BindCredentials, BoundCredentials
from towline.pipeline.model import PipelineSpec

SECRET = GroupVersionKind("", "v1", "Secret")
_TEXT_KEYS = ("text", "secret", "token", "password")


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """An opened Secret; the representation shows nothing of it."""

    username: str = ""
    password: str = ""
    text: str = ""
    private_key: str = ""
    passphrase: str = ""
    docker_config: str = ""
    file: bytes = b""

    def __repr__(self) -> str:
        return "Credential(****)"

    @property
    def secrets(self) -> set[str]:
        """Every text that must not be seen."""
        found = {self.password, self.text, self.private_key, self.passphrase, self.docker_config}
        if self.username and self.password:
            found.add(f"{self.username}:{self.password}")
        return found - {""}


class Credentials:
    """Opens what a pipeline may use.

    Args:
        client: The Kubernetes API.
        spec: The pipeline.
    """

    def __init__(self, client: KubeObjects, spec: PipelineSpec) -> None:
        self._client = client
        self._spec = spec

    async def open(self, credentials_id: str) -> Credential:
        """The credential that the pipeline knows under that id.

        Raises:
            NotFoundError: The pipeline has no such credential, or its Secret is missing.
            InputError: The Secret has no usable keys.
        """
        entry = next((item for item in self._spec.credentials if item.id == credentials_id), None)
        if entry is None:
            raise NotFoundError(
                f"Could not find credentials entry with ID '{credentials_id}'",
                hint=f"add it to spec.credentials of the Pipeline {self._spec.name}",
            )
        name = entry.secret_ref.name
        secret = await self._client.get(SECRET, self._spec.namespace, name)
        if secret is None:
            raise NotFoundError(
                f"credentials '{credentials_id}': there is no Secret {name} in namespace "
                f"{self._spec.namespace}"
            )
        return read_secret(secret, key=entry.secret_ref.key)

    async def git(self, credentials_id: str) -> GitCredentials | None:
        """The credential for git, None when no id is given.

        Raises:
            NotFoundError: As `open`.
        """
        if not credentials_id:
            return None
        found = await self.open(credentials_id)
        return GitCredentials(
            username=found.username,
            password=found.password or found.text,
            ssh_private_key=found.private_key,
        )

    async def registry_auth(self, credentials_id: str, host: str) -> str:
        """The text of a registry auth file for one host.

        Raises:
            NotFoundError: As `open`.
            DeniedError: It is no login.
        """
        found = await self.open(credentials_id)
        if found.docker_config:
            return found.docker_config
        if not found.username or not (found.password or found.text):
            raise DeniedError(f"credentials '{credentials_id}' hold no login for a registry")
        pair = f"{found.username}:{found.password or found.text}".encode()
        entry = {"auth": base64.b64encode(pair).decode()}
        hosts = {host} | ({"https://index.docker.io/v1/"} if host == "docker.io" else set())
        return msgspec.json.encode({"auths": dict.fromkeys(sorted(hosts), entry)}).decode()


class BoundFiles:
    """Turns credentials into the parts that a `withCredentials` binding hands out.

    Args:
        workspace: Files are made in its temporary folder, mode 0600.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._made: set[str] = set()

    def bind(self, command: BindCredentials, found: Credential) -> BoundCredentials:
        """The parts for one kind of binding.

        Raises:
            InputError: The credential has not what the kind needs.
        """
        match command.kind:
            case "string":
                return BoundCredentials(text=_need(found.text, "a secret text", command))
            case "usernamePassword":
                password = _need(found.password, "user and password", command)
                return BoundCredentials(username=found.username, password=password)
            case "usernameColonPassword":
                password = _need(found.password, "user and password", command)
                text = f"{found.username}:{password}"
                return BoundCredentials(username=found.username, password=password, text=text)
            case "gitUsernamePassword":
                password = _need(found.password or found.text, "user and password", command)
                path = self._askpass(found.username, password)
                return BoundCredentials(username=found.username, password=password, path=path)
            case "file":
                data = found.file or found.text.encode()
                return BoundCredentials(path=self._write(_need(data, "a file", command)))
            case "sshUserPrivateKey":
                key = _need(found.private_key, "a private key", command)
                path = self._write((key if key.endswith("\n") else f"{key}\n").encode())
                return BoundCredentials(
                    username=found.username, path=path, passphrase=found.passphrase
                )
            case kind:
                raise InputError(f"credentials of kind {kind} are not supported", field="kind")

    def release(self, path: str) -> None:
        """Deletes a file that `bind` made."""
        name = Path(path).name
        if name in self._made:
            self._workspace.remove(name)
            self._made.discard(name)

    def _write(self, data: bytes, *, mode: int = 0o600) -> str:
        name = f"secret-{secrets.token_hex(8)}"
        self._made.add(name)
        return str(self._workspace.put(name, data, mode=mode))

    def _askpass(self, username: str, password: str) -> str:
        script = (
            "#!/bin/sh\n"
            f"case $1 in Username*) printf %s {shlex.quote(username)} ;;\n"
            f"*) printf %s {shlex.quote(password)} ;; esac\n"
        )
        return self._write(script.encode(), mode=0o700)


def read_secret(secret: dict[str, Any], *, key: str = "") -> Credential:
    """Reads a Secret object; `key` narrows it to one entry, taken as a secret text.

    Raises:
        InputError: It has no usable keys. The error never shows a value.
    """
    name = (secret.get("metadata") or {}).get("name", "")
    data = {str(entry): _decoded(text, name) for entry, text in (secret.get("data") or {}).items()}
    if key:
        if key not in data:
            raise InputError(f"Secret {name} has no key {key}", field=f"data.{key}")
        return Credential(text=_text(data[key], name), file=data[key])
    if not data:
        raise InputError(f"Secret {name} has no data", field="data")
    known = {entry: _text(data[entry], name) for entry in data if entry in _KNOWN}
    others = [value for entry, value in sorted(data.items()) if entry not in _KNOWN]
    return Credential(
        username=known.get("username", ""),
        password=known.get("password", ""),
        text=next((known[entry] for entry in _TEXT_KEYS if entry in known), ""),
        private_key=known.get("ssh-privatekey", ""),
        passphrase=known.get("passphrase", ""),
        docker_config=known.get(".dockerconfigjson", ""),
        file=data.get("file") or (others[0] if others else b""),
    )


_KNOWN = {"username", "password", "ssh-privatekey", "passphrase", ".dockerconfigjson", *_TEXT_KEYS}


def _decoded(text: Any, name: str) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError):
        raise InputError(f"Secret {name} is not base64", field="data") from None


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise InputError(f"Secret {name} is not text", field="data") from None


def _need(value: Any, what: str, command: BindCredentials) -> Any:
    if not value:
        raise InputError(
            f"credentials '{command.credentials_id}' do not hold {what}", field=command.kind
        )
    return value
