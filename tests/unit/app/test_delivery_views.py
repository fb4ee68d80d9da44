"""A commit shows its last attempt, joined with what that attempt made."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from towline.app.deliveries import DeliveryViews
from towline.store import NewRun, Store

pytestmark = pytest.mark.asyncio

COMMIT = "c" * 40
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "store")
    yield store
    await store.close()


def build(commit: str = COMMIT, trigger: str = "push") -> NewRun:
    return NewRun(pipeline="argocd/build", job="Build", trigger=trigger, commit=commit)


async def test_a_failed_commit_that_was_built_again_is_told_by_its_second_run(store: Store) -> None:
    first = await store.runs.create(build())
    await store.runs.finish(first.id, "FAILURE", error="pip failed")
    views = DeliveryViews(store)
    failed = await views.get(COMMIT[:8])
    assert failed is not None
    assert (failed.build_number, failed.failure) == (1, "pip failed")

    second = await store.runs.create(build(trigger="manual"))
    child = await store.runs.create(
        NewRun(
            pipeline="argocd/update",
            job="Update",
            trigger="upstream",
            parent_run=second.id,
            parent_step="1",
        )
    )
    await store.images.add(second.id, "demo/app:2", "127.0.0.1:5000/demo/app:2", "sha256:2")
    await store.commits.add(child.id, "http://h/m.git", "refs/heads/main", "m" * 40)
    for name in ("refresh", "sync", "ready"):
        await store.lineage.mark("m" * 40, name, NOW)
    await store.runs.finish(child.id, "SUCCESS")
    await store.runs.finish(second.id, "SUCCESS")
    found = await views.get(COMMIT)
    assert found is not None
    assert (found.build_number, found.failure, found.status) == (2, "", "delivered")
    assert found.image is not None
    assert found.image.reference == "demo/app:2"
    assert found.manifest_commit == "m" * 40
    assert [delivery.build_number for delivery in await views.recent(10)] == [2]


async def test_a_commit_that_a_newer_delivery_overtook_says_so(store: Store) -> None:
    old = await store.runs.create(build("a" * 40))
    new = await store.runs.create(build("b" * 40))
    for run, manifest in ((old, "1" * 40), (new, "2" * 40)):
        await store.commits.add(run.id, "http://h/m.git", "refs/heads/main", manifest)
        await store.lineage.mark(run.commit, "manifest", NOW)
        await store.runs.finish(run.id, "SUCCESS")
    await store.lineage.mark("2" * 40, "ready", NOW)
    statuses = {item.commit[0]: item.status for item in await DeliveryViews(store).recent(10)}
    assert statuses == {"a": "superseded", "b": "delivered"}


async def test_why_the_manifest_job_made_no_commit(store: Store) -> None:
    parent = await store.runs.create(build())
    child = await store.runs.create(
        NewRun(
            pipeline="argocd/update",
            job="Update",
            trigger="upstream",
            parent_run=parent.id,
            parent_step="1",
        )
    )
    await store.stages.put(child.id, "1", "Update manifest", "failure", "exit code 1")
    await store.runs.finish(child.id, "SUCCESS")  # catchError keeps the run green
    await store.runs.finish(parent.id, "SUCCESS")
    found = await DeliveryViews(store).get(COMMIT)
    assert found is not None
    assert found.status == "failed"
    assert found.failure == "Update #1, stage Update manifest: exit code 1"


async def test_unknown_commits_are_none(store: Store) -> None:
    assert await DeliveryViews(store).get("d" * 40) is None
