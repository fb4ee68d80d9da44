"""Renders sources by config-management plugins: which one fits, and what it prints."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final

import msgspec

from towline.argo.application import Source
from towline.controllers.application.plugins.folder import ALL, PluginFolder, PluginSet
from towline.controllers.application.plugins.running import PluginRunner, Workspace
from towline.errors import CommandError, InputError, NotFoundError, TowlineError, TransientError
from towline.render.documents import manifests_of_yaml
from towline.render.environment import build_variables
from towline.render.inputs import Inputs
from towline.render.plugin.definition import Plugin
from towline.render.plugin.discovery import has_file, has_match
from towline.render.plugin.environment import plugin_environment, read_block
from towline.render.result import RenderResult, result_of
from towline.render.source import RenderRequest, explicit_tool, read_source
from towline.render.tree import Read, RecordingTree, clean_path

_log = logging.getLogger("towline.plugins")
SOURCE_TYPE: Final = "Plugin"
NO_PLUGINS: Final = (Read("variable", ALL, ""),)
"""What was read to know that there are no plugins."""

_KILLED: Final = 128  # shells add the number of the signal


class Attempt(msgspec.Struct, frozen=True, eq=False):
    """What came of asking the plugins.

    Attributes:
        result: The manifests; None when no plugin is to render the source.
        read: What was read to know that.
    """

    result: RenderResult | None
    read: tuple[Read, ...] = ()


class Plugins:
    """Renders sources by plugins.

    A result records every file that the plugin could have read, its definition and the environment
    that it was given, so it holds as long as all of these do.

    Args:
        folder: The plugins.
        runner: Runs their commands.
    """

    def __init__(self, folder: PluginFolder, runner: PluginRunner) -> None:
        self._folder = folder
        self._runner = runner

    def variables(self) -> Mapping[str, str]:
        """The identities of the plugins, as variables that a render may read."""
        return self._folder.current().variables

    async def render(self, inputs: Inputs, request: RenderRequest) -> Attempt:
        """The manifests of a source, if a plugin is asked for or fits.

        Args:
            inputs: What may be read; encrypted files stay so.
            request: What to render.

        Raises:
            TowlineError: The plugin is not there, or fails.
        """
        plugins = self._folder.current()
        if not plugins.plugins and not request.source.get("plugin"):
            return Attempt(None, NO_PLUGINS)
        variables = {**plugins.variables, **build_variables(request, inputs.age_keys)}
        given = msgspec.structs.replace(inputs, variables=variables)
        recording = RecordingTree(given)
        source, _ = await asyncio.to_thread(read_source, recording, request)
        explicit = explicit_tool(source)
        if explicit not in {"", SOURCE_TYPE} or (source.chart and not explicit):
            return Attempt(None)
        try:
            asked = _Asked(given, recording, source, request.app_name)
            run = _Run(self._runner, plugins, asked)
            plugin = await run.choose()
            if plugin is None:
                return Attempt(None, recording.reads)
            return Attempt(await run.generate(plugin))
        except TowlineError as error:
            raise _told(request.app_name, error) from error


class _Asked:
    """A source that plugins are asked for."""

    def __init__(self, inputs: Inputs, tree: RecordingTree, source: Source, app: str) -> None:
        self.files = inputs.tree
        self.tree = tree
        self.app = app
        self.folder = clean_path(source.path, field="spec.source.path")
        self.explicit = bool(source.plugin)
        self.block = read_block(source.plugin)


class _Run:
    """One source and the plugins."""

    def __init__(self, runner: PluginRunner, plugins: PluginSet, asked: _Asked) -> None:
        self._runner = runner
        self._plugins = plugins
        self._asked = asked
        self._recording = asked.tree
        self._folder = asked.folder

    async def choose(self) -> Plugin | None:
        """The plugin that is named, or the first that fits; None when none has to."""
        if self._asked.block.name:
            return await self._named(self._asked.block.name)
        self._recording.variable(ALL)
        for plugin in self._plugins.plugins.values():
            if plugin.discovery and await self._fits(plugin):
                return plugin
        if not self._asked.explicit:
            return None
        raise NotFoundError(
            "could not find plugin supporting the given repository", hint=self._hint()
        )

    async def generate(self, plugin: Plugin) -> RenderResult:
        """What the plugin prints, as manifests."""
        environment = plugin_environment(self._recording, plugin, self._asked.block)
        place = self._folder or "."
        async with self._workspace(plugin) as workspace:
            try:
                if plugin.init:
                    await workspace.output(plugin.init, environment)
                printed = await workspace.output(plugin.generate, environment)
            except CommandError as error:
                raise CommandError(
                    f"error generating manifests: {error.message}",
                    exit_code=error.exit_code,
                    output=error.output,
                ) from error
        manifests = await asyncio.to_thread(
            manifests_of_yaml, printed, f"output of {plugin.address}", place, strict=True
        )
        _log.info(
            "plugin ran app=%s plugin=%s objects=%d",
            *(self._asked.app, plugin.address, len(manifests)),
        )
        return result_of(manifests, SOURCE_TYPE, self._recording.reads)

    async def _named(self, name: str) -> Plugin:
        plugin = self._plugins.plugins.get(name)
        if plugin is None:
            self._recording.variable(ALL)
            same = [one for one in self._plugins.plugins.values() if one.name == name]
            plugin = same[0] if len(same) == 1 else None
        else:
            self._recording.variable(f"{ALL}:{name}")
        if plugin is None or (plugin.discovery and not await self._fits(plugin)):
            raise NotFoundError(
                f'could not find cmp-server plugin with name "{name}" supporting the given '
                "repository",
                hint=self._hint(),
            )
        return plugin

    async def _fits(self, plugin: Plugin) -> bool:
        rule = plugin.discovery
        if rule.file_name:
            return await asyncio.to_thread(has_file, self._recording, self._folder, rule.file_name)
        if rule.glob:
            return await asyncio.to_thread(has_match, self._recording, self._folder, rule.glob)
        environment = plugin_environment(self._recording, plugin, self._asked.block)
        async with self._workspace(plugin) as workspace:
            try:
                return bool(await workspace.output(rule.command, environment))
            except CommandError as error:
                if error.exit_code < 0 or error.exit_code > _KILLED:
                    raise  # it has not said anything
                _log.info("plugin does not fit plugin=%s error=%s", plugin.address, error)
                return False

    def _workspace(self, plugin: Plugin) -> AbstractAsyncContextManager[Workspace]:
        return self._runner.workspace(plugin, self._asked.files, self._recording, self._folder)

    def _hint(self) -> str:
        known = ", ".join(self._plugins.plugins) or "none"
        unreadable = "; unreadable: " + "; ".join(self._plugins.unreadable)
        return f"plugins here: {known}" + (unreadable if self._plugins.unreadable else "")


def _told(app: str, error: TowlineError) -> TowlineError:
    """The error as Argo CD words it, of the same kind."""
    text = f'CMP processing failed for application "{app}": {error.message}'
    if isinstance(error, InputError):
        return InputError(
            text, file=error.file, line=error.line, field=error.field, hint=error.hint
        )
    if isinstance(error, CommandError):
        return CommandError(text, exit_code=error.exit_code, output=error.output, hint=error.hint)
    if isinstance(error, TransientError):
        return error
    return type(error)(text, hint=error.hint)
