"""Renders in real worker processes: the same answers, and nothing that they do reaches us."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import os
import re
import signal
import socket
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pygit2
import pytest

from towline.errors import InputError, LimitError, NotFoundError, TowlineError
from towline.git.tree import GitTree
from towline.render.source import RenderRequest, render_source
from towline.workers.messages import ArchiveAddress, GitAddress
from towline.workers.pool import DamagedTreeError, WorkerLimits, WorkerPool

AUTHOR = pygit2.Signature("Dana", "dana@example.com", 1700000000, 0)


def commit(folder: Path, files: dict[str, str]) -> GitAddress:
    """A bare repository with one commit."""
    repository = pygit2.init_repository(str(folder), bare=True)
    index = pygit2.Index()
    for path, text in files.items():
        oid = repository.create_blob(text.encode())
        index.add(pygit2.IndexEntry(path, oid, pygit2.enums.FileMode.BLOB))
    tree = index.write_tree(repository)
    made = repository.create_commit("refs/heads/main", AUTHOR, AUTHOR, "one", tree, [])
    return GitAddress(str(folder), str(made))


def request(path: str = "app") -> RenderRequest:
    return RenderRequest(
        source={"repoURL": "https://git.example/r", "path": path},
        app_name="x",
        namespace="prod",
        revision="1" * 40,
    )


def config(name: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"


@contextlib.asynccontextmanager
async def pool(**limits: float) -> AsyncIterator[WorkerPool]:
    made = WorkerPool(WorkerLimits(**limits))  # type: ignore[arg-type]
    try:
        yield made
    finally:
        await made.close()


@pytest.mark.asyncio
async def test_a_worker_renders_what_this_process_would(tmp_path: Path) -> None:
    address = commit(tmp_path / "r", {"app/a.yaml": config("one"), "app/b.yaml": config("two")})
    async with pool() as workers:
        result = await workers.render(request(), address, {}, {})
    here = render_source(GitTree(pygit2.Repository(address.repository), address.commit), request())
    assert result.manifests == here.manifests
    assert (result.read, result.digest) == (here.read, here.digest)


@pytest.mark.asyncio
async def test_errors_keep_their_kind_and_place(tmp_path: Path) -> None:
    address = commit(tmp_path / "r", {"app/a.yaml": config("one") + "kind: [\n"})
    async with pool() as workers:
        with pytest.raises(InputError, match=r'Failed to unmarshal "a.yaml": .*yaml: line'):
            await workers.render(request(), address, {}, {})
        with pytest.raises(NotFoundError, match="nowhere: app path does not exist"):
            await workers.render(request("nowhere"), address, {}, {})
        assert len(workers.pids) == 1


@pytest.mark.asyncio
async def test_r13_a_damaged_repository_is_told_apart_from_a_wrong_source(tmp_path: Path) -> None:
    address = commit(tmp_path / "r", {"app/a.yaml": config("one")})
    for file in (tmp_path / "r" / "objects").glob("??/*"):
        file.chmod(0o600)
        file.write_bytes(b"damaged")
    async with pool() as workers:
        with pytest.raises(DamagedTreeError):
            await workers.render(request(), address, {}, {})


@pytest.mark.asyncio
async def test_a_render_that_takes_too_long_is_killed_and_the_next_one_works(
    tmp_path: Path,
) -> None:
    address = commit(tmp_path / "r", {"app/a.yaml": config("one")})
    async with pool(seconds=2.0) as workers:
        await workers.render(request(), address, {}, {})
        [stuck] = workers.pids
        os.kill(stuck, signal.SIGSTOP)
        with pytest.raises(LimitError, match="rendering takes longer than 2 s"):
            await workers.render(request(), address, {}, {})
        assert stuck not in workers.pids
        assert (await workers.render(request(), address, {}, {})).manifests


@pytest.mark.asyncio
async def test_s58_a_source_that_needs_too_much_memory_fails_alone(tmp_path: Path) -> None:
    huge = "".join(f"  k{n}: [a{n}, b{n}, c{n}, d{n}, e{n}, f{n}]\n" for n in range(60_000))
    files = {"app/a.yaml": config("one") + "data:\n" + huge, "good/a.yaml": config("one")}
    address = commit(tmp_path / "r", files)
    async with pool(memory=110 << 20) as workers:
        with pytest.raises(LimitError):
            await workers.render(request(), address, {}, {})
        assert (await workers.render(request("good"), address, {}, {})).manifests


@pytest.mark.asyncio
async def test_a_worker_that_was_killed_is_replaced(tmp_path: Path) -> None:
    address = commit(tmp_path / "r", {"app/a.yaml": config("one")})
    async with pool() as workers:
        await workers.render(request(), address, {}, {})
        [first] = workers.pids
        os.kill(first, signal.SIGKILL)
        with contextlib.suppress(LimitError):
            await workers.render(request(), address, {}, {})
        assert (await workers.render(request(), address, {}, {})).manifests
        assert first not in workers.pids


@pytest.mark.asyncio
async def test_no_worker_outlives_its_pool(tmp_path: Path) -> None:
    address = commit(tmp_path / "r", {"app/a.yaml": config("one")})
    async with pool(workers=2) as workers:
        await asyncio.gather(*(workers.render(request(), address, {}, {}) for _ in range(4)))
        pids = workers.pids
        assert 1 <= len(pids) <= 2
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []


def test_s62_a_worker_has_no_network() -> None:
    script = (
        "import socket, sys\n"
        "from towline.workers.worker import leave_network\n"
        "if not leave_network(): sys.exit(3)\n"
        "socket.create_connection(('127.0.0.1', int(sys.argv[1])), 2)\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-c", script, port], capture_output=True, text=True, check=False
        )
    if done.returncode == 3:
        pytest.skip("the kernel gives no network namespace to this user")
    assert "Network is unreachable" in done.stderr


CHART = {
    "app/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "app/templates/a.yaml": config("{{ .Release.Name }}"),
    "app/templates/_x.tpl": '{{ define "x" }}x{{ end }}',
}


async def templates_in(folder: Path, *, but: dict[Path, bytes] | None = None) -> dict[Path, bytes]:
    """The stored templates, as soon as there are two and none is as it was."""
    async with asyncio.timeout(20):
        while True:
            names = [file for file in (folder / "units").glob("*") if file.name[0] != "."]
            found = {file: file.read_bytes() for file in names}
            if len(found) == 2 and not any((but or {}).get(f) == found[f] for f in found):
                return found
            await asyncio.sleep(0.01)


@pytest.mark.asyncio
async def test_s66_a_new_worker_uses_what_another_compiled_unless_it_was_changed(
    tmp_path: Path,
) -> None:
    address, folder = commit(tmp_path / "r", CHART), tmp_path / "templates"

    async def names() -> list[str]:
        made = WorkerPool(WorkerLimits(), templates=folder)
        try:
            result = await made.render(request(), address, {}, {})
            again = await made.render(request(), address, {}, {})
            if damaged:
                await templates_in(folder, but=damaged)
        finally:
            await made.close()
        assert result.digest == again.digest
        return [manifest.object["metadata"]["name"] for manifest in result.manifests]

    damaged: dict[Path, bytes] = {Path("none"): b""}
    assert await names() == ["x"]
    first = await templates_in(folder)
    written = {file: file.stat().st_mtime_ns for file in first}
    damaged = {}
    assert await names() == ["x"]
    assert {file: file.stat().st_mtime_ns for file in first} == written
    damaged = {file: content[:-1] + b"!" for file, content in first.items()}
    for file, content in damaged.items():
        file.write_bytes(content)
    assert await names() == ["x"]
    assert await templates_in(folder) == first


def packed(folder: Path, entries: dict[str, bytes | None]) -> ArchiveAddress:
    """An archive of files; None makes a link to a file of this machine."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            if content is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            info.size = len(content or b"")
            archive.addfile(info, io.BytesIO(content or b""))
    digest = hashlib.sha256(data.getvalue()).hexdigest()
    (folder / digest).write_bytes(data.getvalue())
    return ArchiveAddress(str(folder / digest), digest)


CHART_FILE = {"web/Chart.yaml": b"apiVersion: v2\nname: web\nversion: 1.0.0\n"}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"../../evil.yaml": b"x"}, "parent directory"),
        ({"web/link": None}, "link"),
        ({"web/big": bytes(200 << 20)}, "large|bytes|ratio|size"),
        ({f"web/f{n}": b"" for n in range(30_000)}, "entries|files|many"),
    ],
    ids=["s60-slip", "s60-link", "s59-ratio", "s59-count"],
)
async def test_s59_s60_hostile_archives_fail_in_the_worker_alone(
    tmp_path: Path, entries: dict[str, bytes | None], message: str
) -> None:
    chart = {"repoURL": "https://charts.example", "chart": "web", "targetRevision": "1.0.0"}
    asked = RenderRequest(source=chart, app_name="x", namespace="prod", revision="1.0.0")
    async with pool() as workers:
        with pytest.raises(TowlineError) as caught:
            await workers.render(asked, packed(tmp_path, {**CHART_FILE, **entries}), {}, {})
        assert re.search(message, str(caught.value)), caught.value
        good = await workers.render(asked, packed(tmp_path, dict(CHART_FILE)), {}, {})
        assert good.source_type == "Helm"
        assert len(workers.pids) == 1
