"""The git child process: environment, bounds, cancellation, errors."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from towline.errors import (
    CommandError,
    DeniedError,
    LimitError,
    NotFoundError,
    SettingsError,
    TransientError,
)
from towline.git import Git, GitCredentials, GitLimits

pytestmark = pytest.mark.asyncio

SECRET = "canary-t0ken"


def script(folder: Path, text: str) -> str:
    path = folder / "git"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


async def test_s32_the_environment_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST_CANARY", "leak")
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    git = Git("inst-7", program=script(tmp_path, "env"))
    shown = (await git.run(["x"])).decode()
    lines = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    assert "HOST_CANARY" not in shown
    assert "GIT_DIR" not in lines
    assert lines["TOWLINE_INSTANCE"] == "inst-7"
    assert lines["GIT_TERMINAL_PROMPT"] == "0"
    assert lines["GIT_ALLOW_PROTOCOL"] == "none"
    assert lines["GIT_CONFIG_GLOBAL"] == "/dev/null"


async def test_s27_credentials_travel_in_the_environment_only(tmp_path: Path) -> None:
    program = script(tmp_path, 'echo "argv: $*"; env; echo "https://u:pw@h/x $GIT_X" >&2; exit 3')
    git = Git("i", program=program)
    url = git.url("https://example.org/o/r.git")
    credentials = GitCredentials(username="u", password=SECRET)
    with pytest.raises(CommandError) as caught:
        await git.run(
            ["fetch", "--end-of-options", str(url)],
            url=url,
            credentials=credentials,
            env={"GIT_X": f"{SECRET} {credentials.authorization}"},
        )
    assert SECRET not in f"{caught.value}{caught.value!r}{caught.value.output}"
    assert "u:pw" not in caught.value.output
    assert credentials.authorization.split()[1] not in caught.value.output
    program = script(tmp_path, "cat /proc/$$/cmdline; echo; env")
    shown = await git.run(["fetch", str(url)], url=url, credentials=credentials)
    argv, _, environment = shown.partition(b"\n")
    assert SECRET.encode() not in argv
    assert credentials.authorization.encode() in environment
    assert b"GIT_ALLOW_PROTOCOL=https\n" in environment
    assert b"http.https://example.org/.extraHeader" in environment


async def gone(pids: list[str]) -> None:
    """Killed is not yet reaped when the machine is busy."""
    async with asyncio.timeout(5):
        while any(Path(f"/proc/{pid}").exists() and not _zombie(pid) for pid in pids):
            await asyncio.sleep(0.01)


async def test_time_out_and_cancellation_kill_the_whole_group(tmp_path: Path) -> None:
    marks = tmp_path / "pids"
    program = script(tmp_path, f"trap '' TERM\nsleep 300 &\necho $$ $! > {marks}\nwait\nwait")
    git = Git("i", program=program)
    with pytest.raises(TransientError, match="took more than"):
        await git.run(["x"], timeout=0.3)
    await gone(marks.read_text().split())
    task = asyncio.create_task(git.run(["x"]))
    marks.unlink()
    while not marks.exists() or not marks.read_text():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone(marks.read_text().split())


def _zombie(pid: str) -> bool:
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True  # gone since we looked


async def test_output_is_bounded(tmp_path: Path) -> None:
    git = Git("i", program=script(tmp_path, "yes"))
    with pytest.raises(LimitError):
        await git.run(["x"], limits=GitLimits(output=100_000))


async def test_a_child_that_does_not_read_its_input_is_no_problem(tmp_path: Path) -> None:
    git = Git("i", program=script(tmp_path, "exit 0"))
    assert await git.run(["x"], stdin=b"x" * 1_000_000) == b""


async def test_a_missing_program_is_named() -> None:
    with pytest.raises(SettingsError, match="no-such-git"):
        await Git("i", program="/no-such-git").run(["version"])


async def test_errors_are_told_apart(tmp_path: Path) -> None:
    git = Git("i")
    closed = git.url("http://127.0.0.1:9/o/r.git")
    with pytest.raises(TransientError):
        await git.run(["ls-remote", "--end-of-options", str(closed)], url=closed)
    subprocess.run(["git", "init", "-q", str(tmp_path / "r")], check=True)
    with pytest.raises(NotFoundError):
        await git.run(["ls-remote", str(tmp_path / "absent")], protocols=("file",))
    with pytest.raises(DeniedError):
        await git.run(["ls-remote", "--", "ext::sh -c id"])
    with pytest.raises(DeniedError):
        await git.run(["ls-remote", str(tmp_path / "r")])
    with pytest.raises(CommandError) as caught:
        await git.run(["rev-parse", "--verify", "nope"], cwd=tmp_path / "r")
    assert caught.value.exit_code == 128


async def test_ssh_keys_are_private_files_for_the_time_of_the_call(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        "set -- $GIT_SSH_COMMAND\nwhile [ $# -gt 1 ]; do shift; done\n"
        "cat $1\nstat -c %a $1\necho $1",
    )
    git = Git("i", program=program)
    url = git.url("git@example.org:o/r.git")
    shown = await git.run(["x"], url=url, credentials=GitCredentials(ssh_private_key="KEY TEXT"))
    text, mode, name = shown.decode().splitlines()
    assert (text, mode) == ("KEY TEXT", "600")
    assert not Path(name).exists()
