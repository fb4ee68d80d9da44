"""Judges the health of live objects; verdicts are remembered, scripts run elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Final, Protocol

from towline.argo.status import HealthCode
from towline.controllers.application.differing import CONFIG_MAP
from towline.controllers.application.memory import Memory
from towline.controllers.application.ports import LiveCache
from towline.gitops.customisations import Customisations, parse_customisations
from towline.gitops.health import Health, assess, pending_deletion
from towline.gitops.live import LiveObject
from towline.gitops.lua.script import Script, ScriptLimitError
from towline.kube.refs import GroupKind, ObjectKey

_log = logging.getLogger("towline.engine")

_FOR_NOW: Final = " for now"
_AWAITED: Final = Health(HealthCode.PROGRESSING, "Waiting for the health script")
_NO_SCRIPTS: Final = Health(HealthCode.UNKNOWN, "health scripts do not run in this process")


class HealthScripts(Protocol):
    """Runs health scripts; `towline.workers.script_pool.ScriptPool` fits."""

    async def health(self, script: Script, obj: dict[str, Any]) -> Health | None:
        """Health by script.

        Raises:
            ScriptLimitError: It reached a limit.
        """
        ...


class Judge:
    """Judges objects for the engine.

    Args:
        cache: Live objects; the configuration is one of them.
        namespace: The control namespace.
        scripts: Runs scripts; without it a kind with a script has Unknown health.
    """

    def __init__(self, cache: LiveCache, namespace: str, scripts: HealthScripts | None) -> None:
        self._cache = cache
        self._config = ObjectKey("", "ConfigMap", namespace, CONFIG_MAP)
        self._scripts = scripts
        self._read: tuple[str, Customisations] = ("", Customisations())
        self._chosen: dict[GroupKind, Script | None] = {}

    def customisations(self) -> Customisations:
        """What the operator customised; read anew when the configuration changes."""
        found = self._cache.get(self._config)
        version = found.resource_version if found is not None else ""
        if version != self._read[0]:
            data = found.body().get("data") if found is not None else None
            texts = {name: text for name, text in (data or {}).items() if isinstance(text, str)}
            customisations = parse_customisations(texts)
            for problem in customisations.problems:
                _log.warning("left out entry=%s error=%s", problem.entry, problem.message)
            self._read = (version, customisations)
            self._chosen.clear()
        return self._read[1]

    def health(self, memory: Memory, live: LiveObject) -> Health | None:
        """Health of a live object; Progressing while its script has not been asked."""
        known = memory.healths.get(live.uid)
        stamp = self._stamp(live)
        if known is not None and known[0] in (stamp, stamp + _FOR_NOW):
            return known[1]
        if self._script(live.gvk.group_kind) is not None:
            ending = pending_deletion(live.body()) if live.deletion_timestamp else None
            return ending or (_AWAITED if self._scripts is not None else _NO_SCRIPTS)
        verdict = assess(live.body(), self.customisations())
        memory.healths[live.uid] = (stamp, verdict)
        return verdict

    async def ask_scripts(self, memory: Memory, lives: Iterable[LiveObject]) -> None:
        """Asks the scripts about the objects that have one and are not judged yet.

        A verdict that may change by itself (the script reads the clock, or reached a limit) holds
        until the next call.
        """
        if self._scripts is None or not self.customisations().rules:
            return
        for live in lives:
            script = self._script(live.gvk.group_kind)
            stamp = self._stamp(live)
            known = memory.healths.get(live.uid)
            if script is None or (known is not None and known[0] == stamp):
                continue
            body = live.body()
            if pending_deletion(body) is not None:
                continue  # said without the script
            lasting = not script.asks_time
            try:
                verdict = await self._scripts.health(script, body)
            except ScriptLimitError as error:
                verdict, lasting = Health(HealthCode.UNKNOWN, error.message), False
            memory.healths[live.uid] = (stamp if lasting else stamp + _FOR_NOW, verdict)

    def _script(self, kind: GroupKind) -> Script | None:
        customisations = self.customisations()
        if not customisations.rules:
            return None
        if kind not in self._chosen:
            self._chosen[kind] = customisations.health(kind)
        return self._chosen[kind]

    def _stamp(self, live: LiveObject) -> str:
        """What a verdict holds for."""
        return f"{live.resource_version} {self.customisations().digest}"
