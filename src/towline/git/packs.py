"""Writes a pack that arrives from the network into a repository, checked before it counts."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from towline.aio.pipes import hand_over
from towline.errors import InputError, LimitError, TransientError
from towline.git.command import Git, GitLimits, drain, spawn
from towline.git.failures import redact

# Old faults of real histories that harm nobody; everything else that fsck finds is refused.
_TOLERATED = ",".join(
    f"{fault}=ignore"
    for fault in (
        "zeroPaddedFilemode",
        "missingSpaceBeforeDate",
        "missingSpaceBeforeEmail",
        "badTimezone",
        "missingTaggerEntry",
        "missingNameBeforeEmail",
        "badDate",
        "badEmail",
    )
)


# What index-pack says when the pack builds on objects that should be here and are not.
_LACKING = ("unresolved delta", "did not receive expected object")


class IncompletePackError(TransientError):
    """The pack builds on objects that are not here, though they were said to be."""


class PackWriter:
    """Feeds one (thin) pack to `git index-pack`; used as a context manager.

    Args:
        git: The git program's environment.
        repository: Path of the bare repository.
        limits: Bounds of the child.
    """

    def __init__(self, git: Git, repository: str, limits: GitLimits) -> None:
        self._git = git
        self._repository = repository
        self._limits = limits
        self._stack = contextlib.AsyncExitStack()
        self._child: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        argv = ["git", "index-pack", "--stdin", "--fix-thin", f"--strict={_TOLERATED}"]
        self._child = await self._stack.enter_async_context(
            spawn(
                argv,
                env=self._git.environment(config={"core.fsync": "none", "pack.threads": "1"}),
                cwd=self._repository,
                limits=self._limits,
            )
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def write(self, data: bytes) -> None:
        """Hands over a piece of the pack.

        Raises:
            LimitError: The child ended early: the pack was refused.
        """
        stdin = self._running.stdin
        if stdin is None:
            raise RuntimeError("the child was started without pipes")
        if not await hand_over(stdin, data):
            await self.finish()

    async def finish(self) -> None:
        """Waits until the pack is in place.

        Raises:
            InputError: The pack holds objects that fsck refuses.
            IncompletePackError: Objects that the pack builds on are missing.
            TransientError: The pack is damaged.
            LimitError: The child was killed by one of its bounds.
        """
        child = self._running
        if child.stdin is None or child.stdout is None or child.stderr is None:
            raise RuntimeError("the child was started without pipes")
        child.stdin.close()
        async with asyncio.TaskGroup() as group:
            group.create_task(drain(child.stdout))
            errors = group.create_task(drain(child.stderr))
        code = await child.wait()
        if code < 0:
            raise LimitError(f"the repository's pack exceeds the bounds (signal {-code})")
        if code:
            words = " ".join(redact(errors.result().decode("utf-8", "replace")).split())[-500:]
            if "fsck" in words:
                raise InputError(f"the repository holds objects that git refuses: {words}")
            lacking = any(mark in words for mark in _LACKING)
            kind = IncompletePackError if lacking else TransientError
            raise kind(f"the repository's pack is damaged: {words}")

    @property
    def _running(self) -> asyncio.subprocess.Process:
        if self._child is None:
            raise RuntimeError("the pack writer is not open")
        return self._child
