"""Actions on live objects: the operator's scripts and the built-in ones as one list.

Nothing is changed here. Whoever carries the changes out checks that the person and the project may.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from towline.aio.clock import Clock
from towline.errors import NotFoundError
from towline.gitops.builtin_actions import ACTIONS, offered, run_built_in
from towline.gitops.customisations import Customisations
from towline.gitops.lua.answers import ActionInfo, Change
from towline.gitops.lua.script import Script
from towline.kube.refs import gvk_of


class ActionScripts(Protocol):
    """Runs action scripts; `towline.workers.script_pool.ScriptPool` fits."""

    async def actions(self, script: Script, obj: dict[str, Any]) -> tuple[ActionInfo, ...]:
        """The actions that a discovery script finds."""
        ...

    async def action(
        self, script: Script, obj: dict[str, Any], params: Mapping[str, str]
    ) -> tuple[Change, ...]:
        """What an action wants changed."""
        ...


class ObjectActions:
    """The actions of objects.

    Args:
        scripts: Runs scripts.
        clock: Time.
    """

    def __init__(self, scripts: ActionScripts, clock: Clock) -> None:
        self._scripts = scripts
        self._clock = clock

    async def offered(
        self, obj: dict[str, Any], customisations: Customisations
    ) -> list[ActionInfo]:
        """The actions that an object offers, by name; a script's wins over a built-in one.

        Raises:
            InputError: The discovery script fails.
            ScriptLimitError: It reached a limit.
        """
        scripted = customisations.actions(gvk_of(obj).group_kind)
        if scripted is None:
            return offered(obj)
        found = {one.name: one for one in offered(obj)} if scripted.merge_built_in else {}
        if scripted.discovery.text.strip():
            found |= {one.name: one for one in await self._scripts.actions(scripted.discovery, obj)}
        return [found[name] for name in sorted(found)]

    async def changes(
        self,
        name: str,
        obj: dict[str, Any],
        customisations: Customisations,
        params: Mapping[str, str],
    ) -> list[Change]:
        """What an action wants changed.

        Raises:
            NotFoundError: The object has no such action.
            InputError: The action fails, or a parameter is wrong.
            ScriptLimitError: It reached a limit.
        """
        kind = gvk_of(obj).group_kind
        scripted = customisations.actions(kind)
        if scripted is not None and name in scripted.definitions:
            return list(await self._scripts.action(scripted.definitions[name], obj, params))
        if scripted is not None and (
            not scripted.merge_built_in or name not in ACTIONS.get(kind, {})
        ):
            raise NotFoundError(f"{kind} has no action {name}")
        return run_built_in(name, obj, self._clock.now(), params)
