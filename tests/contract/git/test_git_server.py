"""The git server as git itself sees it."""

from __future__ import annotations

import asyncio
import gzip
import os
import stat
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yarl

from towline.errors import InputError, NotFoundError, TowlineError
from towline.git import GitCredentials
from towline.git.server import TokenBook

pytestmark = pytest.mark.asyncio


def authorized(site: Any) -> dict[str, str]:
    credentials = GitCredentials(username="x", password=site.tokens.admin_token)
    return {"Authorization": credentials.authorization}


async def test_the_first_push_creates_the_repository(site: Any, ann: Any, tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []
    site.server.listen(lambda name, who: seen.append((name, who)))
    commit = await ann.commit({"a": "1"})
    await ann.git("push", "-q", site.url("Team/App", login=site.login), "main:release")
    assert seen[-1] == ("Team/App", "ann")
    repositories = site.server.repositories
    assert repositories.names() == ["Team/App"]
    assert repositories.heads("team/app") == {"refs/heads/release": commit}
    assert repositories.default_branch("team/app") == "release"
    clone = await ann.git("clone", "-q", site.url("team/app", login=site.login), tmp_path / "c")
    assert clone == ""
    assert (tmp_path / "c" / "a").read_text() == "1"


async def test_clients_of_every_protocol_version_are_served(
    site: Any, ann: Any, tmp_path: Path
) -> None:
    await ann.commit({"a": "1"})
    url = site.url("o/r", login=site.login)
    await ann.git("push", "-q", url, "main")
    for version in "012":
        target = tmp_path / f"v{version}"
        await ann.git("-c", f"protocol.version={version}", "clone", "-q", url, str(target))
        assert (target / "a").exists()
    await ann.git("clone", "-q", "--depth=1", "--filter=blob:none", url, str(tmp_path / "partial"))


async def test_large_pushes_arrive_in_chunks_and_too_large_ones_do_not(site: Any, ann: Any) -> None:
    url = site.url("o/r", login=site.login)
    (ann.folder / "big").write_bytes(os.urandom(1_500_000))
    await ann.commit({})
    await ann.git("push", "-q", url, "main")
    assert site.server.repositories.heads("o/r")
    (ann.folder / "bigger").write_bytes(os.urandom(5_000_000))
    await ann.commit({})
    before = site.server.repositories.heads("o/r")
    said = await ann.git("push", url, "main", check=False)
    assert "error" in said or "fatal" in said
    assert site.server.repositories.heads("o/r") == before


async def test_access_is_by_token(site: Any, ann: Any, tmp_path: Path) -> None:
    await ann.commit({"a": "1"})
    await ann.git("push", "-q", site.url("team/app", login=site.login), "main")
    reader = site.tokens.create_token("reader", ["team/*"], write=False)
    writer = site.tokens.create_token("writer", ["TEAM/app"], write=True)
    table = [
        ("", "team/app", False, False),
        ("x:wrong", "team/app", False, False),
        (f"x:{reader}", "team/app", True, False),
        (f"x:{writer}", "team/app", True, True),
        (f"x:{writer}", "other/app", False, False),
        (f"x:{reader}", "team/new", False, False),
    ]
    for login, name, reads, writes in table:
        url = site.url(name, login=login)
        listed = await ann.git("ls-remote", url, check=False)
        assert ("refs/heads/main" in listed) is reads, login
        said = await ann.git("push", url, "main:other", check=False)
        assert (("new branch" in said) or ("up-to-date" in said)) is writes, said
    site.tokens.delete_token("writer")
    said = await ann.git("push", site.url("team/app", login=f"x:{writer}"), "main", check=False)
    assert "Authentication failed" in said
    again = TokenBook(tmp_path / "forge-token", tmp_path / "tokens.json")
    assert again.admin_token == site.tokens.admin_token
    for file in ("forge-token", "tokens.json"):
        assert stat.S_IMODE((tmp_path / file).stat().st_mode) == 0o600
    assert reader not in (tmp_path / "tokens.json").read_text()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/o/r.git/HEAD", 404),
        ("GET", "/o/r.git/objects/info/packs", 404),
        ("GET", "/o/r.git/info/refs", 404),
        ("GET", "/o/r.git/info/refs?service=git-shell", 404),
        ("GET", "/o/r.git/info/refs?service=git-upload-pack&service=git-receive-pack", 404),
        ("GET", "/o/..%2f..%2fetc.git/info/refs?service=git-upload-pack", 404),
        ("GET", "/o/%2e%2e/info/refs?service=git-upload-pack", 400),
        ("GET", "/-o/r.git/info/refs?service=git-receive-pack", 400),
        ("GET", "/o/a.lock/info/refs?service=git-receive-pack", 400),
        ("GET", "/o/a%00b/info/refs?service=git-receive-pack", 400),
        ("GET", "/o/absent.git/info/refs?service=git-upload-pack", 404),
        ("POST", "/o/r.git/info/refs?service=git-upload-pack", 405),
        ("GET", "/o/r.git/git-upload-pack", 405),
    ],
)
async def test_nothing_else_is_served(site: Any, method: str, path: str, status: int) -> None:
    async with aiohttp.ClientSession(headers=authorized(site)) as session:
        target = yarl.URL(f"http://127.0.0.1:{site.port}{path}", encoded=True)
        async with session.request(method, target) as response:
            assert response.status == status
    assert not (site.root / "etc.git").exists()


