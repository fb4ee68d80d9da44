"""A monorepo of many applications and a commit that touches one: what do the others cost?

Prints JSON. Reads straight from git objects, as the engine does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import pygit2

from towline.git.tree import GitTree
from towline.render.cache import RenderCache
from towline.render.source import BUILT_IN, RenderRequest

AUTHOR = pygit2.Signature("Dana", "dana@example.com", 1700000000, 0)
MANIFEST = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: app
  labels: {{app: web, number: "{number}"}}
spec:
  replicas: 3
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: "registry.test/web:{number}"}}]}}
"""


def commit(repository: pygit2.Repository, index: pygit2.Index, path: str, text: str) -> None:
    """Puts a file into the index."""
    mode = pygit2.enums.FileMode.BLOB
    index.add(pygit2.IndexEntry(path, repository.create_blob(text.encode()), mode))


def tree_of(repository: pygit2.Repository, index: pygit2.Index) -> GitTree:
    """Commits the index."""
    made = repository.create_commit(None, AUTHOR, AUTHOR, "c", index.write_tree(repository), [])
    return GitTree(repository, str(made))


def request(number: int, revision: str) -> RenderRequest:
    """The application of a folder."""
    source = {"repoURL": "https://git.test/r", "path": f"apps/{number:04}"}
    return RenderRequest(
        source=source, app_name=f"app-{number}", namespace="prod", revision=revision
    )


def run(applications: int, rounds: int) -> dict[str, Any]:
    """Renders all, then times what a commit that touches one application costs."""
    made: list[str] = []

    def counted(tree: Any, source: Any, asked: Any) -> Any:
        made.append(source.path)
        return BUILT_IN["Directory"](tree, source, asked)

    with tempfile.TemporaryDirectory() as folder:
        repository = pygit2.init_repository(str(Path(folder) / "r"), bare=True)
        index = pygit2.Index()
        for number in range(applications):
            for name in ("deployment.yaml", "service.yaml"):
                text = MANIFEST.format(number=number)
                commit(repository, index, f"apps/{number:04}/{name}", text)
        cache = RenderCache(renderers={"Directory": counted})
        tree = tree_of(repository, index)
        began = time.perf_counter()
        for number in range(applications):
            cache.render(tree, request(number, tree.commit))
        cold = time.perf_counter() - began
        times, renders = [], []
        for turn in range(rounds):
            touched = f"apps/{turn:04}/deployment.yaml"
            commit(repository, index, touched, MANIFEST.format(number=f"{turn}-changed"))
            tree = tree_of(repository, index)
            made.clear()
            began = time.perf_counter()
            for number in range(applications):
                cache.render(tree, request(number, tree.commit))
            times.append((time.perf_counter() - began) * 1000)
            renders.append(len(made))
    return {
        "applications": applications,
        "cold_ms": round(cold * 1000, 1),
        "one_changed_ms": {
            "median": round(statistics.median(times), 1),
            "worst": round(max(times), 1),
        },
        "renders_per_commit": sorted(set(renders)),
    }


def main() -> None:
    """Parses the arguments, runs, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--applications", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    print(json.dumps(run(given.applications, given.rounds), indent=2))


if __name__ == "__main__":
    main()
