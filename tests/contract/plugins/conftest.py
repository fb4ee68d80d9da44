"""A repository of real commits, a folder of definitions, and renders with plugins confined."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pygit2
import pytest
import yaml

from towline.aio.clock import SystemClock
from towline.controllers.application.plugins import (
    PluginFolder,
    PluginLimits,
    PluginRunner,
    Plugins,
)
from towline.controllers.application.renders import Outcome, Renders
from towline.git.tree import GitTree
from towline.render.cache import RenderCache
from towline.render.inputs import Inputs
from towline.render.source import RenderRequest
from towline.sandbox import Confinement

AUTHOR = pygit2.Signature("Dana", "dana@example.com", 1700000000, 0)
MODES = {"link": pygit2.enums.FileMode.LINK, "program": pygit2.enums.FileMode.BLOB_EXECUTABLE}
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n"


class Bench:
    """Everything that a test needs."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.definitions = folder / "definitions"
        self.definitions.mkdir()
        (self.data / "runs").mkdir(parents=True)
        (self.data / "secret").write_text("canary")
        self.confinement = Confinement([self.data])
        self._repository = pygit2.init_repository(str(folder / "repo"), bare=True)
        self.cache = RenderCache()
        self.renders = self.with_limits()

    def with_limits(self, limits: PluginLimits | None = None, **options: Any) -> Renders:
        """Renders that share the cache; the definitions are read anew."""
        confinement = options.pop("confinement", self.confinement)
        runner = PluginRunner((self.data / "runs").resolve(), confinement, limits=limits, **options)
        folder = PluginFolder(self.definitions, SystemClock())
        self.renders = Renders(self.cache, plugins=Plugins(folder, runner))
        return self.renders

    def define(self, name: str, script: str, *, discover: Any = None, **fields: Any) -> None:
        """A plugin whose `generate` is a shell script."""
        annotations = {f"towline.dev/{key}": text for key, text in fields.pop("ours", {}).items()}
        spec = {"generate": {"command": ["sh", "-c"], "args": [script]}, **fields}
        if discover is not None:
            spec["discover"] = discover
        value = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "ConfigManagementPlugin",
            "metadata": {"name": name, "annotations": annotations},
            "spec": spec,
        }
        (self.definitions / f"{name}.yaml").write_text(yaml.safe_dump(value))
        self.with_limits()

    def commit(self, files: dict[str, Any]) -> GitTree:
        """A commit; a value may be a text, or a pair of `link` or `program` and a text."""
        index = pygit2.Index()
        for path, written in files.items():
            kind, text = written if isinstance(written, tuple) else ("", written)
            oid = self._repository.create_blob(text.encode())
            mode = MODES.get(kind, pygit2.enums.FileMode.BLOB)
            index.add(pygit2.IndexEntry(path, oid, mode))
        tree = index.write_tree(self._repository)
        made = self._repository.create_commit(None, AUTHOR, AUTHOR, "one", tree, [])
        return GitTree(self._repository, str(made))

    async def outcome(self, tree: GitTree, plugin: Any = None, **fields: Any) -> Outcome:
        source = {"repoURL": "https://git.example/r", "path": "app"}
        if plugin is not None:
            source["plugin"] = {"name": plugin} if isinstance(plugin, str) else plugin
        request = RenderRequest(
            source=source,
            app_name=fields.get("name", "web"),
            namespace="prod",
            revision=tree.commit,
        )
        return await self.renders.render(Inputs(tree=tree), request)

    def names(self, tree: GitTree, plugin: Any = None, **fields: Any) -> list[str]:
        """Names of the objects that a source has."""
        result = asyncio.run(self.outcome(tree, plugin, **fields)).result
        return [manifest.object["metadata"]["name"] for manifest in result.manifests]

    def ran(self, tree: GitTree, plugin: Any = None, **fields: Any) -> bool:
        """Whether the source had to be rendered."""
        return not asyncio.run(self.outcome(tree, plugin, **fields)).remembered

    def said(self, tree: GitTree, script: str, **fields: Any) -> str:
        """What a script prints, in a plugin of its own."""
        self.define("probe", f"{{ {script}\n}} > out 2>&1; {PRINT}", **fields)
        result = asyncio.run(self.outcome(tree, "probe")).result
        return str(result.manifests[0].object["data"]["text"])


PRINT = (
    "printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: said}\\ndata:\\n  text: |\\n'; "
    "sed 's/^/    /' out"
)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    asyncio.run(made.confinement.prepare())
    if made.confinement.refusal:
        pytest.skip(f"this machine cannot confine commands: {made.confinement.refusal}")
    # Each test has loops of its own.
    made.confinement = Confinement([made.data])
    made.with_limits()
    return made


@pytest.fixture
def config() -> Callable[[str], str]:
    """A manifest by its name."""
    return lambda name: CONFIG % name
