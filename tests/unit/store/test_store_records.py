from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from towline.errors import ConflictError, InputError, NotFoundError, SettingsError
from towline.store import NewRun, Store
from towline.store.sealed import Sealer

T0 = dt.datetime(2026, 1, 2, 3, 4, 5, 678000, dt.UTC)


class Event(msgspec.Struct, frozen=True):
    ref: str


class FixedClock:
    def __init__(self) -> None:
        self.time = T0
        self.ids = 0

    def now(self) -> dt.datetime:
        return self.time

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.time += dt.timedelta(seconds=seconds)

    def uuid(self) -> str:
        self.ids += 1
        return f"id-{self.ids}"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest_asyncio.fixture
async def store(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "store", clock=clock)
    yield opened
    await opened.close()


def push(key: str = "", pipeline: str = "ci/app") -> NewRun:
    return NewRun(pipeline=pipeline, job="app", trigger="push", commit="c" * 40, key=key)


@pytest.mark.asyncio
async def test_r02_a_delivery_is_accepted_once(store: Store) -> None:
    first = await store.deliveries.accept("github", "h1", "d1", "sha", Event("r"), T0)
    again = await store.deliveries.accept("github", "h1", "d1", "other", Event("r"), T0)
    other_hook = await store.deliveries.accept("github", "h2", "d1", "sha", Event("r"), T0)
    assert (first, again, other_hook) == (True, False, True)
    assert [d.hook for d in await store.deliveries.pending()] == ["h1", "h2"]


@pytest.mark.asyncio
async def test_r02_the_same_delivery_many_times_at_once_is_one_row(store: Store) -> None:
    accepted = await asyncio.gather(
        *(store.deliveries.accept("github", "h", "d", "s", Event("r"), T0) for _ in range(200))
    )
    assert sum(accepted) == 1
    assert await store.deliveries.count() == 1


@pytest.mark.asyncio
async def test_a_finished_delivery_is_no_longer_pending(store: Store) -> None:
    await store.deliveries.accept("github", "h", "d", "s", Event("refs/heads/main"), T0)
    (pending,) = await store.deliveries.pending()
    assert msgspec.json.decode(pending.event) == {"ref": "refs/heads/main"}
    assert pending.received_at == T0
    await store.deliveries.finish(pending.id, "run 1")
    assert await store.deliveries.pending() == []
    (done,) = await store.deliveries.recent()
    assert (done.outcome, done.processed_at) == ("run 1", T0)


@pytest.mark.asyncio
async def test_r01_what_was_accepted_is_there_after_reopening(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "s")
    await store.deliveries.accept("github", "h", "d", "s", Event("r"), T0)
    await store.close()
    store = await Store.open(tmp_path / "s")
    assert len(await store.deliveries.pending()) == 1
    await store.close()


@pytest.mark.asyncio
async def test_numbers_count_per_pipeline(store: Store) -> None:
    runs = [await store.runs.create(push()) for _ in range(3)]
    other = await store.runs.create(push(pipeline="ci/other"))
    assert [run.number for run in runs] == [1, 2, 3]
    assert other.number == 1
    assert len({run.id for run in (*runs, other)}) == 4


@pytest.mark.asyncio
async def test_numbers_are_unique_when_created_at_once(store: Store) -> None:
    runs = await asyncio.gather(*(store.runs.create(push()) for _ in range(100)))
    assert sorted(run.number for run in runs) == list(range(1, 101))


@pytest.mark.asyncio
async def test_r02_the_same_key_gives_the_same_run_and_burns_no_number(store: Store) -> None:
    first = await store.runs.create(push("push:ci/app:main:c"))
    again = await store.runs.create(push("push:ci/app:main:c"))
    third = await store.runs.create(push("push:ci/app:main:d"))
    assert again == first
    assert third.number == 2
    assert await store.runs.by_key("push:ci/app:main:c") == first


