"""The `git` that pipeline scripts see: commits get a trailer, pushes never lose a commit.

A program of its own that needs nothing but the standard library. It is started as
`python -IS git_wrapper.py CONFIG ARGUMENTS...` and replaces itself with the real git for all that
is not listed here:

- `commit` adds trailers that name the run, so that a run that is repeated after a crash finds its
  own commit in the remote history.
- `push` that is rejected because the branch moved fetches, puts the local commits on top and tries
  again; commits that are upstream already (same change, or same trailer) are dropped. A branch is
  never forced.
- URLs of hosts that stand for others are rewritten, also with a login in them.
- What was pushed is noted in a file for the runner.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

RUN_TRAILER = "Towline-Run"
COMMIT_TRAILER = "Towline-Commit"
ATTEMPTS = 10

_TAKES_VALUE = {"-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path"}
_PUSH_VALUES = {"--repo", "-o", "--push-option", "--receive-pack", "--exec"}
_FORCING = {"-f", "--force", "--mirror", "--force-if-includes"}
_NOT_A_BRANCH = {"-n", "--dry-run", "--tags", "-d", "--delete", "--all", "--prune"}
_URL = re.compile(r"(?P<scheme>[a-z+]+)://(?:(?P<user>[^/@]*)@)?(?P<host>[^/]+)(?P<path>/.*)?$")
_SCP = re.compile(r"(?:(?P<user>[\w.-]+)@)?(?P<host>[\w.-]+):(?P<path>(?!//)[^:]+)$")
_MOVED = re.compile(
    r"\[(?:remote )?rejected\].*\((?:fetch first|non-fast-forward|"
    r"cannot lock ref|failed to update ref|incorrect old value|stale info)"
)


class Wrapper:
    """One call of git.

    Args:
        config: What the runner fixed for this run: `git` (path of the real one), `job`, `number`,
            `key` (unique for the run), `aliases` (host -> base URL), `record` and `counter`
            (files), `allow_force`, `attempts`.
        arguments: What the script wrote after `git`.
    """

    def __init__(self, config: dict[str, Any], arguments: list[str]) -> None:
        self.config = config
        self.front, self.verb, self.rest = split(arguments)

    def main(self) -> int:  # noqa: RET503  # the last line does not return
        """Does it; returns the exit code."""
        self.rest = [self.rewritten(word) for word in self.rest]
        if self.verb == "commit":
            return self.commit()
        if self.verb == "push":
            return self.push()
        argv = [self.config["git"], *self.front, *([self.verb] if self.verb else []), *self.rest]
        os.execve(argv[0], argv, self.environment())  # noqa: S606  # no shell: it becomes git

    def commit(self) -> int:
        """Commits with the run's trailers."""
        ordinal = self.ordinal()
        mark = "" if ordinal == 1 else f" ({ordinal})"
        trailers = [
            f"--trailer={RUN_TRAILER}: {self.config['job']}/{self.config['number']}{mark}",
            f"--trailer={COMMIT_TRAILER}: {self.config['key']}-{ordinal}",
        ]
        front = [*self.front, "-c", "trailer.ifexists=addIfDifferent"]
        code = self.call([*front, "commit", *trailers, *self.rest])
        if code == 0:
            Path(self.config["counter"]).write_text(str(ordinal), encoding="ascii")
        return code

    def ordinal(self) -> int:
        """Which commit of the run this is, from 1; the same when the run is repeated."""
        counter = Path(self.config["counter"])
        return (int(counter.read_text(encoding="ascii")) if counter.exists() else 0) + 1

    def push(self) -> int:
        """Pushes, again and again while others are faster."""
        if word := forced(self.rest):
            say(f"git push {word} is refused: a branch is never forced from a pipeline")
            return 1
        attempts = int(self.config.get("attempts", ATTEMPTS))
        for attempt in range(1, attempts + 1):
            code, errors = self.call_tee([*self.front, "push", *self.rest])
            if code == 0:
                self.record()
                return 0
            target = self.target()
            if target is None or not _MOVED.search(errors) or attempt == attempts:
                return code
            say(f"the branch moved: putting the commits on top of it (attempt {attempt})")
            if not self.rebase(*target):
                return 1
            time.sleep(0.02 * attempt + (zlib.crc32(self.config["key"].encode()) % 50) / 1000)
        return 1

    def target(self) -> tuple[str, str] | None:
        """(remote, branch) when HEAD is pushed to one branch, else None."""
        remote, specs = push_target(self.rest)
        head = self.output("rev-parse", "HEAD")
        if not specs:
            branch = self.output("symbolic-ref", "--short", "-q", "HEAD")
            remote = remote or self.output("config", f"branch.{branch}.remote") or "origin"
            return (remote, branch) if branch else None
        if len(specs) != 1:
            return None
        source, _, target = specs[0].partition(":")
        if not source or self.output("rev-parse", "-q", "--verify", f"{source}^{{commit}}") != head:
            return None
        branch = target or self.output("symbolic-ref", "--short", "-q", source) or source
        if branch.startswith("refs/") and not branch.startswith("refs/heads/"):
            return None
        return remote or "origin", branch.removeprefix("refs/heads/")

    def rebase(self, remote: str, branch: str) -> bool:
        """Moves HEAD's own commits on top of the remote branch; tells whether it worked."""
        if self.call([*self.front, "fetch", "--quiet", remote, f"refs/heads/{branch}"]) != 0:
            return False
        upstream = self.output("rev-parse", "FETCH_HEAD")
        head = self.output("rev-parse", "HEAD")
        picks = self.missing(upstream, head)
        new = self.replay(upstream, picks) if picks else upstream
        if not new:
            say("the commits conflict with what is there now; nothing was pushed")
            return False
        if not picks:
            say("the commits are upstream already")
        # --keep leaves files that the script changed and did not commit as they are.
        return self.call([*self.front, "reset", "--quiet", "--keep", new]) == 0

    def missing(self, upstream: str, head: str) -> list[str]:
        """Commits of HEAD that the remote lacks by change and by trailer, oldest first."""
        base = self.output("merge-base", upstream, head)
        span = f"{base}..{upstream}" if base else upstream
        form = f"%(trailers:key={COMMIT_TRAILER},valueonly,separator=%x00)"
        there = self.values(form, span) - {""}
        options = ("--reverse", "--no-merges", "--cherry-pick", "--right-only")
        own = self.output("rev-list", *options, f"{upstream}...{head}").split()
        return [commit for commit in own if not there & self.values(form, "-1", commit)]

    def values(self, form: str, *span: str) -> set[str]:
        """Values of a trailer in a span of commits."""
        return set(re.split(r"[\0\n]", self.output("log", f"--format={form}", *span)))

    def replay(self, upstream: str, picks: list[str]) -> str:
        """Applies commits on top of another in a work tree of its own; returns the new head."""
        folder = Path(tempfile.mkdtemp(prefix="replay-", dir=Path(self.config["counter"]).parent))
        place = str(folder / "tree")
        if self.call([*self.front, "worktree", "add", "--quiet", "--detach", place, upstream]) != 0:
            return ""
        try:
            for commit in picks:
                if not self.pick(place, commit):
                    return ""
            return self.text("-C", place, "rev-parse", "HEAD")
        finally:
            self.status(*self.front, "worktree", "remove", "--force", place)
            shutil.rmtree(folder, ignore_errors=True)

    def pick(self, place: str, commit: str) -> bool:
        """Applies one commit in a work tree; one that changes nothing there is left out."""
        inside = ["-C", place]
        who = self.output("log", "-1", "--format=%cn%x00%ce", commit).split("\0")
        name, email = (*who, "", "")[:2]
        identity = ["-c", f"user.name={name}", "-c", f"user.email={email}"]
        if (
            self.call_tee([*inside, *identity, "cherry-pick", "--allow-empty-message", commit])[0]
            == 0
        ):
            return True
        changed = self.status(*inside, "diff", "--cached", "--quiet")
        unmerged = self.text(*inside, "ls-files", "--unmerged")
        if not changed and not unmerged:
            return self.status(*inside, "cherry-pick", "--skip") == 0
        self.status(*inside, "cherry-pick", "--abort")
        return False

    def record(self) -> None:
        """Notes what was pushed for the runner."""
        remote, specs = push_target(self.rest)
        if _NOT_A_BRANCH.intersection(self.rest):
            return
        target = self.target()
        branch = target[1] if target else (specs[-1].rpartition(":")[2] if specs else "")
        name = remote or (target[0] if target else "origin")
        url = (
            name if _URL.match(name) or _SCP.match(name) else self.output("remote", "get-url", name)
        )
        line = {
            "repository": without_login(url),
            "ref": branch if branch.startswith("refs/") else f"refs/heads/{branch}",
            "commit": self.output("rev-parse", "HEAD") if target else "",
        }
        if line["commit"]:
            with Path(self.config["record"]).open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def rewritten(self, word: str) -> str:
        """An argument with its host replaced when it stands for another; logins stay."""
        aliases = self.config.get("aliases") or {}
        match = _URL.match(word) or (_SCP.match(word) if aliases else None)
        if match is None or "/" in (match["host"] or "/"):
            return word
        base = aliases.get(match["host"]) or aliases.get(match["host"].partition(":")[0])
        if not base:
            return word
        scheme, _, place = base.rstrip("/").partition("://")
        login = f"{match['user']}@" if match["user"] and ":" in match["user"] else ""
        return f"{scheme}://{login}{place}/{(match['path'] or '').lstrip('/')}"

    def environment(self) -> dict[str, str]:
        """The script's environment, plus what rewrites stored URLs."""
        env = dict(os.environ)
        env.setdefault("GIT_TERMINAL_PROMPT", "0")
        pairs = [
            (f"url.{base.rstrip('/')}/.insteadOf", prefix)
            for host, base in (self.config.get("aliases") or {}).items()
            for prefix in (
                f"https://{host}/",
                f"http://{host}/",
                f"ssh://git@{host}/",
                f"git@{host}:",
            )
        ]
        count = int(env.get("GIT_CONFIG_COUNT") or 0)
        for key, value in pairs:
            env[f"GIT_CONFIG_KEY_{count}"], env[f"GIT_CONFIG_VALUE_{count}"] = key, value
            count += 1
        env["GIT_CONFIG_COUNT"] = str(count)
        return env

    def call(self, arguments: list[str]) -> int:
        """Runs the real git with our input and output."""
        argv = [self.config["git"], *arguments]
        return subprocess.run(argv, env=self.environment(), check=False).returncode

    def call_tee(self, arguments: list[str]) -> tuple[int, str]:
        """Runs the real git; its messages go through and are returned."""
        env = {**self.environment(), "LC_ALL": "C"}
        process = subprocess.Popen(
            [self.config["git"], *arguments],
            env=env,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        lines: list[str] = []
        for line in process.stderr or ():
            sys.stderr.write(line)
            lines.append(line)
        sys.stderr.flush()
        return process.wait(), "".join(lines)

    def output(self, *arguments: str) -> str:
        """What git answers in this call's repository, empty when it fails."""
        return self.text(*self.front, *arguments)

    def text(self, *arguments: str) -> str:
        """What git answers, empty when it fails."""
        argv = [self.config["git"], *arguments]
        done = subprocess.run(
            argv,
            env=self.environment(),
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    def status(self, *arguments: str) -> int:
        """How git ends; what it says is dropped."""
        argv = [self.config["git"], *arguments]
        return subprocess.run(
            argv, env=self.environment(), check=False, capture_output=True
        ).returncode


def split(arguments: list[str]) -> tuple[list[str], str, list[str]]:
    """Options before the subcommand, the subcommand, and what follows."""
    position = 0
    while position < len(arguments):
        word = arguments[position]
        if word in _TAKES_VALUE:
            position += 2
        elif word.startswith("-"):
            position += 1
        else:
            return arguments[:position], word, arguments[position + 1 :]
    return arguments, "", []


def forced(words: list[str]) -> str:
    """The argument of a push that would overwrite history, or an empty string."""
    literal = False
    for word in words:
        if literal or not word.startswith("-"):
            if word.startswith("+"):
                return word
            continue
        if word == "--":
            literal = True
        name = word.partition("=")[0]
        short = re.fullmatch(r"-[a-zA-Z]+", word) and "f" in word
        if name in _FORCING or name == "--force-with-lease" or short:
            return word
    return ""


def push_target(words: list[str]) -> tuple[str, list[str]]:
    """The remote (empty when not named) and the refspecs of a push."""
    plain: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in _PUSH_VALUES:
            skip = True
        elif not word.startswith("-"):
            plain.append(word)
    return (plain[0], plain[1:]) if plain else ("", [])


def without_login(url: str) -> str:
    """The URL without user and password."""
    match = _URL.match(url)
    if match is None:
        return url
    return f"{match['scheme']}://{match['host']}{match['path'] or ''}"


def say(text: str) -> None:
    """Tells the script's reader."""
    sys.stderr.write(f"towline: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    with Path(sys.argv[1]).open(encoding="utf-8") as stream:
        sys.exit(Wrapper(json.load(stream), sys.argv[2:]).main())
