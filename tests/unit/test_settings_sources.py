"""Flags beat the environment, the environment beats the file, the file beats defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from towline.errors import SettingsError
from towline.settings import load_settings, parse_mapping


def test_defaults_map_docker_hub_to_the_embedded_registry_only_with_drydock(tmp_path: Path) -> None:
    embedded = load_settings({"data": str(tmp_path)}, {})
    assert embedded.mirrors == {"docker.io": "embedded"}
    outside = load_settings({"data": str(tmp_path), "kubeconfig": "k"}, {})
    assert outside.mirrors == {}


def test_precedence(tmp_path: Path) -> None:
    (tmp_path / "towline.toml").write_text(
        'listen = "127.0.0.1:1"\n[engine]\npoll_seconds = 5\n[registry.mirrors]\n"a.io" = "b:1"\n'
    )
    environment = {"TOWLINE_LISTEN": "127.0.0.1:2", "TOWLINE_ENGINE_POLL_JITTER_SECONDS": "7"}
    settings = load_settings({"data": str(tmp_path), "listen": "127.0.0.1:3"}, environment)
    assert settings.listen == "127.0.0.1:3"
    assert settings.engine.poll_seconds == 5
    assert settings.engine.poll_jitter_seconds == 7
    assert settings.mirrors == {"a.io": "b:1"}
    assert load_settings({"data": str(tmp_path)}, environment).listen == "127.0.0.1:2"


def test_mappings_in_the_environment(tmp_path: Path) -> None:
    environment = {
        "TOWLINE_DATA": str(tmp_path),
        "TOWLINE_REGISTRY_MIRRORS": "docker.io=embedded, ghcr.io=127.0.0.1:5000/x",
        "TOWLINE_GIT_ALIASES": "github.com=http://127.0.0.1:3000",
    }
    settings = load_settings({}, environment)
    assert settings.mirrors == {"docker.io": "embedded", "ghcr.io": "127.0.0.1:5000/x"}
    assert settings.git.aliases == {"github.com": "http://127.0.0.1:3000"}
    assert settings.data_dir == tmp_path


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("listen = [1]", "listen"),
        ("nonsense = 1", "nonsense"),
        ('[engine]\npoll_seconds = "soon"', "poll_seconds"),
        ("= broken", "towline.toml"),
    ],
)
def test_a_wrong_file_is_an_error_that_names_the_place(
    tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "towline.toml").write_text(text)
    with pytest.raises(SettingsError, match=complaint):
        load_settings({"data": str(tmp_path)}, {})


def test_a_settings_file_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        load_settings({"data": str(tmp_path)}, {}, config=tmp_path / "none.toml")


def test_pairs_need_an_equals_sign() -> None:
    assert parse_mapping(" a=b , c=d=e,", setting="x") == {"a": "b", "c": "d=e"}
    with pytest.raises(SettingsError, match="--mirror"):
        parse_mapping("docker.io", setting="--mirror")


def test_confinement_is_auto_or_off(tmp_path: Path) -> None:
    flags = {"data": str(tmp_path)}
    assert load_settings(flags, {"TOWLINE_BUILD_CONFINE": "off"}).build.confine == "off"
    with pytest.raises(SettingsError, match="maybe"):
        load_settings(flags, {"TOWLINE_BUILD_CONFINE": "maybe"})


def test_lists_in_the_environment_are_separated_by_commas() -> None:
    found = load_settings({}, {"TOWLINE_ENGINE_ALLOWED_HOSTS": "charts.corp, oci.corp,"})
    assert found.engine.allowed_hosts == ("charts.corp", "oci.corp")