@pytest.mark.asyncio
async def test_life_of_a_run(store: Store, clock: FixedClock) -> None:
    run = await store.runs.create(push())
    assert (run.state, run.result, run.started_at) == ("queued", "", None)
    await clock.sleep(1)
    started = await store.runs.start(run.id)
    assert (started.state, started.attempts) == ("running", 1)
    await clock.sleep(1)
    resumed = await store.runs.start(run.id)
    assert (resumed.attempts, resumed.started_at) == (2, started.started_at)
    done = await store.runs.finish(run.id, "FAILURE", error="why")
    assert (done.state, done.result, done.error) == ("finished", "FAILURE", "why")
    later = await store.runs.finish(run.id, "SUCCESS")
    assert later.result == "FAILURE"
    with pytest.raises(ConflictError):
        await store.runs.start(run.id)
    assert await store.runs.open_runs() == []


@pytest.mark.asyncio
async def test_a_commit_is_pinned_once(store: Store) -> None:
    run = await store.runs.create(NewRun(pipeline="a/b", job="b", trigger="upstream"))
    pinned = await store.runs.pin(run.id, "refs/heads/main", "a" * 40)
    again = await store.runs.pin(run.id, "refs/heads/main", "b" * 40)
    assert pinned.commit == again.commit == "a" * 40


@pytest.mark.asyncio
async def test_unknown_runs(store: Store) -> None:
    assert await store.runs.get("nope") is None
    with pytest.raises(NotFoundError):
        await store.runs.finish("nope", "SUCCESS")


@pytest.mark.asyncio
async def test_origin_of_a_manifest_commit_is_the_first_run_of_the_chain(store: Store) -> None:
    build = await store.runs.create(push())
    update = await store.runs.create(
        NewRun(pipeline="ci/up", job="up", trigger="upstream", parent_run=build.id)
    )
    assert await store.commits.add(update.id, "http://h/m.git", "refs/heads/main", "m" * 40)
    assert not await store.commits.add(update.id, "http://h/m.git", "refs/heads/main", "m" * 40)
    origin = await store.runs.origin_of_commit("m" * 40)
    assert origin is not None
    assert origin.id == build.id
    assert await store.runs.origin_of_commit("x" * 40) is None


@pytest.mark.asyncio
async def test_last_finished_looks_back(store: Store) -> None:
    one, two, three = [await store.runs.create(push()) for _ in range(3)]
    await store.runs.finish(one.id, "SUCCESS")
    found = await store.runs.last_finished("ci/app", three.number)
    assert found is not None
    assert found.id == one.id
    assert await store.runs.last_finished("ci/app", 1) is None
    assert [run.number for run in await store.runs.list("ci/app")] == [3, 2, 1]
    assert two.number == 2
    await store.runs.start(two.id)
    assert await store.runs.counts("ci/app") == {"SUCCESS": 1, "running": 1, "queued": 1}
    assert await store.runs.counts("ci/other") == {}


@pytest.mark.asyncio
async def test_old_runs_are_forgotten_and_numbers_go_on(store: Store) -> None:
    runs = [await store.runs.create(push()) for _ in range(5)]
    for run in runs[:4]:
        await store.runs.finish(run.id, "SUCCESS")
    await store.stages.put(runs[0].id, "1", "Build", "success")
    assert await store.runs.prune("ci/app", 2) == (runs[1].id, runs[0].id)
    assert [run.number for run in await store.runs.list("ci/app")] == [5, 4, 3]
    assert await store.stages.of(runs[0].id) == []
    assert (await store.runs.create(push())).number == 6


@pytest.mark.asyncio
async def test_waiting_for_a_run_ends_with_it(store: Store) -> None:
    run = await store.runs.create(push())
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(store.runs.wait_finished(run.id)) for _ in range(3)]
        await asyncio.sleep(0)
        await store.runs.finish(run.id, "UNSTABLE")
    assert {task.result().result for task in waiting} == {"UNSTABLE"}
    assert (await store.runs.wait_finished(run.id)).result == "UNSTABLE"


