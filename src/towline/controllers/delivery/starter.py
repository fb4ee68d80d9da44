"""Starts a run for the present head of a branch, at most once per commit."""

from __future__ import annotations

from towline.controllers.run.git_wrapper import RUN_TRAILER
from towline.controllers.run.parameters import complete
from towline.controllers.run.pipelines import key_of
from towline.controllers.run.ports import GitPort
from towline.pipeline.model import PipelineSpec
from towline.store import NewRun, Store


class Starter:
    """Decides whether a head is news for a pipeline.

    Args:
        store: Remembers what was started.
        git: Reads commits.
    """

    def __init__(self, store: Store, git: GitPort) -> None:
        self._store = store
        self._git = git

    async def start(
        self,
        spec: PipelineSpec,
        ref: str,
        head: str,
        *,
        trigger: str,
        cause: str,
        delivery: int | None = None,
    ) -> str:
        """Queues a run for the head of a ref, unless there is one.

        Returns:
            What came of it, for people.

        Raises:
            TowlineError: The commit cannot be read.
        """
        place = f"head:{spec.uid or key_of(spec)}:{ref}"
        if await self._store.kv.get(place) == head.encode():
            return f"{spec.job_name}: {head[:7]} was seen before"
        if await self._own(spec, head):
            await self._store.kv.put(place, head.encode())
            return f"{spec.job_name}: {head[:7]} is its own commit"
        parameters, _ = complete(spec, {})
        run = await self._store.runs.create(
            NewRun(
                pipeline=key_of(spec),
                job=spec.job_name,
                trigger=trigger,
                ref=ref,
                commit=head,
                parameters=parameters,
                key=f"push:{key_of(spec)}:{ref}:{head}",
                delivery=delivery,
                cause=cause,
            )
        )
        await self._store.kv.put(place, head.encode())
        return f"{spec.job_name} #{run.number}"

    async def _own(self, spec: PipelineSpec, head: str) -> bool:
        """Whether this very pipeline made the commit: it must not start itself for ever."""
        info = await self._git.commit_info(spec.source.repo_url, head)
        return any(
            name == RUN_TRAILER and value.startswith(f"{spec.job_name}/")
            for name, value in info.trailers
        )
