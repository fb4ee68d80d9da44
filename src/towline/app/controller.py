"""The GitOps engine alone: no CI, no web, no store."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from towline.aio.clock import SystemClock
from towline.aio.services import Services
from towline.aio.signals import run_until_signal
from towline.app.bootstrap import prepare_cluster, reach
from towline.app.credentials import RepositoryCredentials
from towline.argo.crds import crds
from towline.controllers.application import ApplicationController, engine_kind
from towline.git import Git, Mirrors
from towline.kubeclient.cache import WatchCache
from towline.kubeclient.client import KubeClient
from towline.kubeclient.kubeconfig import load_kubeconfig


async def run_controller(kubeconfig: Path, namespace: str, cache_folder: Path) -> None:
    """Runs until SIGINT or SIGTERM.

    Raises:
        TowlineError: The cluster does not answer or does not let us.
    """
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    await run_until_signal(_run(kubeconfig, namespace, cache_folder))


async def _run(kubeconfig: Path, namespace: str, cache_folder: Path) -> None:
    clock = SystemClock()
    cache_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with KubeClient(load_kubeconfig(kubeconfig)) as client:
        await reach(client)
        await prepare_cluster(client, namespace, crds())
        cache = WatchCache(client, clock)
        credentials = RepositoryCredentials(cache, namespace)
        repositories = Mirrors(cache_folder, Git("controller"), credentials)
        controller = ApplicationController(client, cache, repositories, clock, namespace=namespace)
        try:
            async with asyncio.TaskGroup() as group:
                services = Services(group, clock)
                services.start("cache", lambda: cache.run(engine_kind))
                services.start("applications", controller.run)
        finally:
            await repositories.close()
