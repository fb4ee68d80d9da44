"""A real git server on loopback, and a real git client that acts as a person."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
import uvicorn

from towline.git import Git, GitCredentials, Mirrors
from towline.git.server import GitServer, Repositories, ServerSettings, TokenBook


class Person:
    """Somebody with a work tree and the git program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def git(self, *args: str, check: bool = True, cwd: Path | None = None) -> str:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ann",
            "GIT_AUTHOR_EMAIL": "ann@example.org",
            "GIT_COMMITTER_NAME": "Ann",
            "GIT_COMMITTER_EMAIL": "ann@example.org",
            "GIT_TERMINAL_PROMPT": "0",
        }
        child = await asyncio.create_subprocess_exec(
            "git",
            *args,
            cwd=cwd or self.folder,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await child.communicate()
        if check and child.returncode:
            raise AssertionError(f"git {args} failed: {err.decode()}")
        return (out if check else out + err).decode().strip()

    async def init(self) -> None:
        self.folder.mkdir(exist_ok=True)
        await self.git("init", "-q", "-b", "main")

    async def commit(self, files: dict[str, str], message: str = "change") -> str:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        await self.git("add", "-A")
        await self.git("commit", "-q", "-m", message)
        return await self.git("rev-parse", "HEAD")


class Site:
    """A served root directory."""

    def __init__(self, root: Path, server: GitServer, tokens: TokenBook, port: int) -> None:
        self.root = root
        self.server = server
        self.tokens = tokens
        self.port = port

    def url(self, name: str, *, login: str = "") -> str:
        return f"http://{login + '@' if login else ''}127.0.0.1:{self.port}/{name}.git"

    @property
    def login(self) -> str:
        return f"ann:{self.tokens.admin_token}"

    async def credentials(self, _url: str) -> GitCredentials:
        return GitCredentials(username="towline", password=self.tokens.admin_token)


def listening_socket() -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    return listener


async def serve(app: object, listener: socket.socket) -> tuple[uvicorn.Server, asyncio.Task[None]]:
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        lifespan="off",
        log_level="error",
        ws="none",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.002)
    return server, task


@pytest_asyncio.fixture
async def git() -> Git:
    return Git("test-instance")


@pytest_asyncio.fixture
async def site(tmp_path: Path, git: Git) -> AsyncIterator[Site]:
    tokens = TokenBook(tmp_path / "forge-token", tmp_path / "tokens.json")
    repositories = Repositories(tmp_path / "served")
    app = GitServer(repositories, git, tokens, ServerSettings(push_limit=4 << 20))
    listener = listening_socket()
    server, task = await serve(app, listener)
    yield Site(tmp_path / "served", app, tokens, listener.getsockname()[1])
    server.should_exit = True
    await task
    listener.close()


@pytest_asyncio.fixture
async def mirrors(tmp_path: Path, git: Git, site: Site) -> AsyncIterator[Mirrors]:
    made = Mirrors(tmp_path / "mirrors", git, site.credentials)
    yield made
    await made.close()


@pytest_asyncio.fixture
async def ann(tmp_path: Path) -> Person:
    person = Person(tmp_path / "ann")
    await person.init()
    return person
