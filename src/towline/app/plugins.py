"""Where an instance's config-management plugins come from, and what is hidden from them."""

from __future__ import annotations

from pathlib import Path

from towline.aio.clock import Clock
from towline.app.folder import DataFolder
from towline.controllers.application.plugins import PluginFolder, PluginRunner, Plugins
from towline.sandbox import Confinement
from towline.settings import Settings


def plugins_of(settings: Settings, folder: DataFolder, clock: Clock) -> Plugins:
    """The plugins of an instance.

    Args:
        settings: Where definitions are, and whether commands are confined.
        folder: The data folder, which no plugin sees.
        clock: To know when to look for new definitions.
    """
    written = settings.engine.plugins_dir
    definitions = Path(written).expanduser() if written else folder.folder("plugins")
    kubeconfig = [Path(settings.kubeconfig).expanduser()] if settings.kubeconfig else []
    runner = PluginRunner(
        folder.folder("plugin-runs").resolve(),
        Confinement([folder.path, *kubeconfig], mode=settings.build.confine),
        unconfined=settings.build.confine == "off",
        instance=folder.instance,
    )
    return Plugins(PluginFolder(definitions, clock), runner)
