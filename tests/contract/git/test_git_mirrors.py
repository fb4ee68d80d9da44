"""Mirrors against a real server: resolve, read, check out, heal."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from towline.errors import DeniedError, InputError, NotFoundError, TransientError
from towline.git import Git, GitCredentials, Mirrors

pytestmark = pytest.mark.asyncio


async def pushed(site: Any, ann: Any, files: dict[str, str] | None = None) -> str:
    commit = await ann.commit(files or {"a.txt": "one\n", "dir/b.txt": "two\n"})
    await ann.git("push", "-q", site.url("o/r", login=site.login), "main")
    return str(commit)


async def test_resolves_what_people_write(site: Any, ann: Any, mirrors: Mirrors) -> None:
    first = await pushed(site, ann)
    await ann.git("tag", "v1.0.0")
    second = await pushed(site, ann, {"a.txt": "uno\n"})
    await ann.git("tag", "-a", "-m", "annotated", "v1.2.0")
    await ann.git("branch", "feature/x", first)
    await ann.git("push", "-q", "--all", site.url("o/r", login=site.login))
    await ann.git("push", "-q", "--tags", site.url("o/r", login=site.login))
    url = site.url("o/r")
    table = {
        "HEAD": second,
        "": second,
        "main": second,
        "refs/heads/main": second,
        "feature/x": first,
        "v1.0.0": first,
        "v1.2.0": second,  # the commit, not the tag object
        "refs/tags/v1.2.0": second,
        "1.*": second,
        "~1.0": first,
        "^1.0": second,
        first: first,
        first[:8]: first,
        second.upper(): second,
    }
    for revision, expected in table.items():
        assert await mirrors.resolve(url, revision) == expected, revision
    assert (await mirrors.heads(url))["refs/heads/feature/x"] == first
    assert await mirrors.default_branch(url) == "main"


async def test_says_what_cannot_be_resolved(site: Any, ann: Any, mirrors: Mirrors) -> None:
    await pushed(site, ann)
    with pytest.raises(NotFoundError, match="unable to resolve 'nope' to a commit SHA"):
        await mirrors.resolve(site.url("o/r"), "nope")
    with pytest.raises(NotFoundError, match="unable to resolve 'abcdef12'"):
        await mirrors.resolve(site.url("o/r"), "abcdef12")
    with pytest.raises(NotFoundError, match="repository not found"):
        await mirrors.resolve(site.url("o/absent"), "main")
    with pytest.raises(NotFoundError):
        await mirrors.tree(site.url("o/r"), "12" * 20)


async def test_reads_trees_without_a_checkout(site: Any, ann: Any, mirrors: Mirrors) -> None:
    commit = await pushed(site, ann)
    tree = await mirrors.tree(site.url("o/r"), commit)
    assert [(name, folder) for name, folder, _ in tree.listdir("")] == [
        ("a.txt", False),
        ("dir", True),
    ]
    assert tree.read("dir/b.txt") == b"two\n"
    assert tree.oid("dir/b.txt") == await ann.git("rev-parse", "HEAD:dir/b.txt")
    info = await mirrors.commit_info(site.url("o/r"), commit)
    assert (info.author, info.email, info.message) == ("Ann", "ann@example.org", "change\n")


async def test_a_fetch_brings_only_what_is_new(site: Any, ann: Any, mirrors: Mirrors) -> None:
    first = await pushed(site, ann, {f"f{n}": "x" * n for n in range(50)})
    await mirrors.tree(site.url("o/r"), first)
    second = await pushed(site, ann, {"f1": "changed"})
    tree = await mirrors.tree(site.url("o/r"), second)
    assert tree.read("f1") == b"changed"
    packs = sorted(
        Path(mirrors._root).glob("*/objects/pack/*.pack"), key=lambda p: p.stat().st_size
    )
    assert len(packs) == 2
    assert packs[0].stat().st_size < 3000  # the whole tree, because its list changed, and one file


async def test_only_so_many_repositories_are_held_open(
    site: Any, ann: Any, mirrors: Mirrors, tmp_path: Path
) -> None:
    commit = await pushed(site, ann)
    few = Mirrors(tmp_path / "few", mirrors._git, mirrors._credentials, most=2)
    try:
        for name in ("o/r", "O/r", "o/R", "O/R", "o/r"):  # one repository, four URLs
            assert (await few.tree(site.url(name), commit)).read("a.txt")
        assert len(few._replicas) == 2
        assert (await few.tree(site.url("o/r"), commit)).read("a.txt")
    finally:
        await few.close()


async def test_one_listing_serves_those_who_waited_for_it(
    site: Any, ann: Any, mirrors: Mirrors
) -> None:
    commit = await pushed(site, ann)
    url = site.url("o/r")
    replica, _ = mirrors._replica(url)
    calls = 0
    listing = replica._remote.ls_refs

    async def counted(credentials: GitCredentials | None) -> Any:
        nonlocal calls
        calls += 1
        return await listing(credentials)

    replica._remote.ls_refs = counted  # type: ignore[method-assign]
    answers = await asyncio.gather(*(mirrors.resolve(url, "main") for _ in range(20)))
    assert set(answers) == {commit}
    assert calls <= 2
    assert await mirrors.resolve(url, "main", fresh=False) == commit
    assert calls <= 2


async def test_a_listing_begun_before_the_question_is_no_answer(
    site: Any, ann: Any, mirrors: Mirrors
) -> None:
    """A webhook that arrives while a poll is under way must not get the poll's older head."""
    first = await pushed(site, ann)
    url = site.url("o/r")
    replica, _ = mirrors._replica(url)
    listing = replica._remote.ls_refs
    reached, release = asyncio.Event(), asyncio.Event()

    async def slow(credentials: GitCredentials | None) -> Any:
        answer = await listing(credentials)
        reached.set()
        await release.wait()
        return answer

    replica._remote.ls_refs = slow  # type: ignore[method-assign]
    async with asyncio.TaskGroup() as group:
        poll = group.create_task(mirrors.resolve(url, "main"))
        await reached.wait()
        second = await pushed(site, ann, {"a.txt": "new"})
        hook = group.create_task(mirrors.resolve(url, "main"))
        await asyncio.sleep(0)
        release.set()
    assert poll.result() == first
    assert hook.result() == second


