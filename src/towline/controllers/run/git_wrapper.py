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
from typing import Any, NamedTuple

RUN_TRAILER = "Towline-Run"
COMMIT_TRAILER = "Towline-Commit"
ATTEMPTS = 10
PATIENCE = 10.0

_TAKES_VALUE = {"-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path"}
_PUSH_VALUES = {"--repo", "-o", "--push-option", "--receive-pack", "--exec"}
_FORCING = {"-f", "--force", "--mirror", "--force-if-includes"}
_NOT_A_BRANCH = {"-n", "--dry-run", "--tags", "-d", "--delete", "--all", "--prune"}
_NEVER_AGAIN = {"-n", "--dry-run", "-d", "--delete", "--prune"}
_TRACKING = {"-u", "--set-upstream"}
_AT_ONCE = 5
_LEAN_FETCH = (
    *("-c", "maintenance.auto=false", "-c", "fetch.writeCommitGraph=false", "fetch"),
    *("--quiet", "--no-tags", "--no-recurse-submodules"),
)
_NOBODY = ("-c", "user.name=towline", "-c", "user.email=towline@towline.invalid")
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
        front, self.verb, self.rest = split(arguments)
        self.git = Program(config["git"], front, config.get("aliases") or {})
        self.folder = Path(config["counter"]).parent

    def main(self) -> int:  # noqa: RET503  # the last line does not return
        """Does it; returns the exit code."""
        self.rest = [self.rewritten(word) for word in self.rest]
        if self.verb == "commit":
            return self.commit()
        if self.verb == "push":
            return self.push()
        argv = self.git.argv(*([self.verb] if self.verb else []), *self.rest)
        os.execve(argv[0], argv, self.git.environment())  # noqa: S606  # no shell: it becomes git

    def commit(self) -> int:
        """Commits with the run's trailers."""
        ordinal = self.ordinal()
        mark = "" if ordinal == 1 else f" ({ordinal})"
        trailers = [
            f"--trailer={RUN_TRAILER}: {self.config['job']}/{self.config['number']}{mark}",
            f"--trailer={COMMIT_TRAILER}: {self.config['key']}-{ordinal}",
        ]
        add = ("-c", "trailer.ifexists=addIfDifferent")
        code = self.git.call(*add, "commit", *trailers, *self.rest)
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
        code, errors = self.git.call_tee("push", *self.rest)
        if code == 0:
            self.record(self.target())
            return 0
        again = _MOVED.search(errors) and not _NEVER_AGAIN.intersection(self.rest)
        target = self.target() if again else None
        return self.push_on_top(*target) if target else code

    def push_on_top(self, remote: str, branch: str) -> int:
        """Puts HEAD's own commits on top of the remote branch until a push of them arrives.

        Between the fetch and the push lies only what cannot be known before: the moment in which
        somebody else can be faster is what decides on a busy branch. HEAD and the work tree follow
        after the push.
        """
        replay = Replay(self.git, self.git.output("rev-parse", "HEAD"), self.folder)
        fetched = Path(self.git.output("rev-parse", "--absolute-git-dir"), "FETCH_HEAD")
        options = push_options(self.rest)
        started, attempt = time.monotonic(), 1
        while True:
            if self.git.call(*_LEAN_FETCH, remote, f"refs/heads/{branch}") != 0:
                return 1
            upstream = fetched.read_text(encoding="utf-8").split()[0]
            if not (new := replay.onto(upstream)):
                say("the commits conflict with what is there now; nothing was pushed")
                return 1
            if new == upstream:
                say("the commits are upstream already")
                return self.follow(new, (remote, branch), replay.found or new)
            say(f"the branch moved: pushing the commits on top of it (attempt {attempt})")
            spec = f"{new}:refs/heads/{branch}"
            code, errors = self.git.call_tee("push", *options, remote, spec, quiet=True)
            attempt += 1
            if code == 0:
                self.track(remote, branch)
                return self.follow(new, (remote, branch), new)
            if not _MOVED.search(errors) or self.gives_up(attempt, started):
                sys.stderr.write(errors)
                return code
            time.sleep(pause(attempt, self.config["key"]))

    def gives_up(self, attempt: int, started: float) -> bool:
        """Whether both the attempts and the time for them are used up."""
        attempts = int(self.config.get("attempts", ATTEMPTS))
        patience = float(self.config.get("patience", PATIENCE))
        return attempt > attempts and time.monotonic() - started > patience

    def follow(self, head: str, target: tuple[str, str], pushed: str) -> int:
        """Moves HEAD to what the branch is now, and notes what was pushed."""
        # --keep leaves files that the script changed and did not commit as they are.
        if self.git.call("reset", "--quiet", "--keep", head) != 0:
            say("the work tree stays as it is: it has changes in files that others changed too")
        self.record(target, pushed)
        return 0

    def track(self, remote: str, branch: str) -> None:
        """What `push --set-upstream` does, for a push that had to name a commit."""
        local = self.git.output("symbolic-ref", "--short", "-q", "HEAD")
        if local and _TRACKING.intersection(self.rest):
            self.git.call("config", f"branch.{local}.remote", remote)
            self.git.call("config", f"branch.{local}.merge", f"refs/heads/{branch}")

    def target(self) -> tuple[str, str] | None:
        """(remote, branch) when HEAD is pushed to one branch, else None."""
        remote, specs = push_target(self.rest)
        head = self.git.output("rev-parse", "HEAD")
        if not specs:
            branch = self.git.output("symbolic-ref", "--short", "-q", "HEAD")
            remote = remote or self.git.output("config", f"branch.{branch}.remote") or "origin"
            return (remote, branch) if branch else None
        if len(specs) != 1:
            return None
        source, _, target = specs[0].partition(":")
        if (
            not source
            or self.git.output("rev-parse", "-q", "--verify", f"{source}^{{commit}}") != head
        ):
            return None
        branch = target or self.git.output("symbolic-ref", "--short", "-q", source) or source
        if branch.startswith("refs/") and not branch.startswith("refs/heads/"):
            return None
        return remote or "origin", branch.removeprefix("refs/heads/")

    def record(self, target: tuple[str, str] | None, commit: str = "") -> None:
        """Notes for the runner that a commit (HEAD by default) was pushed to (remote, branch)."""
        if target is None or _NOT_A_BRANCH.intersection(self.rest):
            return
        remote, branch = target
        named = _URL.match(remote) or _SCP.match(remote)
        url = remote if named else self.git.output("remote", "get-url", remote)
        line = {
            "repository": without_login(url),
            "ref": f"refs/heads/{branch}",
            "commit": commit or self.git.output("rev-parse", "HEAD"),
        }
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


