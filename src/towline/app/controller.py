"""The GitOps engine alone: no CI, no store, no pages; webhooks and metrics when asked to listen."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import msgspec
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from towline.aio.clock import SystemClock
from towline.aio.services import Services
from towline.aio.signals import run_until_signal
from towline.app.bootstrap import prepare_cluster, reach
from towline.app.charts import Charts
from towline.app.credentials import RepositoryCredentials
from towline.app.decryption import DecryptionKeys
from towline.app.facts import ClusterFactsReader
from towline.app.metrics import EngineMetrics
from towline.app.metrics_requests import CountedApi
from towline.argo.crds import crds
from towline.controllers.application import ApplicationController, engine_kind
from towline.controllers.application.renders import Renders
from towline.git import Git, Mirrors
from towline.kubeclient.cache import WatchCache
from towline.kubeclient.client import KubeClient
from towline.kubeclient.kubeconfig import load_kubeconfig
from towline.oci.charts import ChartCache
from towline.oci.outbound import AddressPolicy
from towline.render.cache import RenderCache
from towline.settings import split_address
from towline.web.app import health_and_metrics
from towline.web.hooks.unsigned import UnsignedIntake
from towline.web.server import bind, serve
from towline.workers.jq_pool import JqPool
from towline.workers.pool import WorkerLimits, WorkerPool, default_workers
from towline.workers.renderer import WorkerRenderer
from towline.workers.script_pool import ScriptPool


class ControllerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the engine runs alone.

    Attributes:
        kubeconfig: The cluster.
        namespace: Control namespace.
        cache: Folder of git mirrors and charts; safe to delete.
        listen: `HOST:PORT` of health, metrics and webhooks; empty for none.
        unsigned_hooks: Take webhooks that nobody signed, as hints.
    """

    kubeconfig: Path
    namespace: str
    cache: Path
    listen: str = ""
    unsigned_hooks: bool = False


async def run_controller(options: ControllerOptions) -> None:
    """Runs until SIGINT or SIGTERM.

    Raises:
        TowlineError: The cluster does not answer or does not let us.
    """
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    await run_until_signal(_run(options))


async def _run(options: ControllerOptions) -> None:
    clock = SystemClock()
    options.cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    listener = bind(*split_address(options.listen)) if options.listen else None
    async with KubeClient(load_kubeconfig(options.kubeconfig)) as client:
        await reach(client)
        await prepare_cluster(client, options.namespace, crds())
        cache = WatchCache(client, clock)
        credentials = RepositoryCredentials(cache, options.namespace)
        git = Git("controller")
        metrics = EngineMetrics(cache)
        repositories = Mirrors(options.cache, git, credentials, told=metrics.git)
        workers = WorkerPool(WorkerLimits(workers=default_workers()), instance="controller")
        jq = JqPool(instance="controller")
        scripts = ScriptPool(clock, instance="controller")
        facts = ClusterFactsReader(client)
        archives = options.cache / "charts"
        archives.mkdir(mode=0o700, exist_ok=True)
        charts = Charts(
            ChartCache(archives),
            lambda: AddressPolicy(hosts=credentials.hosts()),
            credentials,
            clock,
        )
        controller = ApplicationController(
            CountedApi(client, metrics.requested),
            cache,
            repositories,
            clock,
            namespace=options.namespace,
            observer=metrics,
            renders=Renders(RenderCache(), WorkerRenderer(workers, archives)),
            charts=charts,
            facts=facts,
            age_keys=DecryptionKeys(cache, options.namespace),
            jq=jq,
            scripts=scripts,
        )
        try:
            async with asyncio.TaskGroup() as group:
                services = Services(group, clock)
                services.start("workers", workers.run)
                services.start("jq", jq.run)
                services.start("scripts", scripts.run)
                services.start("facts", facts.run)
                services.start("cache", lambda: cache.run(engine_kind))
                services.start("applications", controller.run)
                if listener is not None:
                    hooks = UnsignedIntake(controller.on_push, clock)
                    routes = hooks.routes() if options.unsigned_hooks else []
                    group.create_task(serve(_site(routes, services, metrics), listener), name="web")
        finally:
            await repositories.close()


def _site(routes: list[BaseRoute], services: Services, metrics: EngineMetrics) -> ASGIApp:
    def missing() -> str:
        return "broken: " + ", ".join(sorted(services.broken)) if services.broken else ""

    return health_and_metrics(routes, ready=missing, metrics=metrics.render)
