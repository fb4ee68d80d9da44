"""Several sources of one application while both of their repositories move (R14)."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from towline.errors import NotFoundError

FIRST, SECOND = "http://git.test/team/first.git", "http://git.test/team/second.git"
CONFIG = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{version: '{number}'}}\n"
)


class Moving:
    """Two repositories; a release is a commit to the first, then one to the second."""

    def __init__(self, tree: Any, releases: int) -> None:
        self._tree = tree
        self._left = releases
        self._released = 0
        self.versions: dict[str, tuple[str, int]] = {}
        self._trees: dict[str, Any] = {}
        self._heads = {FIRST: self._commit(FIRST, 0), SECOND: self._commit(SECOND, 0)}

    def _commit(self, url: str, number: int) -> str:
        name = "first" if url == FIRST else "second"
        commit = hashlib.sha1(f"{name} {number}".encode()).hexdigest()
        self.versions[commit] = name, number
        self._trees[commit] = self._tree({"a.yaml": CONFIG.format(name=name, number=number)})
        return commit

    async def resolve(self, url: str, revision: str, *, fresh: bool) -> str:
        if revision in self.versions:
            return revision
        if revision != "main":
            raise NotFoundError(revision)
        answer = self._heads[url]
        if self._left:  # a whole release lands before the next question
            self._left -= 1
            self._released += 1
            for each in (FIRST, SECOND):
                self._heads[each] = self._commit(each, self._released)
        return answer

    async def tree(self, url: str, commit: str) -> Any:
        return self._trees[commit]

    @property
    def newest(self) -> list[str]:
        return [self._heads[FIRST], self._heads[SECOND]]


@pytest.mark.asyncio
async def test_r14_no_sync_is_of_a_mix_that_never_was(harness: Any, tmp_path: Path) -> None:
    repos = Moving(harness.DictTree, releases=13)
    async with (
        harness.drydock(tmp_path) as kubeconfig,
        harness.running_engine(kubeconfig, repos) as engine,
    ):
        sources = [
            {"repoURL": url, "targetRevision": "main", "path": "."} for url in (FIRST, SECOND)
        ]
        policy = {"automated": {"prune": True, "selfHeal": True}}
        await engine.create_app("pair", {"sources": sources, "syncPolicy": policy})
        seen: list[list[str]] = []

        def note(_type: str, new: Any, _old: Any) -> None:
            if new.gvk.kind == "Application":
                status = new.body().get("status") or {}
                seen.extend(entry["revisions"] for entry in status.get("history") or [])
                seen.append((status.get("sync") or {}).get("revisions") or [])

        engine.cache.subscribe(note)
        patch = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
        async with asyncio.timeout(40):
            while repos.newest not in seen:
                await engine.client.patch(
                    harness.APPLICATION, "argocd", "pair", patch, manager="test"
                )
                await asyncio.sleep(0.1)
        known = [pair for pair in seen if pair and set(pair) <= set(repos.versions)]
        steps = {tuple(repos.versions[commit][1] for commit in pair) for pair in known}
        assert all(first - second in {0, 1} for first, second in steps), steps
