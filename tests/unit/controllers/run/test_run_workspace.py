from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.controllers.run.files import Files, ant_pattern, matching
from towline.controllers.run.workspace import Workspace
from towline.errors import InputError, LimitError, NotFoundError, TowlineError
from towline.pipeline.commands import Archive


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "run", "job")
    made.create()
    return made


@pytest.fixture
def files(workspace: Workspace, tmp_path: Path) -> Files:
    return Files(workspace, tmp_path / "archive")


@pytest.mark.parametrize(
    ("cwd", "path"),
    [
        (".", "../x"),
        (".", "/etc/passwd"),
        ("sub", "../../x"),
        ("..", "."),
        ("/", "etc"),
        (".", "link/passwd"),
        (".", "dir/../../../x"),
    ],
)
def test_s15_paths_stay_in_the_workspace(workspace: Workspace, cwd: str, path: str) -> None:
    (workspace.root / "link").symlink_to("/etc")
    with pytest.raises(InputError, match="out of the workspace"):
        workspace.inside(cwd, path)


def test_the_temporary_folder_is_not_a_way_out(workspace: Workspace) -> None:
    with pytest.raises(InputError):
        workspace.inside(".", f"../{workspace.temporary.name}/x")


def test_files_are_written_and_read(files: Files) -> None:
    files.write("sub", "a/b.txt", "hällo")
    assert files.read(".", "sub/a/b.txt") == "hällo"
    assert files.exists("sub", "a")
    assert not files.exists(".", "a")
    with pytest.raises(NotFoundError):
        files.read(".", "none")


def test_large_files_are_not_read(files: Files, workspace: Workspace) -> None:
    with (workspace.root / "big").open("wb") as file:
        file.truncate(11 << 20)
    with pytest.raises(LimitError):
        files.read(".", "big")


def test_deleting_a_directory_follows_no_link(
    files: Files, workspace: Workspace, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    (workspace.root / "link").symlink_to(outside)
    files.write(".", "a/b", "x")
    files.delete(".")
    assert list(workspace.root.iterdir()) == []
    assert (outside / "kept").exists()


def test_archives_keep_what_matches(files: Files, workspace: Workspace, tmp_path: Path) -> None:
    for name in ("a.txt", "sub/b.txt", "sub/c.log", ".git/config"):
        files.write(".", name, name)
    (workspace.root / "passwd.txt").symlink_to("/etc/passwd")
    kept = files.archive(".", Archive(includes=("**/*.txt", "sub/*"), excludes=("a.*",)))
    assert kept == 2
    assert (tmp_path / "archive/sub/c.log").read_text() == "sub/c.log"
    assert not (tmp_path / "archive/passwd.txt").exists()


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("*.txt", "a.txt", True),
        ("*.txt", "sub/a.txt", False),
        ("**/*.txt", "a.txt", True),
        ("**/*.txt", "x/y/a.txt", True),
        ("target/**", "target/x/y", True),
        ("target/", "target/x", True),
        ("./a?c", "abc", True),
        ("a?c", "a/c", False),
        ("a.c", "abc", False),
        ("**", "any/thing", True),
    ],
)
def test_ant_globs(glob: str, path: str, expected: bool) -> None:
    assert bool(ant_pattern(glob).fullmatch(path)) is expected


@given(st.text(alphabet="ab*?/.[](){}|\\", max_size=20), st.text(alphabet="ab/.", max_size=20))
def test_any_glob_compiles_or_is_refused(glob: str, path: str) -> None:
    try:
        pattern = ant_pattern(glob)
    except TowlineError:
        return
    pattern.fullmatch(path)


def test_nothing_matches_in_an_empty_folder(tmp_path: Path) -> None:
    assert list(matching(tmp_path, ["**"], [])) == []


def test_a_new_attempt_gets_clean_folders(workspace: Workspace) -> None:
    (workspace.root / "left").write_text("x")
    workspace.create()
    assert list(workspace.root.iterdir()) == []
    workspace.delete()
    assert not workspace.folder.exists()
    workspace.delete()


def test_s15_files_of_ours_do_not_follow_links_that_scripts_planted(
    workspace: Workspace, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (workspace.temporary / "env-0").symlink_to(victim)
    file = workspace.put("env-0", b"export A=1\n", mode=0o600)
    assert victim.read_text() == "untouched"
    assert file.read_text() == "export A=1\n"
    assert not file.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o600
    file.unlink()
    file.symlink_to(victim)
    workspace.remove("env-0")
    workspace.remove("env-0")
    assert victim.exists()
    assert not file.is_symlink()
