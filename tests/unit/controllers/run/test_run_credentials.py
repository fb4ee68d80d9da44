from __future__ import annotations

import base64
import stat
from pathlib import Path
from typing import Any

import pytest

from towline.controllers.run.credentials import BoundFiles, Credentials, read_secret
from towline.controllers.run.workspace import Workspace
from towline.errors import DeniedError, InputError, NotFoundError
from towline.pipeline.commands import BindCredentials
from towline.pipeline.model import Credential, PipelineSpec, SecretReference, Source


def secret(**data: str) -> dict[str, Any]:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"metadata": {"name": "s"}, "data": encoded}


class Cluster:
    def __init__(self, **secrets: dict[str, Any]) -> None:
        self.secrets = secrets

    async def get(self, gvk: object, namespace: str, name: str) -> dict[str, Any] | None:
        assert namespace == "ci"
        return self.secrets.get(name)

    async def patch(self, *_: Any, **__: Any) -> dict[str, Any]:
        raise AssertionError("credentials are only read")


def spec(*ids: str, key: str = "") -> PipelineSpec:
    return PipelineSpec(
        name="p",
        namespace="ci",
        source=Source(repo_url="https://example.com/a.git"),
        credentials=tuple(
            Credential(id=name, secret_ref=SecretReference(name=name, key=key)) for name in ids
        ),
    )


@pytest.mark.asyncio
async def test_only_named_credentials_are_opened() -> None:
    cluster = Cluster(a=secret(username="u", password="p"), b=secret(username="u", password="p"))
    credentials = Credentials(cluster, spec("a"))
    assert (await credentials.open("a")).password == "p"
    with pytest.raises(NotFoundError, match=r"Could not find credentials entry with ID 'b'"):
        await credentials.open("b")
    with pytest.raises(NotFoundError, match="no Secret c"):
        await Credentials(cluster, spec("c")).open("c")


@pytest.mark.parametrize(
    ("data", "field", "value"),
    [
        ({"username": "u", "password": "p"}, "username", "u"),
        ({"text": "t"}, "text", "t"),
        ({"secret": "t"}, "text", "t"),
        ({"token": "t"}, "text", "t"),
        ({"ssh-privatekey": "KEY"}, "private_key", "KEY"),
        ({".dockerconfigjson": "{}"}, "docker_config", "{}"),
        ({"kubeconfig": "yaml"}, "file", b"yaml"),
        ({"file": "x", "other": "y"}, "file", b"x"),
    ],
)
def test_secret_formats(data: dict[str, str], field: str, value: object) -> None:
    assert getattr(read_secret(secret(**data)), field) == value


def test_a_key_narrows_to_one_entry() -> None:
    found = read_secret(secret(a="1", b="2"), key="b")
    assert (found.text, found.file) == ("2", b"2")
    with pytest.raises(InputError, match="no key c"):
        read_secret(secret(a="1"), key="c")


@pytest.mark.parametrize("data", [{"password": "canary!not*base64"}, {"password": 17}])
def test_s24_errors_about_secrets_show_no_value(data: dict[str, Any]) -> None:
    with pytest.raises(InputError) as raised:
        read_secret({"metadata": {"name": "s"}, "data": data})
    assert "canary" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert "password" not in repr(read_secret(secret(password="canary")))


@pytest.mark.asyncio
async def test_registry_logins() -> None:
    cluster = Cluster(
        a=secret(username="u", password="p"),
        d=secret(**{".dockerconfigjson": "{}"}),
        t=secret(x="y"),
    )
    credentials = Credentials(cluster, spec("a", "d", "t"))
    pair = base64.b64encode(b"u:p").decode()
    assert pair in await credentials.registry_auth("a", "ghcr.io")
    assert await credentials.registry_auth("d", "ghcr.io") == "{}"
    with pytest.raises(DeniedError):
        await credentials.registry_auth("t", "ghcr.io")


@pytest.fixture
def files(tmp_path: Path) -> BoundFiles:
    workspace = Workspace(tmp_path / "run", "job")
    workspace.create()
    return BoundFiles(workspace)


def bind(files: BoundFiles, kind: str, **data: str) -> Any:
    found = read_secret(secret(**data))
    return files.bind(BindCredentials(kind=kind, credentials_id="x"), found)


def test_bindings(files: BoundFiles) -> None:
    assert bind(files, "string", text="t").text == "t"
    both = bind(files, "usernamePassword", username="u", password="p")
    assert (both.username, both.password) == ("u", "p")
    assert bind(files, "usernameColonPassword", username="u", password="p").text == "u:p"


@pytest.mark.parametrize(
    "kind", ["string", "usernamePassword", "file", "sshUserPrivateKey", "certificate"]
)
def test_a_credential_of_another_kind_is_refused(files: BoundFiles, kind: str) -> None:
    with pytest.raises(InputError):
        bind(files, kind, username="u")


def test_secret_files_are_private_and_deleted(files: BoundFiles, tmp_path: Path) -> None:
    path = Path(bind(files, "file", kubeconfig="yaml").path)
    assert path.read_text() == "yaml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    files.release(str(path))
    assert not path.exists()
    other = tmp_path / "other"
    other.write_text("x")
    files.release(str(other))
    assert other.exists()
