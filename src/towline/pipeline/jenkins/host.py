"""Gives Groovy scripts the meaning of Jenkins: names, steps, types. Pure."""

from __future__ import annotations

import hashlib
from typing import Any

from towline.pipeline.jenkins.arguments import bind
from towline.pipeline.jenkins.catalogue import DESCRIBING, STEPS, unknown_step
from towline.pipeline.jenkins.declarative.evaluate import run_declarative
from towline.pipeline.jenkins.docker import DockerObject
from towline.pipeline.jenkins.objects import (
    CurrentBuild,
    DateValue,
    EnvObject,
    ParamsObject,
    ScmObject,
)
from towline.pipeline.jenkins.session import Session
from towline.pipeline.jenkins.steps.accepted import describe_value
from towline.pipeline.jenkins.steps.structured import format_json, parse_json
from towline.text.groovy import (
    UNKNOWN,
    Arguments,
    ClosureValue,
    HostObject,
    Site,
    Thrown,
    script_error,
    to_text,
)


class SystemObject(HostObject):
    """`System`: the clock, nothing else."""

    type_name = "System"

    def __init__(self, session: Session) -> None:
        self._session = session

    async def call(self, method: str, arguments: Arguments, site: Site) -> Any:
        """`currentTimeMillis()`."""
        if method == "currentTimeMillis":
            return self._session.executor.now_millis()
        raise script_error("RejectedAccessException", f"System.{method} is not available")


class UuidObject(HostObject):
    """`UUID`: ids made from the run and a counter, the same when the run is repeated."""

    type_name = "UUID"

    def __init__(self, session: Session) -> None:
        self._session = session
        self._count = 0

    async def call(self, method: str, arguments: Arguments, site: Site) -> Any:
        """`randomUUID()`."""
        if method != "randomUUID":
            return await super().call(method, arguments, site)
        self._count += 1
        context = self._session.context
        seed = f"{context.job}\0{context.number}\0{context.start_millis}\0{self._count}"
        digest = hashlib.sha256(seed.encode()).hexdigest()
        return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


class JsonObject(HostObject):
    """`JsonSlurper`, `JsonSlurperClassic` and `JsonOutput`."""

    type_name = "Json"

    async def call(self, method: str, arguments: Arguments, site: Site) -> Any:
        """`parseText`, `toJson`, `prettyPrint`."""
        meter = site.interpreter.meter
        if len(arguments.positional) == 1:
            value = arguments.positional[0]
            match method:
                case "parseText":
                    return parse_json(to_text(value, meter), meter)
                case "toJson":
                    return format_json(value, meter)
                case "prettyPrint":
                    return format_json(parse_json(to_text(value, meter), meter), meter, 4)
        return await super().call(method, arguments, site)


_JSON_TYPES = frozenset({"JsonSlurper", "JsonSlurperClassic", "JsonOutput"})


class JenkinsHost:
    """Implements `towline.text.groovy.Host` for pipeline files.

    Args:
        session: The run.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._objects: dict[str, HostObject] = {
            "env": EnvObject(session),
            "params": ParamsObject(session),
            "currentBuild": CurrentBuild(session),
            "scm": ScmObject(session),
            "docker": DockerObject(session),
            "System": SystemObject(session),
            "UUID": UuidObject(session),
            "JsonOutput": JsonObject(),
        }

    def lookup(self, name: str, site: Site) -> Any:
        """Global objects, then variables of the scope's environment."""
        if name in self._objects:
            return self._objects[name]
        value = self._session.variable(name, site.state)
        return UNKNOWN if value is None else value

    async def call(self, name: str, arguments: Arguments, site: Site) -> Any:
        """Runs a step.

        Raises:
            Thrown: When it fails, or when there is no such step.
        """
        if name == "pipeline" and arguments.positional:
            body = arguments.positional[-1]
            if isinstance(body, ClosureValue):
                return await run_declarative(self._session, body, site)
        if name in DESCRIBING:
            return describe_value(name, arguments)
        step = STEPS.get(name)
        if step is None:
            message, hint = unknown_step(name)
            raise script_error("NoSuchMethodError", f"{message} ({hint})" if hint else message)
        call = bind(name, step.signature, arguments, site)
        if not step.quiet:
            self._session.log(f"[Pipeline] {name}", site)
        for parameter in call.unknown:
            self._session.log(f"{name}: the parameter '{parameter}' is ignored", site)
        try:
            return await step.run(self._session, call)
        except Thrown as thrown:
            thrown.value.line = thrown.value.line or site.line
            raise

    async def construct(self, type_name: str, arguments: Arguments, site: Site) -> Any:
        """`new Date()`, `new JsonSlurper()`.

        Raises:
            Thrown: For every other type.
        """
        name = type_name.rsplit(".", 1)[-1]
        if name == "Date":
            given = arguments.positional[0] if arguments.positional else None
            if isinstance(given, int) and abs(given) < 10**14:
                return DateValue(given)
            return DateValue(self._session.executor.now_millis())
        if name in _JSON_TYPES:
            return JsonObject()
        raise script_error("RejectedAccessException", f"new {type_name}(...) is not available")

    def unwinds(self, state: Any) -> bool:
        """Whether `finally` blocks run on cancellation."""
        return bool(state.unwinds)