class Program:
    """The real git, run in the repository of this call.

    Args:
        path: Where it is.
        front: Options that the script wrote before the subcommand.
        aliases: Hosts that stand for others, with their base URLs.
    """

    def __init__(self, path: str, front: list[str], aliases: dict[str, str]) -> None:
        self.path = path
        self.front = front
        self.aliases = aliases

    def argv(self, *arguments: str) -> list[str]:
        """The whole command line."""
        return [self.path, *self.front, *arguments]

    def environment(self) -> dict[str, str]:
        """The script's environment, plus what rewrites stored URLs."""
        env = dict(os.environ)
        env.setdefault("GIT_TERMINAL_PROMPT", "0")
        pairs = [
            (f"url.{base.rstrip('/')}/.insteadOf", prefix)
            for host, base in self.aliases.items()
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

    def call(self, *arguments: str) -> int:
        """Runs it with our input and output."""
        argv = self.argv(*arguments)
        return subprocess.run(argv, env=self.environment(), check=False).returncode

    def call_tee(self, *arguments: str, quiet: bool = False) -> tuple[int, str]:
        """Runs it; its messages go through (if quiet, only when it works) and are returned."""
        env = {**self.environment(), "LC_ALL": "C"}
        process = subprocess.Popen(
            self.argv(*arguments), env=env, stderr=subprocess.PIPE, text=True, errors="replace"
        )
        lines: list[str] = []
        for line in process.stderr or ():
            lines.append(line)
            if not quiet:
                sys.stderr.write(line)
        code, text = process.wait(), "".join(lines)
        if quiet and code == 0:
            sys.stderr.write(text)
        sys.stderr.flush()
        return code, text

    def ask(self, *arguments: str, stdin: bytes = b"") -> tuple[int, bytes]:
        """How it ends and what it answers; what it says besides is dropped."""
        done = subprocess.run(
            self.argv(*arguments),
            env={**self.environment(), "LC_ALL": "C"},
            check=False,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        return done.returncode, done.stdout

    def output(self, *arguments: str, stdin: bytes = b"") -> str:
        """What it answers, empty when it fails."""
        code, answer = self.ask(*arguments, stdin=stdin)
        return answer.decode("utf-8", "replace").strip() if code == 0 else ""


class NeedsWorkTreeError(Exception):
    """This git, or this commit, needs a work tree for a cherry-pick."""


class Commit(NamedTuple):
    """One line of the comparison of two histories.

    Attributes:
        side: `<` only upstream, `>` only ours, `=` on both sides by its change, `-` common.
        id: The commit.
        parents: Ids, separated by spaces.
        tree: Its tree.
        trailers: Values of the trailers that tell commits of runs apart.
    """

    side: str
    id: str
    parents: str
    tree: str
    trailers: frozenset[str]


class Replay:
    """The commits that HEAD has and a branch lacks, put on top of that branch.

    Args:
        git: The program.
        head: The commit whose history is put on top.
        folder: Where a work tree may be made.

    Attributes:
        found: The newest commit of the branch that is one of HEAD's by trailer, or empty.
    """

    def __init__(self, git: Program, head: str, folder: Path) -> None:
        self.git = git
        self.head = head
        self.folder = folder
        self.found = ""
        self._objects: dict[str, bytes] = {}

    def onto(self, upstream: str) -> str:
        """The new head on top of a commit; that commit itself when nothing is left to add.

        Returns:
            Its id, empty when there are conflicts.
        """
        commits = self.compared(upstream)
        there = frozenset[str]().union(*(c.trailers for c in commits if c.side in "<="))
        own = [c for c in commits if c.side == ">" and " " not in c.parents]
        mine = frozenset[str]().union(*(c.trailers for c in own)) & there
        found = (c.id for c in reversed(commits) if c.side == "<" and c.trailers & mine)
        self.found = next(found, "")
        picks = [c for c in own if not c.trailers & there]
        try:
            return self.merged(upstream, picks, commits)
        except NeedsWorkTreeError:
            return self.in_work_tree(upstream, picks)

    def compared(self, upstream: str) -> list[Commit]:
        """What the branch and HEAD do not share, oldest first, and where they parted."""
        trailers = f"%(trailers:key={COMMIT_TRAILER},valueonly,unfold,separator=%x00)"
        form = f"--format=%m%x00%H%x00%P%x00%T%x00{trailers}"
        marks = ("--topo-order", "--reverse", "--cherry-mark", "--left-right", "--boundary")
        span = f"{upstream}...{self.head}"
        lines = self.git.output("log", "--no-show-signature", *marks, form, span).split("\n")
        rows = (line.split("\0") for line in lines if line)
        return [
            Commit(side, name, parents, tree, frozenset(trailers) - {""})
            for side, name, parents, tree, *trailers in rows
        ]

    def merged(self, upstream: str, picks: list[Commit], commits: list[Commit]) -> str:
        """Applies commits without a work tree: that takes a tenth of the time.

        Raises:
            NeedsWorkTreeError: It cannot be done here.
        """
        new = upstream
        tree = next((c.tree for c in commits if c.id == upstream), "")
        shared = {c.id for c in commits if c.side == "-"}
        for commit in picks:
            below = tree or self.git.output("rev-parse", f"{upstream}^{{tree}}")
            # Merged with what it was written on as the base, as a cherry-pick does: where that is
            # not in the history already, a commit that is pushed nowhere puts it there.
            onto = (
                new
                if commit.parents in shared and new == upstream
                else self.stand_in(below, commit)
            )
            if not (tree := self.merge(onto, commit.id)):
                return ""
            if tree != below:
                new = self.written(commit.id, tree, new)
        return new

    def stand_in(self, tree: str, commit: Commit) -> str:
        """A commit with a tree and another one's parent.

        Raises:
            NeedsWorkTreeError: That one is the first of its history.
        """
        if not commit.parents:
            raise NeedsWorkTreeError
        return self.git.output(*_NOBODY, "commit-tree", tree, "-p", commit.parents, "-m", "-")

    def merge(self, onto: str, commit: str) -> str:
        """The tree of two commits merged, empty when they conflict.

        Raises:
            NeedsWorkTreeError: This git cannot do it.
        """
        code, answer = self.git.ask("merge-tree", "--write-tree", onto, commit)
        if code not in {0, 1}:
            raise NeedsWorkTreeError
        lines = answer.decode("utf-8", "replace").splitlines()
        for line in lines:
            if line.startswith("CONFLICT"):
                say(line)
        return "" if code else lines[0]

    def written(self, commit: str, tree: str, parent: str) -> str:
        """Writes a commit as another one with this tree, this parent and the present time.

        Raises:
            NeedsWorkTreeError: It is signed, which a cherry-pick does anew, or it is malformed.
        """
        if commit not in self._objects:
            self._objects[commit] = self.git.ask("cat-file", "commit", commit)[1]
        head, _, message = self._objects[commit].partition(b"\n\n")
        lines = [f"tree {tree}".encode(), f"parent {parent}".encode()]
        for line in head.split(b"\n"):
            if line.startswith((b"gpgsig", b"mergetag")):
                raise NeedsWorkTreeError
            if line.startswith(b"committer "):
                lines.append(line.rpartition(b"> ")[0] + b"> %d +0000" % time.time())
            elif not line.startswith((b"tree ", b"parent ")):
                lines.append(line)
        stdin = b"\n".join(lines) + b"\n\n" + message
        new = self.git.output("hash-object", "-t", "commit", "-w", "--stdin", stdin=stdin)
        if not new:
            raise NeedsWorkTreeError
        return new

    def in_work_tree(self, upstream: str, picks: list[Commit]) -> str:
        """Applies commits in a work tree of its own."""
        folder = Path(tempfile.mkdtemp(prefix="replay-", dir=self.folder))
        place = str(folder / "tree")
        if self.git.call("worktree", "add", "--quiet", "--detach", place, upstream) != 0:
            return ""
        inside = Program(self.git.path, ["-C", place], self.git.aliases)
        try:
            done = all(pick(inside, commit.id) for commit in picks)
            return inside.output("rev-parse", "HEAD") if done else ""
        finally:
            self.git.ask("worktree", "remove", "--force", place)
            shutil.rmtree(folder, ignore_errors=True)


def pick(git: Program, commit: str) -> bool:
    """Applies one commit in a work tree; one that changes nothing there is left out."""
    who = git.output("log", "-1", "--format=%cn%x00%ce", commit).split("\0")
    name, email = (*who, "", "")[:2]
    identity = ("-c", f"user.name={name}", "-c", f"user.email={email}")
    if git.call_tee(*identity, "cherry-pick", "--allow-empty-message", commit)[0] == 0:
        return True
    changed = git.ask("diff", "--cached", "--quiet")[0]
    if not changed and not git.output("ls-files", "--unmerged"):
        return git.ask("cherry-pick", "--skip")[0] == 0
    git.ask("cherry-pick", "--abort")
    return False


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


def push_options(words: list[str]) -> list[str]:
    """The options of a push, without the remote and the refspecs."""
    options: list[str] = []
    takes = False
    for word in words:
        if takes or (word.startswith("-") and word not in {"--", "--all"}):
            options.append(word)
        takes = not takes and word in _PUSH_VALUES
    return options


def pause(attempt: int, key: str) -> float:
    """Seconds to wait before an attempt: none at first, then a little, differing between runs."""
    if attempt <= _AT_ONCE:
        return 0.0
    return zlib.crc32(f"{key}-{attempt}".encode()) % 50 / 1000


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