async def test_compressed_requests_are_understood(site: Any, ann: Any) -> None:
    await ann.commit({"a": "1"})
    await ann.git("push", "-q", site.url("o/r", login=site.login), "main")
    body = gzip.compress(b"0014command=ls-refs\n00010009peel\n0000")
    headers = {
        "Git-Protocol": "version=2",
        "Content-Encoding": "gzip",
        "Content-Type": "application/x-git-upload-pack-request",
    }
    async with (
        aiohttp.ClientSession(headers=authorized(site)) as session,
        session.post(f"{site.url('o/r')}/git-upload-pack", data=body, headers=headers) as answer,
    ):
        assert b"refs/heads/main" in await answer.read()


async def test_concurrent_first_pushes_make_one_repository(
    site: Any, ann: Any, tmp_path: Path
) -> None:
    await ann.commit({"a": "1"})
    url = site.url("o/r", login=site.login)
    await asyncio.gather(*(ann.git("push", "-q", url, f"main:b{n}") for n in range(5)))
    assert len(site.server.repositories.heads("o/r")) == 5
    assert site.server.repositories.default_branch("o/r").startswith("b")


async def test_history_tells_what_each_commit_changed(site: Any, ann: Any) -> None:
    first = await ann.commit({"a": "1", "d/b": "1"})
    await ann.git("rm", "-q", "a")
    second = await ann.commit({"d/b": "2", "c": "1"}, "second\n\nbody")
    await ann.git("push", "-q", site.url("o/r", login=site.login), "main")
    repositories = site.server.repositories
    facts = repositories.history("o/r", "0" * 40, second)
    assert [fact.id for fact in facts] == [first, second]
    assert facts[0].added == ("a", "d/b")
    assert (facts[1].added, facts[1].modified, facts[1].removed) == (("c",), ("d/b",), ("a",))
    assert [fact.id for fact in repositories.history("o/r", first, second)] == [second]
    assert repositories.is_ancestor("o/r", first, second)
    assert not repositories.is_ancestor("o/r", second, first)


