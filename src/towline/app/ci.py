"""The CI half: pipelines, image builds, runs, and what webhooks start."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from towline.aio.services import Services
from towline.app.engine import Engine
from towline.controllers.delivery import DeliveryController
from towline.controllers.run import (
    PipelineRegister,
    RegistrySource,
    RunController,
    RunPorts,
    RunSettings,
)
from towline.controllers.run.ports import CachedPipeline
from towline.git import parse_url
from towline.git.aliases import resolve_alias
from towline.kube.refs import GroupVersionKind
from towline.kubeclient.informer import Informer
from towline.oci import Mirrors, RegistryClient
from towline.sandbox import BaseImages, Builder, BuilderOptions, Confinement, machine_settings

_log = logging.getLogger("towline.ci")

PIPELINE = GroupVersionKind("towline.dev", "v1alpha1", "Pipeline")


class Ci:
    """Builds the pipeline runner.

    Args:
        engine: Cluster, git and store.
        mirrors: Where image references really lead.
        registry: Asks registries.
        page: Base URL of the pages.
    """

    def __init__(
        self, engine: Engine, mirrors: Mirrors, registry: RegistryClient, *, page: str
    ) -> None:
        settings, folder = engine.settings, engine.folder
        self.enabled = settings.ci
        self.informer = Informer(engine.client, PIPELINE)
        self.pipelines = PipelineRegister(self.informer if settings.ci else _NoObjects())
        self._builder = Builder(
            BuilderOptions(
                directory=folder.folder("builds"),
                instance=folder.instance,
                pip=machine_settings(
                    os.environ,
                    pip_conf=settings.build.pip_conf,
                    ca_bundle=settings.build.ca_bundle,
                ),
                registries_conf=mirrors.registries_conf(),
                isolation=settings.build.isolation,
                proxies=BuilderOptions.proxies_of(os.environ),
            )
        )
        bases = BaseImages(
            self._builder,
            RegistrySource(mirrors, registry),
            stand_ins=settings.images.stand_ins,
            timeout=settings.images.registry_timeout,
        )
        kubeconfig = [Path(settings.kubeconfig).expanduser()] if settings.kubeconfig else []
        self._confinement = Confinement([folder.path, *kubeconfig], mode=settings.build.confine)
        self.runs = RunController(
            RunPorts(
                store=engine.store,
                pipelines=self.pipelines,
                client=engine.client,
                git=engine.repositories,
                builder=self._builder,
                bases=bases,
                confinement=self._confinement,
                mirrors=mirrors,
                registry=registry,
                clock=engine.clock,
                settings=RunSettings(
                    workspaces=folder.folder("workspaces").resolve(),
                    artifacts=folder.folder("artifacts"),
                    instance=folder.instance,
                    git_aliases=engine.aliases,
                    page=page,
                    environment=BuilderOptions.proxies_of(os.environ),
                ),
            )
        )
        self.deliveries = DeliveryController(
            store=engine.store,
            pipelines=self.pipelines,
            applications=engine.applications,
            git=engine.repositories,
            clock=engine.clock,
            canonical=lambda url: resolve_alias(parse_url(url), engine.aliases),
        )

    async def prepare(self) -> None:
        """Gets the builder ready and removes what an earlier run left."""
        if self.enabled:
            await self._confinement.prepare()
            if self._confinement.refusal:
                _log.warning("steps are not confined: %s", self._confinement.refusal)
            await self._builder.prepare()

    async def close(self) -> None:
        """Removes working containers and what builds left running."""
        if self.enabled:
            await self._builder.close()

    def start(self, services: Services) -> None:
        """Starts its parts."""
        services.start("deliveries", self.deliveries.run)
        if self.enabled:
            services.start("pipelines", self.informer.run)
            services.start("runs", self.runs.run)


class _NoObjects:
    """The Pipelines of an instance without CI: none, and none to come."""

    async def synced(self, timeout: float | None = None) -> None:
        del timeout

    def list(self, namespace: str = "") -> Sequence[CachedPipeline]:
        del namespace
        return ()

    def subscribe(self, callback: Callable[[Any, Any, Any], None]) -> Callable[[], None]:
        del callback
        return lambda: None