@pytest.mark.asyncio
async def test_steps_remember_results(store: Store) -> None:
    await store.steps.begin("r", "0.1", "DockerPush", "digest")
    begun = await store.steps.get("r", "0.1")
    assert begun is not None
    assert begun.finished_at is None
    await store.steps.finish("r", "0.1", Event("x"))
    done = await store.steps.get("r", "0.1")
    assert done is not None
    assert (done.request, done.result) == ("digest", {"ref": "x"})
    await store.steps.begin("r", "0.1", "DockerPush", "changed")
    fresh = await store.steps.get("r", "0.1")
    assert fresh is not None
    assert (fresh.request, fresh.result) == ("changed", None)


@pytest.mark.asyncio
async def test_stages_keep_their_start_and_order(store: Store, clock: FixedClock) -> None:
    await store.stages.put("r", "1", "Build", "running")
    await store.stages.put("r", "2", "Test", "running")
    await clock.sleep(2)
    await store.stages.put("r", "1", "Build", "success")
    build, test = await store.stages.of("r")
    assert (build.name, build.status, build.started_at) == ("Build", "success", T0)
    assert build.finished_at == T0 + dt.timedelta(seconds=2)
    assert (test.name, test.finished_at) == ("Test", None)


@pytest.mark.asyncio
async def test_the_first_mark_counts(store: Store) -> None:
    later = T0 + dt.timedelta(seconds=1)
    assert await store.lineage.mark("c1", "push", T0)
    assert not await store.lineage.mark("c1", "push", later)
    assert await store.lineage.mark("c1", "build", later, "run 1")
    assert await store.lineage.mark("c2", "push", later)
    rows = await store.lineage.table()
    assert [row.subject for row in rows] == ["c2", "c1"]
    assert {name: mark.at for name, mark in rows[1].marks.items()} == {"push": T0, "build": later}


@pytest.mark.asyncio
async def test_hook_secrets_are_sealed_and_replaced(store: Store, tmp_path: Path) -> None:
    hook = await store.hooks.put("o/n", "http://h/o/n.git", b"first-secret-value")
    assert await store.hooks.put("o/n", "http://h/o/n.git", b"canary-secret-value") == hook
    (secret,) = await store.hooks.secrets("github")
    assert secret.secret == b"canary-secret-value"
    assert await store.hooks.secrets("gitlab") == []
    assert "canary" not in repr(secret)
    for file in (tmp_path / "store").iterdir():
        if file.is_file():
            assert b"canary-secret-value" not in file.read_bytes()


def test_sd14_a_sealed_secret_is_bound_to_its_record() -> None:
    sealer = Sealer(b"k" * 32)
    sealed = sealer.seal(b"v", purpose="hook:1")
    assert sealer.open(sealed, purpose="hook:1") == b"v"
    for wrong in (
        lambda: sealer.open(sealed, purpose="hook:2"),
        lambda: Sealer(b"x" * 32).open(sealed, purpose="hook:1"),
        lambda: sealer.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), purpose="hook:1"),
    ):
        with pytest.raises(SettingsError):
            wrong()


@pytest.mark.asyncio
async def test_forge_heads_follow_deliveries(store: Store) -> None:
    await store.forge_heads.delivered("o/n", "refs/heads/main", "a" * 40)
    await store.forge_heads.delivered("o/n", "refs/heads/main", "b" * 40)
    await store.forge_heads.delivered("o/n", "refs/heads/old", "b" * 40)
    await store.forge_heads.delivered("o/n", "refs/heads/old", "0" * 40)
    assert await store.forge_heads.heads("o/n") == {"refs/heads/main": "b" * 40}


@pytest.mark.asyncio
async def test_s37_a_new_password_ends_the_sessions(store: Store, clock: FixedClock) -> None:
    await store.accounts.put("admin", "hash", "admin")
    expires = T0 + dt.timedelta(hours=1)
    await store.accounts.open_session("s1", "admin", kind="login", name="", expires_at=expires)
    assert await store.accounts.session("s1") is not None
    await store.accounts.put("admin", "hash2", "admin")
    assert await store.accounts.session("s1") is None
    await store.accounts.open_session("s2", "admin", kind="login", name="", expires_at=expires)
    await clock.sleep(3601)
    assert await store.accounts.session("s2") is None
    assert await store.accounts.purge(dt.timedelta(hours=2)) == 1