async def test_checkout_fills_a_workspace(
    site: Any, ann: Any, mirrors: Mirrors, tmp_path: Path
) -> None:
    first = await pushed(site, ann)
    await pushed(site, ann, {"a.txt": "new\n"})
    login = f"http://ann:{site.tokens.admin_token}@127.0.0.1:{site.port}/o/r.git"
    await mirrors.checkout(login, first, tmp_path / "w1")
    assert (tmp_path / "w1" / "a.txt").read_text() == "one\n"
    assert await ann.git("remote", "get-url", "origin", cwd=tmp_path / "w1") == site.url("o/r")
    assert site.tokens.admin_token not in (tmp_path / "w1/.git/config").read_text()
    assert not (tmp_path / "w1/.git/hooks").exists()
    await mirrors.checkout(site.url("o/r"), first, tmp_path / "w2", local_branch="main")
    branch = await ann.git("rev-parse", "--abbrev-ref", "HEAD", cwd=tmp_path / "w2")
    assert branch == "main"
    log = await ann.git("log", "--oneline", "origin/main", cwd=tmp_path / "w2")
    assert len(log.splitlines()) == 2
    status = await ann.git("status", "--porcelain", cwd=tmp_path / "w2")
    assert status == ""


async def test_checkout_with_wrong_credentials_is_denied_though_the_mirror_is_full(
    site: Any, ann: Any, mirrors: Mirrors, tmp_path: Path
) -> None:
    commit = await pushed(site, ann)
    await mirrors.tree(site.url("o/r"), commit)
    with pytest.raises(DeniedError):
        await mirrors.checkout(
            site.url("o/r"),
            commit,
            tmp_path / "w",
            credentials=GitCredentials(username="x", password="wrong"),
        )
    assert not (tmp_path / "w").exists()


