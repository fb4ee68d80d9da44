from __future__ import annotations

import base64
from pathlib import Path

import pytest

from towline.errors import SettingsError
from towline.kubeclient import load_kubeconfig, parse_kubeconfig

CA = base64.b64encode(b"ca pem").decode()

GOOD = f"""
apiVersion: v1
kind: Config
current-context: one
contexts:
- name: one
  context: {{cluster: c, user: u, namespace: team}}
- name: two
  context: {{cluster: c, user: cert}}
clusters:
- name: c
  cluster: {{server: "https://127.0.0.1:6443/", certificate-authority-data: {CA}}}
users:
- name: u
  user: {{token: s3cret}}
- name: cert
  user: {{client-certificate: cert.pem, client-key: key.pem}}
"""


def test_reads_the_current_context() -> None:
    access = parse_kubeconfig(GOOD)
    assert access.server == "https://127.0.0.1:6443"
    assert access.ca_data == b"ca pem"
    assert access.token == "s3cret"
    assert access.namespace == "team"
    assert not access.insecure


def test_follows_file_references_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(GOOD)
    (tmp_path / "cert.pem").write_bytes(b"cert")
    (tmp_path / "key.pem").write_bytes(b"key")
    access = load_kubeconfig(tmp_path / "config", "two")
    assert access.client_certificate_data == b"cert"
    assert access.client_key_data == b"key"


def test_repr_shows_no_secret() -> None:
    assert "s3cret" not in repr(parse_kubeconfig(GOOD))


@pytest.mark.parametrize(
    ("text", "context", "message"),
    [
        (GOOD, "three", 'contexts has no usable entry named "three"'),
        (GOOD, "two", "client-certificate refers to a file"),
        (GOOD.replace("token: s3cret", "exec: {command: id}"), "", 'by "exec", which is not'),
        (GOOD.replace("token: s3cret", "username: me"), "", 'by "username"'),
        (GOOD.replace("token: s3cret", "tokenFile: /etc/passwd"), "", "tokenFile refers to a file"),
        (GOOD.replace("https://127.0.0.1:6443/", "ftp://x"), "", "must be an http or https URL"),
        (GOOD.replace("//127", "//me:pw@127"), "", "must not hold credentials"),
        (GOOD.replace(CA, "'***'"), "", "certificate-authority-data is not base64"),
        (GOOD.replace("current-context: one", ""), "", "current-context is not set"),
        ("[1]", "", "expected one mapping"),
        ("a: b: c", "", "kubeconfig:1"),
    ],
)
def test_refuses_what_it_cannot_use(text: str, context: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_kubeconfig(text, context)
    assert message in str(caught.value)


def test_missing_file_is_a_settings_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read kubeconfig"):
        load_kubeconfig(tmp_path / "none")
