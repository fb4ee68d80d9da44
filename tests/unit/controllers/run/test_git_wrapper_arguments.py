from __future__ import annotations

import pytest

from towline.controllers.run.git_wrapper import (
    forced,
    pause,
    push_options,
    push_target,
    split,
    without_login,
)


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


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-q", "origin", "HEAD:main"], ["-q"]),
        (["-o", "ci.skip", "origin", "--follow-tags"], ["-o", "ci.skip", "--follow-tags"]),
        (["--all", "--", "origin"], []),
        ([], []),
    ],
)
def test_options_of_a_push_without_what_it_pushes(words: list[str], expected: list[str]) -> None:
    assert push_options(words) == expected


def test_first_attempts_follow_at_once_and_later_ones_after_a_short_time() -> None:
    assert [pause(attempt, "run-a") for attempt in range(1, 6)] == [0.0] * 5
    later = [pause(attempt, "run-a") for attempt in range(6, 60)]
    assert 0.0 <= min(later) < max(later) < 0.1
    assert later != [pause(attempt, "run-b") for attempt in range(6, 60)]


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
