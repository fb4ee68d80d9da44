"""The checkout step."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from towline.controllers.run.credentials import Credentials
from towline.controllers.run.ports import GitPort
from towline.controllers.run.scope import RunScope
from towline.errors import CommandError
from towline.git.credentials import GitCredentials
from towline.pipeline.commands import CheckedOut, Checkout, StepContext
from towline.sandbox import process


class Checkouts:
    """Puts revisions into the workspace of one run.

    Args:
        scope: The run; its commit is fixed.
        git: Repositories.
        credentials: Opens logins.
    """

    def __init__(self, scope: RunScope, git: GitPort, credentials: Credentials) -> None:
        self._scope = scope
        self._git = git
        self._credentials = credentials

    async def run(self, command: Checkout, context: StepContext) -> CheckedOut:
        """Checks out what is asked, or what the run was started for.

        Raises:
            TowlineError: The repository, revision or login does not work.
        """
        source = self._scope.spec.source
        own = not command.url
        url = command.url or source.repo_url
        credentials_id = command.credentials_id or (source.credentials_id if own else "")
        credentials = await self._credentials.git(credentials_id)
        if credentials is not None:
            self._scope.log.add_secrets(credentials.secrets)
        if own and not command.revision:
            commit, branch = self._scope.run.commit, self._scope.run.ref
        else:
            branch = command.revision
            commit = await self._git.resolve(url, command.revision or "HEAD")
        place = self._scope.workspace.inside(context.cwd)
        await self._place(url, commit, place, command.local_branch, credentials)
        info = await self._git.commit_info(url, commit)
        subject = info.message.partition("\n")[0]
        self._scope.log.line(f"Checked out {commit} from {url}\nCommit message: {subject!r}")
        return CheckedOut(
            url=url,
            commit=commit,
            branch=branch.removeprefix("refs/heads/").removeprefix("*/"),
            author_name=info.author,
            author_email=info.email,
            message=info.message,
        )

    async def _place(
        self,
        url: str,
        commit: str,
        place: Path,
        local_branch: str,
        credentials: GitCredentials | None,
    ) -> None:
        place.mkdir(parents=True, exist_ok=True)
        if not any(place.iterdir()):
            await self._git.checkout(
                url, commit, place, local_branch=local_branch, credentials=credentials
            )
            return
        # Files that are there stay, as with Jenkins: only the repository is exchanged.
        fresh = self._scope.workspace.temporary / "checkout"
        await self._git.checkout(
            url, commit, fresh, local_branch=local_branch, credentials=credentials
        )
        await asyncio.to_thread(_exchange, fresh, place)
        done = await process.run(
            ["git", "reset", "--quiet", "--hard"],
            env={"HOME": str(self._scope.workspace.home), "GIT_CONFIG_NOSYSTEM": "1"},
            cwd=place,
            instance=self._scope.instance,
            timeout=600,
        )
        if done.exit_code != 0:
            output = done.stderr.decode(errors="replace").strip()
            raise CommandError(f"checkout failed: {output[-300:]}", exit_code=done.exit_code)


def _exchange(fresh: Path, place: Path) -> None:
    shutil.rmtree(place / ".git", ignore_errors=True)
    (fresh / ".git").rename(place / ".git")
    shutil.rmtree(fresh)
