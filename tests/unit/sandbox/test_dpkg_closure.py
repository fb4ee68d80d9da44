from __future__ import annotations

from pathlib import Path

import pytest

from towline.errors import NotFoundError
from towline.sandbox import dpkg

STATUS = """\
Package: base
Status: install ok installed
Essential: yes
Version: 1
Architecture: all

Package: app
Status: install ok installed
Version: 2:1.0-1
Architecture: amd64
Pre-Depends: libc6 (>= 2.14)
Depends: missing | editor, python3:any (>= 3)

Package: libc6
Status: install ok installed
Version: 2
Architecture: amd64

Package: vim
Status: install ok installed
Version: 9
Architecture: amd64
Provides: editor (= 1), vi

Package: python3
Status: install ok installed
Version: 3.11
Architecture: amd64
Description: a
 Depends: nothing

Package: gone
Status: deinstall ok config-files
Version: 1
"""


def test_closure_follows_dependencies_alternatives_and_virtual_packages(tmp_path: Path) -> None:
    (tmp_path / "status").write_text(STATUS)
    packages = dpkg.installed(tmp_path)
    assert "gone" not in packages
    names = [package.name for package in dpkg.closure(["app"], packages)]
    assert names == ["app", "base", "libc6", "python3", "vim"]


def test_missing_packages_are_named_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "status").write_text(STATUS)
    with pytest.raises(NotFoundError, match="apt-get install nope"):
        dpkg.closure(["nope"], dpkg.installed(tmp_path))


def test_another_machine_than_debian_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="Debian"):
        dpkg.installed(tmp_path)


def test_files_of_a_package_by_architecture(tmp_path: Path) -> None:
    (tmp_path / "status").write_text(STATUS)
    (tmp_path / "info").mkdir()
    (tmp_path / "info" / "libc6:amd64.list").write_text("/.\n/lib\n/lib/libc.so.6\n")
    package = dpkg.installed(tmp_path)["libc6"]
    assert dpkg.files(package, tmp_path) == ["/lib", "/lib/libc.so.6"]
