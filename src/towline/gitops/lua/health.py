"""Health by script: the rules by which Argo CD reads a health script's answer."""

from __future__ import annotations

import datetime as dt
from typing import Any

from towline.argo.status import HealthCode
from towline.errors import InputError
from towline.gitops.lua.sandbox import MAX_MESSAGE, run_script
from towline.gitops.lua.script import Script
from towline.gitops.verdict import Health

INVALID_STATUS = "Lua returned an invalid health status"
_CODES = {code.value: code for code in HealthCode}


def script_health(script: Script, obj: dict[str, Any], now: dt.datetime) -> Health | None:
    """Health of an object as a script sees it.

    Args:
        script: The script; it finds the object in the global `obj`.
        obj: The object.
        now: The time.

    Returns:
        The health; None when the script has no opinion (nothing, or an empty table); Unknown with
        the reason when it fails.

    Raises:
        ScriptLimitError: It reached a bound.
    """
    try:
        return health_of(run_script(script, {"obj": obj}, now))
    except InputError as error:
        return Health(HealthCode.UNKNOWN, str(error))


def health_of(answer: Any) -> Health | None:
    """Reads a script's answer.

    Raises:
        InputError: It is not a table.
    """
    if answer is None or answer in ([], {}):
        return None
    if not isinstance(answer, dict):
        kind = "a list" if isinstance(answer, list) else type(answer).__name__
        raise InputError(f"expect table output from Lua script, not {kind}")
    message = answer.get("message")
    text = "" if message is None else str(message)[:MAX_MESSAGE]
    code = _CODES.get(str(answer.get("status")))
    if code is None:
        return Health(HealthCode.UNKNOWN, INVALID_STATUS)
    return Health(code, text)
