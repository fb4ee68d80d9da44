"""Deliveries for the web: rows of the store, joined by the pure `lineage` package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from towline.forge.events import PushEvent
from towline.lineage.delivery import Delivery, ImageFact, MarkFact, RunFact, join
from towline.store import Mark, Run, Store

APPLICATION_MARK = "application"


class DeliveryViews:
    """Implements `web.ports.Deliveries` over the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def recent(self, limit: int) -> list[Delivery]:
        """The latest deliveries, newest first; one that a newer one overtook says so."""
        # Runs that others start are joined to their parents, so more rows than deliveries are read.
        runs = await self._store.runs.list(limit=limit * 4)
        return _overtaken([await self._delivery(run, runs) for run in _leading(runs)[:limit]])

    async def get(self, commit: str) -> Delivery | None:
        """By commit id, or by its first characters."""
        runs = await self._store.runs.list(limit=200)
        for run in _leading(runs):
            if run.commit.startswith(commit):
                return await self._delivery(run, runs)
        return None

    async def _delivery(self, run: Run, runs: Sequence[Run]) -> Delivery:
        store = self._store
        family = [run, *(child for child in runs if child.parent_run == run.id)]
        commits = [made for member in family for made in await store.commits.of(member.id)]
        manifest = commits[-1].commit if commits else ""
        of_manifest = (await store.lineage.of(manifest)).marks if manifest else {}
        application = of_manifest.get(APPLICATION_MARK)
        return join(
            await self._run_fact(run),
            marks=_facts((await store.lineage.of(run.commit)).marks),
            images=[
                ImageFact(reference=image.reference, digest=image.digest)
                for image in await store.images.of(run.id)
            ],
            manifest_commit=manifest,
            manifest_marks=_facts(of_manifest),
            application=application.detail if application else "",
            downstream_failure=await self._downstream_failure(family[1:], commits != []),
        )

    async def _run_fact(self, run: Run) -> RunFact:
        repository = message = ""
        if run.delivery is not None:
            delivery = await self._store.deliveries.get(run.delivery)
            if delivery is not None:
                event = msgspec.json.decode(delivery.event, type=PushEvent)
                repository, message = event.full_name, event.message
        return RunFact(
            id=run.id,
            pipeline=run.pipeline,
            job=run.job,
            number=run.number,
            state=run.state,
            result=run.result,
            error=run.error,
            commit=run.commit,
            repository=repository,
            message=message,
        )

    async def _downstream_failure(self, children: Sequence[Run], committed: bool) -> str:
        """Why a run that was started from here made no commit.

        A stage can fail in a run that succeeds (`catchError`): then the stage says why.
        """
        for child in children:
            if child.state != "finished" or committed:
                continue
            if child.result != "SUCCESS":
                return child.error or f"{child.job} #{child.number} ended with {child.result}"
            for stage in await self._store.stages.of(child.id):
                if stage.status == "failure":
                    return f"{child.job} #{child.number}, stage {stage.name}: {stage.message}"
        return ""


def _leading(runs: Sequence[Run]) -> list[Run]:
    """Runs that no other run started; a commit that was built again counts by its last run."""
    found: dict[tuple[str, str], Run] = {}
    for run in runs:
        if run.commit and not run.parent_run:
            found.setdefault((run.pipeline, run.commit), run)
    return list(found.values())


def _facts(marks: Mapping[str, Mark]) -> dict[str, MarkFact]:
    return {
        name: MarkFact(name=name, at=mark.at, detail=mark.detail) for name, mark in marks.items()
    }


def _overtaken(deliveries: list[Delivery]) -> list[Delivery]:
    delivered: set[str] = set()
    result = []
    for delivery in deliveries:
        late = delivery.status == "running" and delivery.run.pipeline in delivered
        result.append(msgspec.structs.replace(delivery, status="superseded") if late else delivery)
        if delivery.status == "delivered":
            delivered.add(delivery.run.pipeline)
    return result
