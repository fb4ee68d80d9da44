"""The folder of plugin definitions, read again when it changes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from towline.aio.clock import Clock
from towline.argo.manifest import content_digest
from towline.errors import InputError, TowlineError
from towline.render.plugin.definition import Plugin, read_plugins

_log = logging.getLogger("towline.plugins")
_SUFFIXES: Final = (".yaml", ".yml")
_LOOK_SECONDS: Final = 5.0
_MOST_FILES: Final = 256
_LARGEST: Final = 1 << 20
ALL: Final = "TOWLINE_PLUGINS"
"""Variable that stands for all plugins at once."""

_Seen = tuple[tuple[str, int, int], ...]


class PluginSet(msgspec.Struct, frozen=True, eq=False):
    """The plugins at one time.

    Attributes:
        plugins: By address, in the order in which they are asked.
        variables: The digest of each and of all, as variables that a render may read.
        unreadable: Files that could not be read, with the reason.
    """

    plugins: Mapping[str, Plugin] = {}
    variables: Mapping[str, str] = {}
    unreadable: tuple[str, ...] = ()


class PluginFolder:
    """Plugins from files.

    Args:
        path: The folder; it may be absent.
        clock: To know when to look again.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._looked_at = float("-inf")
        self._seen: _Seen = ()
        self._set = PluginSet()

    def current(self) -> PluginSet:
        """The plugins, as they were at most some seconds ago."""
        now = self._clock.monotonic()
        if now - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = now
            seen = self._look()
            if seen != self._seen:
                self._set = self._read(seen)
                self._seen = seen
        return self._set

    def _look(self) -> _Seen:
        try:
            found = [file for file in self._path.iterdir() if file.suffix in _SUFFIXES]
            facts = [(file.name, file.stat()) for file in sorted(found)[:_MOST_FILES]]
        except OSError:
            return ()
        return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in facts)

    def _read(self, seen: _Seen) -> PluginSet:
        found: dict[str, Plugin] = {}
        unreadable: list[str] = []
        for name, _, size in seen:
            try:
                for plugin in self._plugins(name, size):
                    if plugin.address in found:
                        raise InputError(f"plugin {plugin.address} is defined twice", file=name)
                    found[plugin.address] = plugin
            except (TowlineError, OSError) as error:
                _log.warning("plugin cannot be used file=%s error=%s", name, error)
                unreadable.append(f"{name}: {error}")
        plugins = {address: found[address] for address in sorted(found)}
        variables = {f"{ALL}:{address}": one.digest for address, one in plugins.items()}
        variables[ALL] = content_digest(list(variables.values())) if plugins else ""
        return PluginSet(plugins, variables, tuple(unreadable))

    def _plugins(self, name: str, size: int) -> list[Plugin]:
        if size > _LARGEST:
            raise InputError(f"larger than {_LARGEST} bytes", file=name)
        return read_plugins((self._path / name).read_text("utf-8", "replace"), file=name)
