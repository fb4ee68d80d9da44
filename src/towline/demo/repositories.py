"""The repositories of the story: made from `examples/`, pushed with plain git."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from towline.errors import CommandError


class Repository:
    """A work tree with a remote on the local forge."""

    def __init__(self, folder: Path, remote: str, token: str) -> None:
        self.folder = folder
        self.remote = remote
        self._token = token

    async def create(self, source: Path) -> None:
        """Fills the work tree with a copy of a folder; nothing is committed yet."""
        if self.folder.exists():
            shutil.rmtree(self.folder)
        shutil.copytree(source, self.folder)
        await self._git("init", "--quiet", "--initial-branch", "main")
        await self._git("remote", "add", "origin", self.remote)

    async def commit(self, message: str) -> str:
        """Commits everything; returns the commit id."""
        await self._git("add", "--all")
        await self._git("commit", "--quiet", "--message", message)
        return (await self._git("rev-parse", "HEAD")).strip()

    async def push(self) -> None:
        """Pushes main."""
        await self._git("push", "--quiet", "origin", "main")

    async def _git(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            "git",
            *arguments,
            cwd=self.folder,
            env=self._environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        if process.returncode:
            raise CommandError(
                f"git {arguments[0]} failed: {err.decode(errors='replace').strip()}",
                exit_code=process.returncode,
            )
        return out.decode()

    def _environment(self) -> dict[str, str]:
        # The token travels in the environment: an argument could be read by every local user.
        parts = urlsplit(self.remote)
        basic = base64.b64encode(f"admin:{self._token}".encode()).decode()
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": "Dana Developer",
            "GIT_AUTHOR_EMAIL": "dana@example.com",
            "GIT_COMMITTER_NAME": "Dana Developer",
            "GIT_COMMITTER_EMAIL": "dana@example.com",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{parts.scheme}://{parts.netloc}/.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
        }
