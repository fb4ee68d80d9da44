"""Builds the local forge."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from towline.forge.local import LocalForge
from towline.git.command import Git
from towline.git.server.app import GitServer
from towline.git.server.repositories import Repositories
from towline.git.server.tokens import TokenBook
from towline.store import Store

_READER = "towline-engine"


class ForgeParts:
    """The local forge and what opens it.

    Attributes:
        app: The ASGI application; its `run` delivers webhooks.
        token: Opens every repository for reading; the engine needs no more.
        token_file: Where people find it.
        base_url: Where repositories are served.
    """

    def __init__(
        self,
        folder: Path,
        git: Git,
        store: Store,
        session: aiohttp.ClientSession,
        *,
        token_file: Path,
        hook_url: str,
        base_url: str,
    ) -> None:
        repositories = Repositories(folder / "repositories")
        tokens = TokenBook(token_file, folder / "tokens.json")
        server = GitServer(repositories, git, tokens)
        self.token_file = token_file
        tokens.delete_token(_READER)
        self.token = tokens.create_token(_READER, ["*"], write=False)
        self.base_url = base_url
        self.app = LocalForge(
            server,
            repositories,
            store.forge_heads,
            store.hooks,
            session=session,
            hook_url=hook_url,
            base_url=base_url,
        )