async def _tree(person: Any, lines: str) -> str:
    child = await asyncio.create_subprocess_exec(
        "git",
        "hash-object",
        "-t",
        "tree",
        "-w",
        "--literally",
        "--stdin",
        cwd=person.folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await child.communicate(lines.encode("latin-1"))
    return out.decode().strip()


@pytest.mark.parametrize("name", [".git", ".GIT", "..", ".", "a/b", "git~1", ".gi\u200ct"])
async def test_s56_hostile_trees_are_refused_on_push_and_on_fetch(
    site: Any, ann: Any, mirrors: Any, name: str, tmp_path: Path
) -> None:
    (ann.folder / "hook").write_text("#!/bin/sh\ntouch /tmp/canary\n")
    blob = await ann.git("hash-object", "-w", "hook")
    raw = bytes.fromhex(blob).decode("latin-1")
    encoded = name.encode().decode("latin-1")
    inner = await _tree(ann, f"100755 {encoded}\0{raw}")
    commit = await ann.git("commit-tree", inner, "-m", "hostile")
    url = site.url("o/r", login=site.login)
    said = await ann.git("push", url, f"{commit}:refs/heads/main", check=False)
    assert "! [remote rejected]" in said or "unpack" in said
    # A server that did not check: the fetch does.
    await ann.git("push", "-q", url, f"{await ann.commit({'ok': '1'})}:refs/heads/main")
    bare = site.server.repositories.path("o/r")
    for file in (ann.folder / ".git/objects").glob("??/*"):
        copy = bare / "objects" / file.parent.name / file.name
        copy.parent.mkdir(exist_ok=True)
        if not copy.exists():
            copy.write_bytes(file.read_bytes())
    with pytest.raises(TowlineError):
        await mirrors.tree(site.url("o/r"), commit)
    with pytest.raises(TowlineError):
        await mirrors.checkout(site.url("o/r"), commit, tmp_path / "w")
    assert not (tmp_path / "w" / ".git" / "hooks").exists()


async def test_s56_submodules_hooks_and_filters_of_a_repository_never_run(
    site: Any, ann: Any, mirrors: Any, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    await ann.commit(
        {
            ".gitattributes": "* filter=evil\n",
            ".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = http://127.0.0.1:1/x.git\n'
            f"\tupdate = !touch {canary}\n",
            "file": "plain\n",
        }
    )
    url = site.url("o/r", login=site.login)
    said = await ann.git("push", url, "main", check=False)
    assert "rejected" in said  # fsck knows this .gitmodules for what it is
    (ann.folder / ".gitmodules").write_text(
        '[submodule "x"]\n\tpath = x\n\turl = http://127.0.0.1:1/x.git\n'
    )
    head = await ann.git("rev-parse", "HEAD")
    await ann.git("update-index", "--add", "--cacheinfo", f"160000,{head},x")
    await ann.git("add", ".gitmodules")
    await ann.git("commit", "-q", "--amend", "-m", "module")
    await ann.git("push", "-q", url, "main")
    commit = await ann.git("rev-parse", "HEAD")
    await mirrors.checkout(site.url("o/r"), commit, tmp_path / "w")
    assert (tmp_path / "w" / "file").read_text() == "plain\n"
    assert list((tmp_path / "w" / "x").iterdir()) == []
    tree = await mirrors.tree(site.url("o/r"), commit)
    assert ("x", True, head) in tree.listdir("")
    assert tree.listdir("x") == []
    assert not canary.exists()


async def test_s56_symbolic_links_stay_inside_the_tree(site: Any, ann: Any, mirrors: Any) -> None:
    links = {
        "good": "dir/real",
        "folder": "dir",
        "up": "../outside",
        "absolute": "/etc/passwd",
        "loop": "loop",
        "dangling": "nowhere",
        "dir/sly": "../../x",
    }
    (ann.folder / "dir").mkdir()
    for name, target in links.items():
        (ann.folder / name).symlink_to(target)
    commit = await ann.commit({"dir/real": "content"})
    await ann.git("push", "-q", site.url("o/r", login=site.login), "main")
    tree = await mirrors.tree(site.url("o/r"), commit)
    assert tree.read("good") == tree.read("folder/real") == b"content"
    assert tree.oid("good") == tree.oid("dir/real")
    assert {name: folder for name, folder, _ in tree.listdir("")}["folder"] is True
    for name in ("up", "absolute", "loop", "dir/sly", "folder/sly"):
        with pytest.raises(InputError):
            tree.read(name)
    for name in ("../x", "/etc/passwd", "dir/../../x", "a\0b", "dir\\real"):
        with pytest.raises(InputError):
            tree.read(name)
    with pytest.raises(NotFoundError):
        tree.read("dangling")
    with pytest.raises(NotFoundError):
        tree.read("dir/real/below")
