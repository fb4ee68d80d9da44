"""Config-management plugins of the engine: a folder of definitions, run confined."""

from towline.controllers.application.plugins.folder import PluginFolder
from towline.controllers.application.plugins.rendering import NO_PLUGINS, Plugins
from towline.controllers.application.plugins.running import PluginLimits, PluginRunner

__all__ = ["NO_PLUGINS", "PluginFolder", "PluginLimits", "PluginRunner", "Plugins"]
