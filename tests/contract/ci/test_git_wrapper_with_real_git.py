"""The scripts' git against real repositories."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

WRAPPER = Path(__file__).parents[3] / "src/towline/controllers/run/git_wrapper.py"
GIT = "/usr/bin/git"


class Desk:
    """A bare remote and clones of it, each with the wrapper in the place of git."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.remote = root / "remote.git"
        self.env = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(root),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "3",
            "GIT_CONFIG_KEY_0": "user.name",
            "GIT_CONFIG_VALUE_0": "ci",
            "GIT_CONFIG_KEY_1": "user.email",
            "GIT_CONFIG_VALUE_1": "ci@example.com",
            "GIT_CONFIG_KEY_2": "init.defaultBranch",
            "GIT_CONFIG_VALUE_2": "main",
        }
        self.git(root, "init", "-q", "--bare", str(self.remote))
        seed = root / "seed"
        self.git(root, "clone", "-q", str(self.remote), str(seed))
        (seed / "deployment.yaml").write_text("image: app:0\n")
        (seed / "other.yaml").write_text("a: 1\n")
        self.git(seed, "add", ".")
        self.git(seed, "commit", "-q", "-m", "first")
        self.git(seed, "push", "-q", "origin", "HEAD:main")

    def git(self, cwd: Path, *arguments: str) -> str:
        done = subprocess.run(
            [GIT, *arguments], check=False, cwd=cwd, env=self.env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def clone(self, name: str) -> Path:
        place = self.root / name
        self.git(self.root, "clone", "-q", str(self.remote), str(place))
        self.git(place, "checkout", "-q", "--detach")
        return place

    def wrapped(
        self, cwd: Path, *arguments: str, run: str = "run-a", number: int = 7, **config: object
    ) -> subprocess.CompletedProcess[str]:
        state = self.root / f"state-{cwd.name}"
        state.mkdir(exist_ok=True)
        file = state / "git.json"
        file.write_text(
            json.dumps(
                {
                    "git": GIT,
                    "job": "Updating-manifest",
                    "number": number,
                    "key": run,
                    "aliases": {},
                    "record": str(state / "record"),
                    "counter": str(state / "counter"),
                    **config,
                }
            )
        )
        argv = [sys.executable, "-IS", str(WRAPPER), str(file), *arguments]
        return subprocess.run(
            argv, check=False, cwd=cwd, env=self.env, capture_output=True, text=True
        )

    def update(self, cwd: Path, tag: str, **options: object) -> None:
        (cwd / "deployment.yaml").write_text(f"image: app:{tag}\n")
        self.git(cwd, "add", "deployment.yaml")
        done = self.wrapped(cwd, "commit", "-m", f"tag {tag}", **options)  # type: ignore[arg-type]
        assert done.returncode == 0, done.stderr

    def log(self, *form: str) -> list[str]:
        return self.git(self.remote, "log", "--format=%s", *form, "main").splitlines()

    def other_commit(self, name: str = "other", content: str = "a: 2\n") -> None:
        place = self.root / name
        self.git(self.root, "clone", "-q", str(self.remote), str(place))
        (place / "other.yaml").write_text(content)
        self.git(place, "commit", "-q", "-am", f"by {name}")
        self.git(place, "push", "-q", "origin", "HEAD:main")

    def records(self, cwd: Path) -> list[dict[str, str]]:
        file = self.root / f"state-{cwd.name}" / "record"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_commits_carry_the_run_and_pushes_are_recorded(desk: Desk) -> None:
    place = desk.clone("a")
    desk.update(place, "7")
    assert desk.wrapped(place, "push", "origin", "HEAD:main").returncode == 0
    message = desk.git(desk.remote, "log", "-1", "--format=%B", "main")
    assert "Towline-Run: Updating-manifest/7" in message
    assert "Towline-Commit: run-a-1" in message
    (record,) = desk.records(place)
    assert record == {
        "repository": str(desk.remote),
        "ref": "refs/heads/main",
        "commit": desk.git(desk.remote, "rev-parse", "main"),
    }


def test_r07_a_rejected_push_goes_on_top_of_the_other_commit(desk: Desk) -> None:
    place = desk.clone("a")
    desk.update(place, "7")
    desk.other_commit()
    (place / "scratch.txt").write_text("not committed")
    done = desk.wrapped(place, "push", "origin", "HEAD:main")
    assert done.returncode == 0, done.stderr
    assert desk.log() == ["tag 7", "by other", "first"]
    assert (place / "scratch.txt").read_text() == "not committed"
    assert desk.git(place, "rev-parse", "HEAD") == desk.git(desk.remote, "rev-parse", "main")
    assert desk.records(place)[-1]["commit"] == desk.git(desk.remote, "rev-parse", "main")


def test_r06_a_repeated_run_finds_its_commit_and_makes_no_second(desk: Desk) -> None:
    place = desk.clone("a")
    again = desk.clone("b")
    desk.update(place, "7")
    assert desk.wrapped(place, "push", "origin", "HEAD:main").returncode == 0
    desk.other_commit()
    (again / "more.yaml").write_text("x: 1\n")  # the change itself differs: the trailer decides
    desk.git(again, "add", ".")
    desk.update(again, "7")
    done = desk.wrapped(again, "push", "origin", "HEAD:main")
    assert done.returncode == 0, done.stderr
    assert "upstream already" in done.stderr
    assert desk.log() == ["by other", "tag 7", "first"]
    assert desk.records(again)[-1]["commit"] == desk.git(desk.remote, "rev-parse", "main~1")


def test_r06_another_run_with_the_same_number_is_not_taken_for_ours(desk: Desk) -> None:
    place, again = desk.clone("a"), desk.clone("b")
    (again / "new.yaml").write_text("x: 1\n")
    desk.git(again, "add", ".")
    assert desk.wrapped(again, "commit", "-m", "mine", run="run-b").returncode == 0
    desk.update(place, "7", run="run-a")
    assert desk.wrapped(place, "push", "origin", "HEAD:main").returncode == 0
    done = desk.wrapped(again, "push", "origin", "HEAD:main", run="run-b")
    assert done.returncode == 0, done.stderr
    assert desk.log() == ["mine", "tag 7", "first"]


def test_two_commits_of_a_run_are_told_apart(desk: Desk) -> None:
    place = desk.clone("a")
    desk.update(place, "7")
    assert desk.wrapped(place, "push", "origin", "HEAD:main").returncode == 0
    desk.other_commit()
    (place / "second.yaml").write_text("b: 1\n")
    desk.git(place, "add", ".")
    assert desk.wrapped(place, "commit", "-m", "second").returncode == 0
    done = desk.wrapped(place, "push", "origin", "HEAD:main")
    assert done.returncode == 0, done.stderr
    assert desk.log() == ["second", "by other", "tag 7", "first"]


def test_a_change_that_is_upstream_already_is_dropped(desk: Desk) -> None:
    place = desk.clone("a")
    desk.update(place, "7")
    other = desk.root / "other"
    desk.git(desk.root, "clone", "-q", str(desk.remote), str(other))
    (other / "deployment.yaml").write_text("image: app:7\n")
    desk.git(other, "commit", "-q", "-am", "by hand")
    desk.git(other, "push", "-q", "origin", "HEAD:main")
    assert desk.wrapped(place, "push", "origin", "HEAD:main").returncode == 0
    assert desk.log() == ["by hand", "first"]


def test_a_conflict_pushes_nothing_and_says_so(desk: Desk) -> None:
    place = desk.clone("a")
    desk.update(place, "7")
    other = desk.clone("b")
    desk.update(other, "8", run="run-b")
    assert desk.wrapped(other, "push", "origin", "HEAD:main", run="run-b").returncode == 0
    done = desk.wrapped(place, "push", "origin", "HEAD:main")
    assert done.returncode == 1
    assert "conflict" in done.stderr
    assert desk.log() == ["tag 8", "first"]
    assert desk.records(place) == []


def test_r07_what_goes_on_top_keeps_author_message_and_committer(desk: Desk) -> None:
    place = desk.clone("a")
    for tag in ("7", "8"):
        (place / "deployment.yaml").write_text(f"image: app:{tag}\n")
        author = ["--author=Zoë Müller <zoe@example.com>", "--date=2020-01-02T03:04:05+01:00"]
        done = desk.wrapped(place, "commit", "-a", "-m", f"tag {tag}\n\nwith text", *author)
        assert done.returncode == 0, done.stderr
    form = "--format=%an|%ae|%ai|%cn|%ce|%B"
    before = desk.git(place, "log", "-2", form)
    desk.other_commit()
    assert desk.wrapped(place, "push", "-u", "origin", "HEAD:main").returncode == 0
    assert desk.log() == ["tag 8", "tag 7", "by other", "first"]
    assert desk.git(desk.remote, "log", "-2", form, "main") == before
    assert desk.git(desk.remote, "fsck", "--strict") == ""


def test_r07_a_push_by_name_goes_on_top_and_tracks(desk: Desk) -> None:
    place = desk.clone("a")
    desk.git(place, "checkout", "-q", "-B", "main", "--no-track")
    desk.update(place, "7")
    desk.other_commit()
    done = desk.wrapped(place, "push", "--set-upstream", "origin", "main")
    assert done.returncode == 0, done.stderr
    assert desk.log() == ["tag 7", "by other", "first"]
    assert desk.git(place, "status", "-sb").splitlines()[0] == "## main...origin/main"


def test_r07_uncommitted_changes_in_the_way_do_not_undo_the_push(desk: Desk) -> None:
    place = desk.clone("a")
    desk.update(place, "7")
    desk.other_commit()
    (place / "other.yaml").write_text("a: 3\n")
    done = desk.wrapped(place, "push", "origin", "HEAD:main")
    assert done.returncode == 0, done.stderr
    assert "work tree stays" in done.stderr
    assert desk.log() == ["tag 7", "by other", "first"]
    assert (place / "other.yaml").read_text() == "a: 3\n"
    assert desk.records(place)[-1]["commit"] == desk.git(desk.remote, "rev-parse", "main")


def test_r07_a_git_that_cannot_merge_without_a_work_tree_uses_one(desk: Desk) -> None:
    old = desk.root / "old-git"
    old.write_text(f'#!/bin/sh\n[ "$1" = merge-tree ] && exit 129\nexec {GIT} "$@"\n')
    old.chmod(0o755)
    place = desk.clone("a")
    desk.update(place, "7")
    desk.other_commit()
    done = desk.wrapped(place, "push", "origin", "HEAD:main", git=str(old))
    assert done.returncode == 0, done.stderr
    assert desk.log() == ["tag 7", "by other", "first"]


def test_r07_a_dry_run_changes_nothing(desk: Desk) -> None:
    place = desk.clone("a")
    desk.update(place, "7")
    desk.other_commit()
    head = desk.git(place, "rev-parse", "HEAD")
    assert desk.wrapped(place, "push", "--dry-run", "origin", "HEAD:main").returncode == 1
    assert desk.git(place, "rev-parse", "HEAD") == head
    assert desk.log() == ["by other", "first"]


def test_r07_many_writers_lose_nothing(desk: Desk) -> None:
    writers = []
    for number in range(6):
        place = desk.clone(f"w{number}")
        (place / f"file{number}").write_text("x")
        desk.git(place, "add", ".")
        assert desk.wrapped(place, "commit", "-m", f"w{number}", run=f"r{number}").returncode == 0
        writers.append(place)
    running = [
        subprocess.Popen(
            [
                sys.executable,
                "-IS",
                str(WRAPPER),
                str(desk.root / f"state-{place.name}/git.json"),
                "push",
                "-q",
                "origin",
                "HEAD:main",
            ],
            cwd=place,
            env=desk.env,
            stderr=subprocess.PIPE,
            text=True,
        )
        for place in writers
    ]
    for process in running:
        _, errors = process.communicate(timeout=50)
        assert process.returncode == 0, errors
    assert sorted(desk.log()) == sorted(["first", *(f"w{n}" for n in range(6))])


@pytest.mark.parametrize(
    "arguments",
    [
        ["-f", "origin", "HEAD:main"],
        ["--force", "origin", "HEAD:main"],
        ["--force-with-lease", "origin", "HEAD:main"],
        ["--force-with-lease=main:abc", "origin"],
        ["origin", "+HEAD:main"],
        ["-qf", "origin"],
        ["--mirror", "origin"],
    ],
)
def test_r07_force_is_refused(desk: Desk, arguments: list[str]) -> None:
    place = desk.clone("a")
    done = desk.wrapped(place, "push", *arguments)
    assert done.returncode == 1
    assert "never forced" in done.stderr


def test_aliases_rewrite_urls_with_and_without_login(desk: Desk) -> None:
    place = desk.clone("a")
    aliases = {"github.com": "http://127.0.0.1:1/base"}
    for word, wanted in (
        ("https://u:p@github.com/o/n.git", "http://u:p@127.0.0.1:1/base/o/n.git"),
        ("https://github.com/o/n.git", "http://127.0.0.1:1/base/o/n.git"),
        ("git@github.com:o/n.git", "http://127.0.0.1:1/base/o/n.git"),
        ("https://example.com/o/n.git", "https://example.com/o/n.git"),
    ):
        done = desk.wrapped(place, "remote", "set-url", "origin", word, aliases=aliases)
        assert done.returncode == 0
        assert desk.git(place, "config", "remote.origin.url") == wanted


def test_other_commands_pass_through(desk: Desk) -> None:
    place = desk.clone("a")
    done = desk.wrapped(place, "-C", str(place), "status", "--short")
    assert (done.returncode, done.stdout) == (0, "")
    assert desk.wrapped(place, "no-such-command").returncode != 0
    assert desk.wrapped(place, "--version").stdout.startswith("git version")
