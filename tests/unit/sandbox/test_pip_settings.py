from __future__ import annotations

from pathlib import Path

import pytest

from towline.errors import SettingsError
from towline.sandbox.pip_settings import machine_settings


def test_files_and_variables_are_joined(tmp_path: Path) -> None:
    conf = tmp_path / "pip.conf"
    conf.write_text("[global]\nindex-url = https://a/simple\nuser = yes\n[install]\nretries = 3\n")
    bundle = tmp_path / "ca.crt"
    bundle.write_text("x")
    found = machine_settings(
        {
            "HOME": str(tmp_path),
            "PIP_CONFIG_FILE": str(conf),
            "PIP_INDEX_URL": "https://b/simple",
            "PIP_CERT": str(bundle),
        }
    )
    assert found.options["index-url"] == "https://b/simple"
    assert found.options["retries"] == "3"
    assert "user" not in found.options
    assert found.ca_bundle == bundle


def test_rendered_settings_point_at_what_is_mounted(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.crt"
    bundle.write_text("x")
    conf = tmp_path / "pip.conf"
    conf.write_text("[global]\ntimeout = 7\ncert = /elsewhere\n")
    found = machine_settings({}, pip_conf=str(conf), ca_bundle=str(bundle))
    text = found.render(constraints=True)
    assert "timeout = 7" in text
    assert "cert = /etc/ssl/certs/ca-certificates.crt" in text
    assert "constraint = /etc/pip-constraints.txt" in text
    assert "constraint" not in found.render(constraints=False)


def test_named_files_must_exist_and_be_well_formed(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        machine_settings({}, pip_conf=str(tmp_path / "none"))
    with pytest.raises(SettingsError):
        machine_settings({}, ca_bundle=str(tmp_path / "none"))
    bad = tmp_path / "bad"
    bad.write_text("no section\n")
    with pytest.raises(SettingsError):
        machine_settings({}, pip_conf=str(bad))
