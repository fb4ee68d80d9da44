"""Tokens, certificates and the kubeconfig."""

from __future__ import annotations

import base64
import datetime as dt
import stat
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from towline.drydock.api import pki
from towline.drydock.api.auth import TokenFile
from towline.errors import SettingsError

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
NAMES = pki.server_names("127.0.0.1", "10.96.0.1")


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_a_token_file_is_made_once_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "pki" / "tokens.csv"
    token = TokenFile(path).admin_token
    assert len(token) > 40
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = TokenFile(path)
    assert again.admin_token == token
    user = again.authenticate(f"Bearer {token}")
    assert user is not None
    assert (user.name, user.groups) == ("admin", ("system:masters", "system:authenticated"))


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic x", "Bearer x", "bearer\tx"])
def test_other_credentials_are_nobody(tmp_path: Path, header: str) -> None:
    assert TokenFile(tmp_path / "tokens.csv").authenticate(header) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [("only-a-token\n", r"tokens\.csv:1"), ('t,reader,1,"readers"\n', "system:masters")],
)
def test_a_wrong_token_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "tokens.csv"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message):
        TokenFile(path)


def test_the_server_is_certified_for_every_name_by_the_authority(tmp_path: Path) -> None:
    identity = pki.ensure_identity(tmp_path, NAMES, NOW)
    server, authority = certificate(identity.cert), certificate(identity.ca)
    server.verify_directly_issued_by(authority)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)
    addresses = {str(each) for each in names.get_values_for_type(x509.IPAddress)}
    assert addresses == {"127.0.0.1", "::1", "10.96.0.1"}
    assert stat.S_IMODE(identity.key.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("days", "host", "renewed"),
    [(0, "127.0.0.1", False), (300, "127.0.0.1", False), (340, "127.0.0.1", True), (0, "h", True)],
)
def test_the_server_certificate_is_renewed_in_time_and_for_new_names(
    tmp_path: Path, days: int, host: str, renewed: bool
) -> None:
    first = pki.ensure_identity(tmp_path, NAMES, NOW)
    before = first.cert.read_bytes(), first.ca.read_bytes()
    names = pki.server_names(host, "10.96.0.1")
    second = pki.ensure_identity(tmp_path, names, NOW + dt.timedelta(days=days))
    assert (second.cert.read_bytes() != before[0]) is renewed
    assert second.ca.read_bytes() == before[1]


def test_the_kubeconfig_carries_authority_and_token(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "kubeconfig"
    pki.write_kubeconfig(path, url="https://127.0.0.1:1", ca=b"CA", token="t", name="drydock")
    config = yaml.safe_load(path.read_text())
    cluster = config["clusters"][0]["cluster"]
    assert cluster["server"] == "https://127.0.0.1:1"
    assert base64.b64decode(cluster["certificate-authority-data"]) == b"CA"
    assert config["users"][0]["user"] == {"token": "t"}
    assert config["current-context"] == "drydock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
