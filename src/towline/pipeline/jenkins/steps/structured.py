"""Steps for JSON and properties, from text or from files of the workspace. Pure."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any

from towline.pipeline.commands import ReadFile, WriteFile
from towline.pipeline.jenkins.arguments import StepCall
from towline.pipeline.jenkins.failures import abort
from towline.pipeline.jenkins.session import Session
from towline.pipeline.jenkins.steps.basic import workspace_path
from towline.pipeline.jenkins.steps.table import Step, step
from towline.text.groovy import Meter, script_error, to_text


def parse_json(text: str, meter: Meter) -> Any:
    """A value from JSON text.

    Raises:
        Thrown: JsonException, with line and column.
    """
    meter.room_for_text(len(text))
    meter.charge(len(text) // 4)
    try:
        return json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as error:
        message = f"line {error.lineno} column {error.colno}: {error.msg}"
        raise script_error("JsonException", message) from error
    except (ValueError, RecursionError) as error:
        message = "the JSON text holds a number or a nesting out of bounds"
        raise script_error("JsonException", message) from error


def format_json(value: Any, meter: Meter, indent: int | None = None) -> str:
    """JSON text of a value made of maps, lists, strings, numbers, booleans and null."""
    budget = [meter.limits.items]
    text = json.dumps(_plain(value, meter, budget, 0), indent=indent, ensure_ascii=False)
    return meter.text(text)


def _plain(value: Any, meter: Meter, budget: list[int], depth: int) -> Any:
    budget[0] -= 1
    if budget[0] < 0 or depth > 40:
        raise script_error("JsonException", "the value is too large or nested too deeply")
    match value:
        case dict():
            return {
                to_text(key, meter): _plain(item, meter, budget, depth + 1)
                for key, item in value.items()
            }
        case list():
            return [_plain(item, meter, budget, depth + 1) for item in value]
        case Decimal():
            return int(value) if value == value.to_integral() else float(value)
        case None | bool() | int() | str():
            return value
    return to_text(value, meter)


async def _text(session: Session, call: StepCall) -> str:
    """The argument `text`, or the content of `file`."""
    if "text" in call.values:
        return call.text("text")
    if "file" not in call.values:
        raise abort(f"{call.name} needs 'file' or 'text'")
    found: str = await session.execute(ReadFile(path=workspace_path(session, call)), call.site)
    return found


async def _read_json(session: Session, call: StepCall) -> Any:
    return parse_json(await _text(session, call), call.site.interpreter.meter)


async def _write_json(session: Session, call: StepCall) -> str | None:
    indent = 4 if call.flag("pretty") else None
    text = format_json(call.value("json"), call.site.interpreter.meter, indent)
    if call.flag("returnText"):
        return text
    command = WriteFile(path=workspace_path(session, call), text=text)
    await session.execute(command, call.site)
    return None


async def _read_properties(session: Session, call: StepCall) -> dict[str, str]:
    found: dict[str, str] = {}
    text = await _text(session, call)
    call.site.interpreter.meter.room_for_text(len(text))
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith(("#", "!")):
            continue
        cut = min((line.find(sign) for sign in "=:" if sign in line), default=len(line))
        found[line[:cut].strip()] = line[cut + 1 :].strip()
    call.site.interpreter.meter.room_for_items(len(found))
    return found


async def _sha256(session: Session, call: StepCall) -> str:
    text: str = await session.execute(ReadFile(path=workspace_path(session, call)), call.site)
    return hashlib.sha256(text.encode()).hexdigest()


STRUCTURED: dict[str, Step] = {
    "readJSON": step(_read_json, "file", "text", "returnPojo"),
    "writeJSON": step(
        _write_json, "file", "json", "pretty", "returnText", unnamed="json", required=("json",)
    ),
    "readProperties": step(_read_properties, "file", "text", "defaults", "interpolate"),
    "sha256": step(_sha256, "file", required=("file",)),
}