@pytest.mark.asyncio
async def test_s34_login_failures_count_within_their_window(
    store: Store, clock: FixedClock
) -> None:
    keep = dt.timedelta(seconds=300)
    for _ in range(3):
        await store.login_failures.add("account:admin", keep=keep)
    assert await store.login_failures.count("account:admin", keep=keep) == 3
    await clock.sleep(301)
    assert await store.login_failures.count("account:admin", keep=keep) == 0
    assert await store.login_failures.add("account:admin", keep=keep) == 1
    await store.login_failures.clear("account:admin")
    assert await store.login_failures.count("account:admin", keep=keep) == 0


@pytest.mark.asyncio
async def test_sd16_a_changed_audit_record_is_found(store: Store) -> None:
    for number in range(3):
        await store.audit.record(actor="admin", action="sync", object=f"app-{number}")
    assert await store.audit.verify() is None

    def tamper(connection: object) -> None:
        connection.exec_driver_sql("UPDATE audit SET actor = 'eve' WHERE seq = 2")  # type: ignore[attr-defined]

    await store._database.write(tamper)
    assert await store.audit.verify() == 2


@pytest.mark.asyncio
async def test_kv(store: Store) -> None:
    assert await store.kv.get("a") is None
    await store.kv.put("a", b"1")
    await store.kv.put("a", b"2")
    assert await store.kv.get("a") == b"2"
    await store.kv.remove("a")
    assert await store.kv.get("a") is None


@pytest.mark.asyncio
async def test_log_tail(store: Store) -> None:
    assert await store.logs.tail("run") == (b"", 0)
    store.logs.append("run", b"hello ")
    store.logs.append("run", b"world")
    assert await store.logs.tail("run", 0) == (b"hello world", 11)
    assert await store.logs.tail("run", 6) == (b"world", 11)
    assert await store.logs.tail("run", -5) == (b"world", 11)
    assert await store.logs.tail("run", 99) == (b"", 11)
    with pytest.raises(InputError):
        store.logs.append("../evil", b"x")


@pytest.mark.asyncio
async def test_sd19_a_log_is_cut_at_its_cap(tmp_path: Path, store: Store) -> None:
    store.logs._cap = 10
    assert store.logs.append("run", b"12345678")
    assert not store.logs.append("run", b"90abc")
    assert not store.logs.append("run", b"more")
    data, _ = await store.logs.tail("run")
    assert data.startswith(b"1234567890\n[log truncated")
    assert b"abc" not in data


@pytest.mark.asyncio
async def test_failed_work_leaves_no_trace_and_spares_its_neighbours(store: Store) -> None:
    def bad(connection: object) -> None:
        connection.exec_driver_sql("INSERT INTO kv VALUES ('bad', x'00')")  # type: ignore[attr-defined]
        raise ValueError("no")

    outcomes = await asyncio.gather(
        store.kv.put("a", b"1"),
        store._database.write(bad),
        store.kv.put("b", b"2"),
        return_exceptions=True,
    )
    assert isinstance(outcomes[1], ValueError)
    assert await store.kv.get("bad") is None
    assert (await store.kv.get("a"), await store.kv.get("b")) == (b"1", b"2")


@pytest.mark.asyncio
async def test_changes_are_told(store: Store) -> None:
    async def first() -> tuple[str, str]:
        async with contextlib.aclosing(store.changes.subscribe()) as notices:  # type: ignore[type-var]
            return await anext(notices)

    async with asyncio.TaskGroup() as group:
        reading = group.create_task(first())
        await asyncio.sleep(0)
        run = await store.runs.create(push())
    assert reading.result() == ("run", run.id)
