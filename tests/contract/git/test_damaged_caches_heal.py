"""Manifests stay right when what is cached on disk is damaged, and it heals at once (R13)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from towline.aio.clock import SystemClock
from towline.argo.application import parse_application
from towline.controllers.application.memory import Memory
from towline.controllers.application.renders import Renders
from towline.controllers.application.sources import SourceReader
from towline.errors import LimitError, TowlineError, TransientError
from towline.git import Git, Mirrors
from towline.render.cache import RenderCache
from towline.store.blobs import Blobs
from towline.workers.pool import WorkerLimits, WorkerPool
from towline.workers.renderer import WorkerRenderer

pytestmark = pytest.mark.asyncio
CHART = {
    "app/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "app/templates/a.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n"
        "data: {version: {{ .Values.version | quote }}}\n"
    ),
}


class Instance:
    """An engine's sources, as after a start; what it has on disk outlives it."""

    def __init__(self, folder: Path, site: Any, git: Git, *, workers: bool) -> None:
        self.mirrors = Mirrors(folder / "mirrors", git, site.credentials)
        self.blobs = Blobs(folder / "blobs", b"k" * 32)
        self.workers = WorkerPool(WorkerLimits(), templates=folder / "templates")
        self.reader = SourceReader(
            repos=self.mirrors,
            charts=None,
            renders=Renders(
                RenderCache(store=self.blobs), WorkerRenderer(self.workers) if workers else None
            ),
            facts=None,
            age_keys=lambda _: (),
            clock=SystemClock(),
            namespace="argocd",
        )
        source = {"repoURL": site.url("o/r"), "path": "app", "targetRevision": "main"}
        self._app = parse_application(
            {"metadata": {"name": "web", "namespace": "argocd"}, "spec": {"source": source}}
        )

    async def reconcile(self) -> str:
        """The version that the manifests at the branch's head show."""
        pinned = await self.reader.pin(self._app, Memory(), fresh=True)
        rendered = await self.reader.render(self._app, Memory(), pinned)
        [manifest] = rendered.result.manifests
        return str(manifest.object["data"]["version"])

    async def close(self) -> None:
        await self.mirrors.close()
        await self.workers.close()
        self.blobs.close()


class Bench:
    """A repository, and instances that share a folder one after the other."""

    def __init__(self, folder: Path, site: Any, ann: Any, git: Git) -> None:
        self.folder = folder
        self._site, self._ann, self._git = site, ann, git

    async def push(self, version: int, **more: str) -> None:
        await self._ann.commit({**CHART, "app/values.yaml": f"version: v{version}\n", **more})
        await self._ann.git("push", "-q", self._site.url("o/r", login=self._site.login), "main")

    @contextlib.asynccontextmanager
    async def instance(self, *, workers: bool = False) -> AsyncIterator[Instance]:
        made = Instance(self.folder, self._site, self._git, workers=workers)
        try:
            yield made
        finally:
            await made.close()

    @property
    def mirror(self) -> Path:
        [found] = [one for one in (self.folder / "mirrors").iterdir() if one.name[0] != "."]
        return found


@pytest_asyncio.fixture
async def bench(tmp_path: Path, site: Any, ann: Any, git: Git) -> Bench:
    made = Bench(tmp_path / "data", site, ann, git)
    made.folder.mkdir()
    return made


def truncate_packs(bench: Bench) -> None:
    for pack in bench.mirror.glob("objects/pack/*.pack"):
        pack.chmod(0o600)
        pack.write_bytes(pack.read_bytes()[:60])


def delete_loose(kind: str) -> Callable[[Bench], None]:
    def damage(bench: Bench) -> None:
        mirror = bench.mirror
        for pack in list(mirror.glob("objects/pack/*.pack")):
            moved = pack.rename(bench.folder / pack.name)
            pack.with_suffix(".idx").unlink()
            with moved.open("rb") as stream:
                subprocess.run(
                    ["git", "unpack-objects", "-q"], cwd=mirror, stdin=stream, check=True
                )
        loose = [file.parent.name + file.name for file in mirror.glob("objects/??/*")]
        kinds = {
            oid: subprocess.check_output(["git", "cat-file", "-t", oid], cwd=mirror, text=True)
            for oid in loose
        }
        for oid, found in kinds.items():
            if found.strip() == kind:
                (mirror / "objects" / oid[:2] / oid[2:]).unlink()

    return damage


