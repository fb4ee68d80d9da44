"""Renders an Application from a file with the engine's own parts."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from towline.errors import InputError, TowlineError


class Request(NamedTuple):
    """What the command was asked."""

    file: Path
    repos: tuple[str, ...]
    revisions: tuple[str, ...]
    kube_version: str
    api_versions: tuple[str, ...]
    age_key_file: Path | None
    remote_bases: bool
    fresh: bool
    plugins: Path | None


class Answer(NamedTuple):
    """What came of it; `rendered` is the engine's `Rendered`."""

    rendered: Any
    seconds: float


async def render(asked: Request) -> Answer:
    """Renders.

    Raises:
        TowlineError: The file, a source or a manifest is wrong.
    """
    from towline.aio.clock import SystemClock
    from towline.app.charts import Charts
    from towline.app.foreign import ForeignFiles
    from towline.argo.application import parse_application
    from towline.argo.names import DEFAULT_NAMESPACE
    from towline.argo.project import default_project, parse_project
    from towline.controllers.application.memory import Memory
    from towline.controllers.application.renders import Renders
    from towline.controllers.application.sources import SourceReader
    from towline.git import Git, Mirrors
    from towline.git.mirror import no_credentials
    from towline.oci.charts import ChartCache
    from towline.oci.outbound import AddressPolicy
    from towline.render.cache import RenderCache
    from towline.render.gotemplate.engine import SHARED_UNITS
    from towline.store.blobs import Blobs
    from towline.store.sealed import load_key

    app = parse_application(_application(asked.file))
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "towline"
    for name in ("mirrors", "charts", "renders"):
        (home / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    clock = SystemClock()

    def everywhere() -> AddressPolicy:
        return AddressPolicy(everywhere=True)  # the person who runs the command may go anywhere

    blobs = Blobs(home / "renders" / "blobs", load_key(home / "renders" / "key"))
    mirrors = Mirrors(home / "mirrors", Git(""))
    charts = Charts(ChartCache(home / "charts"), everywhere, no_credentials, clock)
    project = parse_project(default_project(DEFAULT_NAMESPACE))
    foreign = ForeignFiles(
        charts=charts,
        repositories=mirrors,
        project=lambda _: project,
        policy=everywhere,
        remote_bases=asked.remote_bases,
        clock=clock,
    )
    keys = _keys(asked.age_key_file)
    runs = home / f"plugin-runs-{os.getpid()}"
    reader = SourceReader(
        repos=_Repositories(mirrors, _folders(asked.repos)),
        charts=charts,
        renders=Renders(
            RenderCache(store=blobs),
            foreign=foreign,
            plugins=_plugins(asked.plugins, runs, clock) if asked.plugins else None,
        ),
        facts=_Facts(asked.kube_version, asked.api_versions),
        age_keys=lambda _: keys,
        clock=clock,
        namespace=app.namespace or DEFAULT_NAMESPACE,
    )
    began = time.perf_counter()
    runs.mkdir(mode=0o700)
    try:
        pinned = await reader.pin(app, Memory(), wanted=asked.revisions, fresh=True)
        rendered = await reader.render(app, Memory(), pinned, fresh=asked.fresh)
    finally:
        await mirrors.close()
        blobs.close()
        shutil.rmtree(runs, ignore_errors=True)
    if any(outcome is not None and outcome.result.decrypted for outcome in rendered.outcomes):
        SHARED_UNITS.skip()
    return Answer(rendered, time.perf_counter() - began)


def show(answer: Answer, output: str, *, explain: bool) -> None:
    """Prints the manifests, and on standard error where they come from."""
    from towline.text.goyaml import dump, dump_json

    manifests = [manifest.object for manifest in answer.rendered.result.manifests]
    if explain:
        _explain(answer)
    if output == "name":
        for obj in manifests:
            meta = obj.get("metadata") or {}
            place = f"{meta['namespace']}/" if meta.get("namespace") else ""
            name = meta.get("name") or meta.get("generateName")
            print(f"{obj.get('apiVersion')} {obj.get('kind')} {place}{name}")
    elif output == "json":
        print(dump_json(manifests, indent="  "))
    else:
        sys.stdout.write("---\n".join(dump(obj) for obj in manifests))


def _explain(answer: Answer) -> None:
    rendered = answer.rendered
    for number, outcome in enumerate(rendered.outcomes):
        source, revision = rendered.pinned.sources[number], rendered.pinned.revisions[number]
        place = source.get("chart") or source.get("path") or ""
        line = f"source {number + 1}: {source.get('repoURL')} {place} at {revision}"
        if outcome is None:
            print(f"{line}: only referred to", file=sys.stderr)
            continue
        by = "from the cache" if outcome.remembered else "rendered"
        result = outcome.result
        print(
            f"{line}: {result.source_type}, {by}, {len(result.manifests)} objects", file=sys.stderr
        )
        for read in result.read:
            where = f"{read.foreign} " if read.foreign else f"{read.root} " if read.root else ""
            seen = f"{read.oid.count(chr(0)) + 1} names" if read.kind == "list" else read.oid[:12]
            print(f"  {read.kind:8} {where}{read.path}  {seen}".rstrip(), file=sys.stderr)
    print(f"took {answer.seconds * 1000:.1f} ms", file=sys.stderr)


def _plugins(definitions: Path, runs: Path, clock: Any) -> Any:
    """The plugins of a folder; they do not see the cache, or what the user may log in with."""
    from towline.controllers.application.plugins import PluginFolder, PluginRunner, Plugins
    from towline.sandbox import Confinement

    runner = PluginRunner(runs.resolve(), Confinement([runs.parent]))
    return Plugins(PluginFolder(definitions, clock), runner)


def _application(file: Path) -> dict[str, Any]:
    from towline.text.yaml import load_documents

    documents = load_documents(file.read_text(), file=str(file))
    found = [
        document.value
        for document in documents
        if isinstance(document.value, dict) and document.value.get("kind") == "Application"
    ]
    if len(found) != 1:
        raise InputError(f"holds {len(found)} Applications; one is needed", file=str(file))
    return found[0]


def _folders(repos: tuple[str, ...]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for text in repos:
        url, equals, folder = text.rpartition("=")
        if not equals or not Path(folder).is_dir():
            raise InputError(f"--repo {text}: expected URL=FOLDER with a folder that exists")
        found[url] = Path(folder)
    return found


def _keys(file: Path | None) -> tuple[str, ...]:
    lines = file.read_text().splitlines() if file else []
    return tuple(line.strip() for line in lines if line.startswith("AGE-SECRET-KEY-"))


class _Facts:
    def __init__(self, version: str, served: tuple[str, ...]) -> None:
        self._version = version
        self._served = served

    def kube_version(self) -> str:
        return self._version

    def api_versions(self) -> tuple[str, ...]:
        return self._served


class _Repositories:
    """Folders for the repositories that were named, mirrors for all others."""

    def __init__(self, mirrors: Any, folders: dict[str, Path]) -> None:
        self._mirrors = mirrors
        self._folders = folders

    async def resolve(self, url: str, revision: str, *, fresh: bool) -> str:
        if self._folder(url) is not None:
            return "worktree"
        return str(await self._mirrors.resolve(url, revision, fresh=fresh))

    async def tree(self, url: str, commit: str) -> Any:
        from towline.cli.folder_tree import FolderTree

        folder = self._folder(url)
        if folder is not None:
            return FolderTree(folder)
        return await self._mirrors.tree(url, commit)

    def _folder(self, url: str) -> Path | None:
        from towline.gitops.repourl import normalize_url

        for named, folder in self._folders.items():
            try:
                if normalize_url(named) == normalize_url(url):
                    return folder
            except TowlineError:
                continue
        return None
