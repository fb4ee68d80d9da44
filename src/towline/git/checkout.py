"""Fills a pipeline workspace from a mirror: real files, no hooks, no submodules, no secrets."""

from __future__ import annotations

from pathlib import Path

from towline.errors import ConflictError, InputError
from towline.git.command import Git
from towline.git.refs import checked_branch, is_sha


async def checkout_workspace(
    git: Git, mirror: Path, destination: Path, *, commit: str, origin: str, local_branch: str = ""
) -> None:
    """Creates a work tree at a commit that the mirror has.

    Args:
        git: The git program.
        mirror: Path of the bare repository with the objects and refs.
        destination: An empty or absent directory.
        commit: Full id of the commit.
        origin: URL for the remote `origin`, free of credentials.
        local_branch: Branch to be on; empty for a detached HEAD.

    Raises:
        ConflictError: The destination is not empty.
        InputError: The commit or branch name is malformed.
        TowlineError: Git failed.
    """
    if not is_sha(commit):
        raise InputError(f"not a full commit id: {commit[:80]!r}")
    if local_branch:
        checked_branch(local_branch)
    if destination.is_symlink() or (destination.exists() and any(destination.iterdir())):
        raise ConflictError(f"the workspace is not empty: {destination.name}")
    destination.mkdir(parents=True, exist_ok=True)
    await git.run(["init", "--quiet", "--template=", "--", str(destination)])
    await _fetch(git, mirror, destination, commit)
    _configure(destination, origin)
    target = ["-B", local_branch, commit] if local_branch else ["--detach", commit]
    await git.run(["checkout", "--quiet", "--force", *target, "--"], cwd=destination)


async def _fetch(git: Git, mirror: Path, destination: Path, commit: str) -> None:
    await git.run(
        [
            "fetch",
            "--quiet",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--end-of-options",
            str(mirror),
            commit,
            "+refs/heads/*:refs/remotes/origin/*",
            "+refs/tags/*:refs/tags/*",
        ],
        cwd=destination,
        protocols=("file",),
        # The mirror is ours and was checked when it was filled; the sender may serve any commit.
        config={"transfer.fsckObjects": "false", "uploadpack.allowAnySHA1InWant": "true"},
        timeout=300,
    )


def _configure(destination: Path, origin: str) -> None:
    """Adds the remote by hand: one write instead of two processes."""
    quoted = origin.replace("\\", "\\\\").replace('"', '\\"')
    with (destination / ".git" / "config").open("a") as file:
        file.write(
            f'[remote "origin"]\n\turl = "{quoted}"\n'
            "\tfetch = +refs/heads/*:refs/remotes/origin/*\n"
        )
