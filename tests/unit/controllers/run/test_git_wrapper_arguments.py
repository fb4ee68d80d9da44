from __future__ import annotations

import pytest

from towline.controllers.run.git_wrapper import forced, push_target, split, without_login


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["push", "origin"], ([], "push", ["origin"])),
        (
            ["-C", "x", "-c", "a=b", "commit", "-m", "x"],
            (["-C", "x", "-c", "a=b"], "commit", ["-m", "x"]),
        ),
        (["--no-pager", "log"], (["--no-pager"], "log", [])),
        (["--git-dir=x", "status"], (["--git-dir=x"], "status", [])),
        (["--version"], (["--version"], "", [])),
        ([], ([], "", [])),
    ],
)
def test_the_subcommand_is_found(words: list[str], expected: tuple[object, ...]) -> None:
    assert split(words) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["origin", "HEAD:main"], ("origin", ["HEAD:main"])),
        (["-q", "-u", "origin", "main"], ("origin", ["main"])),
        (["-o", "ci.skip", "origin"], ("origin", [])),
        ([], ("", [])),
    ],
)
def test_remote_and_refspecs(words: list[str], expected: tuple[str, list[str]]) -> None:
    assert push_target(words) == expected


@pytest.mark.parametrize("words", [["origin", "main"], ["-q"], ["-o", "x=+y"], ["--follow-tags"]])
def test_plain_pushes_are_not_forced(words: list[str]) -> None:
    assert forced(words) == ""


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@host/a.git", "https://host/a.git"),
        ("https://host/a.git", "https://host/a.git"),
        ("/path/a.git", "/path/a.git"),
    ],
)
def test_s28_logins_are_not_recorded(url: str, shown: str) -> None:
    assert without_login(url) == shown
