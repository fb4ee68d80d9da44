"""One owner per data folder; what is written is private and whole."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from towline.app.folder import DataFolder, owner_pid, write_private
from towline.errors import ConflictError


def test_a_second_owner_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    first = DataFolder(tmp_path / "data")
    assert owner_pid(tmp_path / "data") == os.getpid()
    with pytest.raises(ConflictError, match="another towline"):
        DataFolder(tmp_path / "data")
    first.close()
    assert owner_pid(tmp_path / "data") is None
    DataFolder(tmp_path / "data").close()


def test_ports_and_identity_survive(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.keep_port("ui", 1234)
    identity = folder.instance
    folder.close()
    again = DataFolder(tmp_path)
    assert again.port("ui") == 1234
    assert again.port("other") == 0
    assert again.instance == identity
    again.close()


def test_endpoints_are_there_while_it_runs_and_private(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.publish({"ui": "http://127.0.0.1:1"})
    path = tmp_path / "endpoints.json"
    assert json.loads(path.read_text()) == {"ui": "http://127.0.0.1:1"}
    assert path.stat().st_mode & 0o777 == 0o600
    assert tmp_path.stat().st_mode & 0o700 == 0o700
    folder.close()
    assert not path.exists()


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