def zero_files(pattern: str) -> Callable[[Bench], None]:
    def damage(bench: Bench) -> None:
        found = [file for file in bench.folder.glob(pattern) if file.is_file()]
        assert found, pattern
        for file in found:
            file.chmod(0o600)
            file.write_bytes(bytes(file.stat().st_size))

    return damage


def leave_locks(bench: Bench) -> None:
    for name in ("index.lock", "HEAD.lock", "config.lock", "packed-refs.lock", "shallow.lock"):
        (bench.mirror / name).touch()
    (bench.mirror / "objects/pack/tmp_pack_left").write_bytes(b"PACK")


DAMAGES = {
    "truncated pack": truncate_packs,
    "deleted blob": delete_loose("blob"),
    "deleted tree": delete_loose("tree"),
    "deleted commit": delete_loose("commit"),
    "zeroed pack": zero_files("mirrors/*/objects/pack/*.pack"),
    "zeroed index of a pack": zero_files("mirrors/*/objects/pack/*.idx"),
    "zeroed render": zero_files("blobs/*"),
    "zeroed tips": zero_files("mirrors/*/tips"),
    "left locks": leave_locks,
}


CASES = [
    ("truncated pack", False),
    ("deleted blob", False),
    ("deleted commit", False),
    ("zeroed render", False),
    ("deleted blob", True),
    ("deleted tree", True),
    ("zeroed pack", True),
    ("zeroed index of a pack", True),
    ("zeroed tips", True),
    ("left locks", True),
]


@pytest.mark.parametrize(("damage", "moved"), CASES)
async def test_r13_damage_heals_within_a_reconcile_and_never_shows(
    bench: Bench, damage: str, moved: bool
) -> None:
    await bench.push(1)
    async with bench.instance() as before:
        assert await before.reconcile() == "v1"
    if not moved and damage != "zeroed render":
        (bench.folder / "blobs").rename(bench.folder / "aside")  # else nothing would be read
    DAMAGES[damage](bench)
    if moved:
        await bench.push(2)
    wanted = "v2" if moved else "v1"
    async with bench.instance() as after:
        failed = 0
        for _ in range(2):
            try:
                assert await after.reconcile() == wanted
            except TransientError:
                failed += 1
        assert failed <= 1
        assert await after.reconcile() == wanted


async def test_r13_a_git_that_is_killed_in_the_middle_of_a_fetch_leaves_nothing_wrong(
    bench: Bench,
) -> None:
    await bench.push(1)
    async with bench.instance() as before:
        assert await before.reconcile() == "v1"
        noise = random.Random(1).randbytes(1_200_000).hex()
        await bench.push(2, noise=noise)
        fetch = asyncio.create_task(before.reconcile())
        killed = await kill_index_pack(fetch)
        try:
            assert await fetch == "v2"
        except (LimitError, TransientError):
            assert killed
        assert killed
        assert await before.reconcile() == "v2"
    async with bench.instance() as after:
        assert await after.reconcile() == "v2"


async def kill_index_pack(fetch: asyncio.Task[str]) -> bool:
    """Kills the git child that takes a pack in; false when there was none before the end."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    while not fetch.done():
        for pid in map(int, children.read_text().split()):
            with contextlib.suppress(OSError):
                if b"index-pack" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGKILL)
                    return True
        await asyncio.sleep(0)
    return False


async def test_r13_damage_below_an_open_mirror_heals_as_well(bench: Bench) -> None:
    await bench.push(1)
    async with bench.instance() as running:
        assert await running.reconcile() == "v1"
        await bench.push(2)
        delete_loose("tree")(bench)
        failures: list[TowlineError] = []
        for _ in range(2):
            try:
                assert await running.reconcile() == "v2"
            except TransientError as error:
                failures.append(error)
        assert len(failures) <= 1
        assert await running.reconcile() == "v2"


async def test_r13_zeroed_compiled_templates_are_compiled_anew(bench: Bench) -> None:
    units = bench.folder / "templates" / "units"
    await bench.push(1)
    async with bench.instance(workers=True) as before:
        assert await before.reconcile() == "v1"
        async with asyncio.timeout(20):
            while not [file for file in units.glob("*") if file.name[0] != "."]:
                await asyncio.sleep(0.01)
    zero_files("templates/units/*")(bench)
    await bench.push(2)
    async with bench.instance(workers=True) as after:
        assert await after.reconcile() == "v2"