async def test_aliases_lead_to_where_the_repository_is(
    site: Any, ann: Any, git: Git, tmp_path: Path
) -> None:
    commit = await pushed(site, ann)
    base = f"http://127.0.0.1:{site.port}"
    mirrors = Mirrors(tmp_path / "m", git, site.credentials, {"github.com": base})
    for url in ("https://github.com/o/r.git", "git@github.com:o/r.git", "https://github.com/o/r"):
        assert await mirrors.resolve(url, "main") == commit
    await mirrors.checkout("https://github.com/o/r.git", commit, tmp_path / "w")
    origin = await ann.git("remote", "get-url", "origin", cwd=tmp_path / "w")
    assert origin == "https://github.com/o/r.git"
    await mirrors.close()


@pytest.mark.parametrize("damage", ["pack", "head", "everything", "locks"])
async def test_r13_a_damaged_mirror_heals_itself(
    site: Any, ann: Any, git: Git, tmp_path: Path, damage: str
) -> None:
    commit = await pushed(site, ann, {f"f{n}": str(n) * 200 for n in range(20)})
    root = tmp_path / "m"
    before = Mirrors(root, git, site.credentials)
    await before.tree(site.url("o/r"), commit)
    await before.close()
    (folder,) = root.iterdir()
    match damage:
        case "pack":
            for pack in folder.glob("objects/pack/*.pack"):
                pack.chmod(0o600)
                pack.write_bytes(pack.read_bytes()[:100])
        case "head":
            (folder / "HEAD").write_text("")
        case "everything":
            shutil.rmtree(folder / "objects")
        case "locks":
            (folder / "packed-refs.lock").touch()
            (folder / "objects/pack/tmp_pack_x").write_text("half")
    after = Mirrors(root, git, site.credentials)
    for attempt in range(2):
        tree = await after.tree(site.url("o/r"), commit)
        try:
            assert tree.read("f7") == b"7" * 200
            break
        except TransientError:
            assert attempt == 0  # healed by the next reconcile
    await after.close()


async def test_s28_credentials_never_show(site: Any, ann: Any, git: Git, tmp_path: Path) -> None:
    await pushed(site, ann)
    mirrors = Mirrors(tmp_path / "m", git)
    url = f"http://ann:hunter2secret@127.0.0.1:{site.port}/o/r.git"
    with pytest.raises(DeniedError) as caught:
        await mirrors.resolve(url, "main")
    assert "hunter2secret" not in f"{caught.value}{caught.value!r}{caught.value.__cause__}"
    assert "hunter2secret" not in "".join(str(path) for path in tmp_path.rglob("*"))
    await mirrors.close()


async def test_s55_hostile_arguments_are_refused_in_every_field(
    site: Any, ann: Any, mirrors: Mirrors, tmp_path: Path
) -> None:
    commit = await pushed(site, ann)
    canary = tmp_path / "canary"
    bad_urls = (
        f"--upload-pack=touch {canary}",
        f"ext::sh -c 'touch {canary}'",
        "ext::sh%20-c%20id",
        f"ssh://-oProxyCommand=touch+{canary}/x/y",
        f"-oProxyCommand=touch${{IFS}}{canary}:x/y",
        f"file://{tmp_path}",
        str(tmp_path),
        "fd::17/foo",
        "https://host/x\n--upload-pack=y",
        "",
    )
    for url in bad_urls:
        with pytest.raises((InputError, DeniedError)):
            await mirrors.resolve(url, "main")
        with pytest.raises((InputError, DeniedError)):
            await mirrors.checkout(url, commit, tmp_path / "w")
    good = site.url("o/r")
    for revision in (f"--upload-pack=touch {canary}", "-x", "a\x00b", "a\nb", "x" * 300):
        with pytest.raises(InputError):
            await mirrors.resolve(good, revision)
        with pytest.raises(InputError):
            await mirrors.tree(good, revision)
        with pytest.raises((InputError, NotFoundError)):
            await mirrors.checkout(good, revision, tmp_path / "w")
    for branch in (
        f"--config=core.pager=touch {canary}",
        "-f",
        "a..b",
        "a b",
        "a.lock",
        "@{u}",
        "",
    ):
        if branch:
            with pytest.raises(InputError):
                await mirrors.checkout(good, commit, tmp_path / "w", local_branch=branch)
    assert not canary.exists()
