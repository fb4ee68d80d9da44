"""The GitOps half: cluster cache, git mirrors, application controller, webhook deliveries."""

from __future__ import annotations

from towline.aio.clock import Clock
from towline.aio.services import Services
from towline.app.changes import ChangeFeed
from towline.app.charts import Charts
from towline.app.credentials import RepositoryCredentials
from towline.app.decryption import DecryptionKeys
from towline.app.facts import ClusterFactsReader
from towline.app.folder import DataFolder
from towline.app.foreign import ForeignFiles
from towline.app.forge import ForgeParts
from towline.app.metrics import EngineMetrics
from towline.app.metrics_requests import CountedApi
from towline.app.observer import LineageObserver, Observers
from towline.app.plugins import plugins_of
from towline.argo.names import APP_PROJECT
from towline.argo.project import Project, parse_project
from towline.controllers.application import ApplicationController, EngineSettings, engine_kind
from towline.controllers.application.renders import Renders
from towline.git import Git, Mirrors, parse_url
from towline.git.aliases import resolve_alias
from towline.kube.refs import ObjectKey
from towline.kubeclient.cache import WatchCache
from towline.kubeclient.client import KubeClient
from towline.oci.charts import ChartCache
from towline.oci.outbound import AddressPolicy
from towline.render.cache import RenderCache
from towline.settings import EMBEDDED, Settings
from towline.store import Store
from towline.store.blobs import Blobs
from towline.store.sealed import load_key
from towline.workers.jq_pool import JqPool
from towline.workers.pool import WorkerLimits, WorkerPool, default_workers
from towline.workers.renderer import WorkerRenderer
from towline.workers.script_pool import ScriptPool

_SYNC_SECONDS = 120.0


class Engine:
    """Builds the engine and owns what it shares with CI and the web.

    Attributes:
        cache: Live objects of the cluster.
        repositories: Git mirrors.
        applications: The application controller.
        workers: Processes that render.
        jq: Processes that take fields out of objects.
        scripts: Processes that run health scripts.
        metrics: Counts the engine's work.
        aliases: Git host -> base URL, with the local forge's filled in.
    """

    def __init__(
        self,
        settings: Settings,
        folder: DataFolder,
        *,
        client: KubeClient,
        git: Git,
        store: Store,
        clock: Clock,
        forge: ForgeParts | None,
    ) -> None:
        self.settings = settings
        self.folder = folder
        self.client = client
        self.store = store
        self.clock = clock
        self.aliases = _aliases(settings, forge)
        self.cache = WatchCache(client, clock)
        self.credentials = RepositoryCredentials(
            self.cache,
            settings.engine.namespace,
            forge=forge.base_url if forge else "",
            forge_token=(lambda: forge.token) if forge else None,
        )
        self.metrics = EngineMetrics(self.cache)
        self.repositories = Mirrors(
            folder.folder("mirrors"),
            git,
            self.credentials,
            self.aliases,
            told=self.metrics.git,
        )
        self.observer = LineageObserver(store)
        self.facts = ClusterFactsReader(client)
        self.workers = WorkerPool(
            WorkerLimits(workers=default_workers()),
            instance=folder.instance,
            templates=folder.folder("templates"),
        )
        self.jq = JqPool(instance=folder.instance)
        self.scripts = ScriptPool(clock, instance=folder.instance)
        renders = folder.folder("renders")
        self.renders = Blobs(renders / "blobs", load_key(renders / "key"))
        archives = folder.folder("charts")
        self.charts = Charts(ChartCache(archives), self._policy, self.credentials, clock)
        foreign = ForeignFiles(
            charts=self.charts,
            repositories=self.repositories,
            project=self._project,
            policy=self._policy,
            remote_bases=settings.engine.remote_bases,
            clock=clock,
        )
        self.applications = ApplicationController(
            CountedApi(client, self.metrics.requested),
            self.cache,
            self.repositories,
            clock,
            namespace=settings.engine.namespace,
            settings=EngineSettings(
                poll_seconds=settings.engine.poll_seconds,
                poll_jitter=settings.engine.poll_jitter_seconds,
            ),
            observer=Observers(self.observer, self.metrics),
            renders=Renders(
                RenderCache(store=self.renders),
                WorkerRenderer(self.workers, archives),
                foreign,
                plugins_of(settings, folder, clock),
            ),
            charts=self.charts,
            facts=self.facts,
            age_keys=DecryptionKeys(self.cache, settings.engine.namespace),
            canonical_url=lambda url: resolve_alias(parse_url(url), self.aliases),
            jq=self.jq,
            scripts=self.scripts,
        )
        self.changes = ChangeFeed(store, self.cache)

    def start(self, services: Services) -> None:
        """Starts its parts."""
        services.start("workers", self.workers.run)
        services.start("jq", self.jq.run)
        services.start("scripts", self.scripts.run)
        services.start("facts", self.facts.run)
        services.start("cache", lambda: self.cache.run(engine_kind))
        services.start("lineage", self.observer.run)
        services.start("changes", self.changes.run)
        services.start("applications", self.applications.run)

    def _project(self, name: str) -> Project | None:
        found = self.cache.get(
            ObjectKey(APP_PROJECT.group, APP_PROJECT.kind, self.settings.engine.namespace, name)
        )
        return parse_project(found.body()) if found is not None else None

    def _policy(self) -> AddressPolicy:
        """Private addresses: those of hosts in the settings, and of registered repositories."""
        registered = self.credentials.hosts()
        return AddressPolicy(hosts=frozenset(self.settings.engine.allowed_hosts) | registered)

    async def synced(self) -> None:
        """Returns once everything in the cluster has been listed."""
        await self.cache.synced(_SYNC_SECONDS)

    async def close(self) -> None:
        """Closes what it opened."""
        await self.repositories.close()
        self.renders.close()


def _aliases(settings: Settings, forge: ForgeParts | None) -> dict[str, str]:
    embedded = forge.base_url if forge else ""
    return {
        host: embedded if target == EMBEDDED else target
        for host, target in settings.git.aliases.items()
        if target != EMBEDDED or embedded
    }
