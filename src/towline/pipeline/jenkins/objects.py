"""Objects that pipelines use: `env`, `params`, `currentBuild`, `scm`, runs, dates. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from towline.pipeline.jenkins.results import Result, is_worse_or_equal, parse_result
from towline.text.groovy import Arguments, HostObject, Site, script_error, to_text

if TYPE_CHECKING:
    from towline.pipeline.jenkins.session import Session

_MAX_VARIABLES = 2_000


class EnvObject(HostObject):
    """`env`: reads the scope's environment, writes variables for the rest of the run."""

    type_name = "EnvActionImpl"

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, name: str, site: Site) -> Any:
        """A variable, or null."""
        return self._session.variable(name, site.state)

    def set(self, name: str, value: Any, site: Site) -> None:
        """Sets a variable for the rest of the run; null removes it."""
        variables = self._session.variables
        if value is None:
            variables.pop(name, None)
            return
        if len(variables) >= _MAX_VARIABLES:
            raise script_error("IllegalStateException", f"more than {_MAX_VARIABLES} variables")
        variables[name] = to_text(value, site.interpreter.meter)

    async def call(self, method: str, arguments: Arguments, site: Site) -> Any:
        """`getEnvironment()`, `get(name)`."""
        if method in {"getEnvironment", "getOverriddenEnvironment"}:
            return dict(self._session.environment(site.state))
        if method in {"get", "getProperty"} and len(arguments.positional) == 1:
            name = to_text(arguments.positional[0], site.interpreter.meter)
            return self._session.variable(name, site.state)
        return await super().call(method, arguments, site)


class ParamsObject(HostObject):
    """`params`: the run's parameters, read-only."""

    type_name = "ParamsVariable"

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, name: str, site: Site) -> Any:
        """A parameter, or null."""
        return self._session.parameters.get(name)

    async def call(self, method: str, arguments: Arguments, site: Site) -> Any:
        """The reading methods of a map."""
        values: dict[str, Any] = dict(self._session.parameters)
        positional = arguments.positional
        match method:
            case "get" if len(positional) == 1:
                return values.get(str(positional[0]))
            case "getOrDefault" if len(positional) == 2:
                return values.get(str(positional[0]), positional[1])
            case "containsKey" if len(positional) == 1:
                return positional[0] in values
            case "keySet":
                return list(values)
            case "size":
                return len(values)
        return await super().call(method, arguments, site)

    def text(self) -> str:
        """Names and values."""
        return (
            "[" + ", ".join(f"{key}:{val}" for key, val in self._session.parameters.items()) + "]"
        )


class ScmObject(HostObject):
    """`scm`: the repository and revision that the run was started for."""

    type_name = "GitSCM"

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, name: str, site: Site) -> Any:
        """`branches`, `userRemoteConfigs`, `key`."""
        scm = self._session.context.scm
        if scm is not None:
            if name == "branches":
                return [{"name": scm.branch}]
            if name == "userRemoteConfigs":
                return [{"url": scm.url}]
            if name == "extensions":
                return []
            if name == "key":
                return f"git {scm.url}"
        return super().get(name, site)

    async def call(self, method: str, arguments: Arguments, site: Site) -> Any:
        """`getUserRemoteConfigs()`, `getBranches()`; entries of the first answer `getUrl()`."""
        if method in {"getUserRemoteConfigs", "getBranches"}:
            name = method[3].lower() + method[4:]
            return [DescribedObject(item) for item in self.get(name, site)]
        return await super().call(method, arguments, site)


class DescribedObject(HostObject):
    """A record with properties and getters."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def get(self, name: str, site: Site) -> Any:
        """A property."""
        return self._values[name] if name in self._values else super().get(name, site)

    async def call(self, method: str, arguments: Arguments, site: Site) -> Any:
        """A getter."""
        name = method[3:4].lower() + method[4:]
        if method.startswith("get") and name in self._values and not arguments.positional:
            return self._values[name]
        return await super().call(method, arguments, site)


class RunObject(HostObject):
    """A run of a job: an earlier one of this job, or one that `build job:` waited for."""

    type_name = "RunWrapper"

    def __init__(self, job: str, number: int, result: Result | None, url: str = "") -> None:
        self.job, self.number, self.result, self.url = job, number, result, url

    def get(self, name: str, site: Site) -> Any:
        """The readable properties of a run."""
        known: dict[str, Any] = {
            "number": self.number,
            "id": str(self.number),
            "result": self.result,
            "currentResult": self.result or "SUCCESS",
            "displayName": f"#{self.number}",
            "fullDisplayName": f"{self.job.replace('/', ' » ')} #{self.number}",
            "projectName": self.job.rsplit("/", 1)[-1],
            "fullProjectName": self.job,
            "absoluteUrl": self.url,
            "buildVariables": {},
            "description": None,
        }
        return known[name] if name in known else super().get(name, site)

    async def call(self, method: str, arguments: Arguments, site: Site) -> Any:
        """Getters, and the two comparisons of results."""
        name = method[3:4].lower() + method[4:]
        if method.startswith("get") and method != "getClass" and not arguments.positional:
            return self.get(name, site)
        present = parse_result(self.get("currentResult", site))
        if method.startswith("resultIs") and len(arguments.positional) == 1 and present:
            other = parse_result(arguments.positional[0])
            if other is None:
                raise script_error(
                    "IllegalArgumentException", f"{arguments.positional[0]} is not a result"
                )
            if method == "resultIsWorseOrEqualTo":
                return is_worse_or_equal(present, other)
            if method == "resultIsBetterOrEqualTo":
                return is_worse_or_equal(other, present)
        return await super().call(method, arguments, site)


class CurrentBuild(RunObject):
    """`currentBuild`: this run; result, display name and description can be set."""

    def __init__(self, session: Session) -> None:
        context = session.context
        super().__init__(context.job, context.number, None, context.url)
        self._session = session

    def get(self, name: str, site: Site) -> Any:
        """The readable properties; what changes is read from the run."""
        if name == "rawBuild":
            raise script_error("RejectedAccessException", "currentBuild.rawBuild is not available")
        if name.startswith("previous"):
            return self._previous(name)
        if name in _BUILD_PROPERTIES:
            return _BUILD_PROPERTIES[name](self._session)
        return super().get(name, site)

    def set(self, name: str, value: Any, site: Site) -> None:
        """Sets `result` (only to something worse), `displayName`, `description`."""
        text = to_text(value, site.interpreter.meter)[:1_000]
        match name:
            case "result":
                result = parse_result(text)
                if result is None:
                    raise script_error("IllegalArgumentException", f"'{text}' is not a result")
                if text == "FAILED":
                    self._session.log("'FAILED' is taken as FAILURE", site)
                self._session.worsen(result)
            case "displayName":
                self._session.display_name = text
            case "description":
                self._session.description = text
            case "keepLog":
                self._session.log("keepLog is set in the Pipeline's retention", site)
            case _:
                super().set(name, value, site)

    async def call(self, method: str, arguments: Arguments, site: Site) -> Any:
        """Setters, `getBuildCauses()`, and what every run has."""
        setter = method in {"setResult", "setDisplayName", "setDescription"}
        if setter and len(arguments.positional) == 1:
            self.set(method[3].lower() + method[4:], arguments.positional[0], site)
            return None
        if method == "getBuildCauses":
            causes = self._session.context.causes
            wanted = str(arguments.positional[0]) if arguments.positional else ""
            return [
                {"_class": cause, "shortDescription": cause}
                for cause in causes
                if wanted.rsplit(".", 1)[-1].rsplit("$", 1)[-1] in cause
            ]
        return await super().call(method, arguments, site)

    def _previous(self, name: str) -> RunObject | None:
        previous = self._session.context.previous
        wanted = {
            "previousBuild": None,
            "previousCompletedBuild": None,
            "previousBuildInProgress": "none",
            "previousSuccessfulBuild": "SUCCESS",
            "previousFailedBuild": "FAILURE",
        }.get(name, "none")
        if previous is None or (wanted is not None and previous.result != wanted):
            return None
        return RunObject(self.job, previous.number, previous.result, previous.url)


def _change_sets(session: Session) -> list[Any]:
    changes = [
        DescribedObject(
            {
                "commitId": change.commit,
                "msg": change.message,
                "author": change.author,
                "timestamp": change.timestamp,
                "affectedFiles": [
                    DescribedObject({"path": path, "editType": {"name": "edit"}})
                    for path in change.paths
                ],
            }
        )
        for change in session.context.changes
    ]
    return [DescribedObject({"items": changes})] if changes else []


def _elapsed(session: Session) -> int:
    return max(0, session.executor.now_millis() - session.context.start_millis)


def _elapsed_text(session: Session) -> str:
    millis = _elapsed(session)
    return f"{millis // 60_000} min {millis // 1000 % 60} sec and counting"


_BUILD_PROPERTIES: dict[str, Callable[[Session], Any]] = {
    "result": lambda session: session.result,
    "currentResult": lambda session: session.current_result,
    "displayName": lambda session: session.display_name or f"#{session.context.number}",
    "description": lambda session: session.description or None,
    "startTimeInMillis": lambda session: session.context.start_millis,
    "timeInMillis": lambda session: session.context.start_millis,
    "duration": _elapsed,
    "durationString": _elapsed_text,
    "buildVariables": lambda session: dict(session.variables),
    "changeSets": _change_sets,
    "upstreamBuilds": lambda session: [],
    "keepLog": lambda session: False,
}


# Dates

_DATE_PART = re.compile(r"'([^']*)'|([a-zA-Z])\2*|[^a-zA-Z']+")
_MONTHS = "January February March April May June July August September October November December"
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"


class DateValue(HostObject):
    """`new Date()`: a moment, in UTC."""

    type_name = "Date"

    def __init__(self, millis: int) -> None:
        self._millis = millis

    def get(self, name: str, site: Site) -> Any:
        """`time`: milliseconds since 1970."""
        return self._millis if name == "time" else super().get(name, site)

    async def call(self, method: str, arguments: Arguments, site: Site) -> Any:
        """`format(pattern)`, `getTime()`, `toString()`."""
        if method == "format" and arguments.positional:
            return format_date(self._moment(), to_text(arguments.positional[0], _meter(site)))
        if method == "getTime":
            return self._millis
        if method == "toString":
            return self.text()
        return await super().call(method, arguments, site)

    def text(self) -> str:
        """As Java prints a date."""
        return format_date(self._moment(), "EEE MMM dd HH:mm:ss 'UTC' yyyy")

    def _moment(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._millis / 1000, tz=dt.UTC)


def _meter(site: Site) -> Any:
    return site.interpreter.meter


def format_date(moment: dt.datetime, pattern: str) -> str:
    """A moment in a pattern of Java's SimpleDateFormat (the letters that files use)."""
    pieces = []
    for match in _DATE_PART.finditer(pattern[:200]):
        quoted, letter = match.groups()
        if quoted is not None:
            pieces.append(quoted or "'")
        elif letter:
            pieces.append(_date_part(moment, letter, len(match.group())))
        else:
            pieces.append(match.group())
    return "".join(pieces)


def _date_part(moment: dt.datetime, letter: str, width: int) -> str:
    numbers = {
        "d": moment.day,
        "H": moment.hour,
        "h": moment.hour % 12 or 12,
        "m": moment.minute,
        "s": moment.second,
        "S": moment.microsecond // 1000,
        "D": moment.timetuple().tm_yday,
        "k": moment.hour or 24,
        "K": moment.hour % 12,
        "u": moment.isoweekday(),
    }
    if letter in numbers:
        return str(numbers[letter]).rjust(width, "0")
    if letter in "yY":
        return str(moment.year)[-2:] if width == 2 else str(moment.year).rjust(width, "0")
    if letter == "M":
        name = _MONTHS.split()[moment.month - 1]
        return (
            name if width > 3 else name[:3] if width == 3 else str(moment.month).rjust(width, "0")
        )
    if letter == "E":
        name = _DAYS.split()[moment.weekday()]
        return name if width > 3 else name[:3]
    if letter == "a":
        return "AM" if moment.hour < 12 else "PM"
    if letter in "zZX":
        return {"z": "UTC", "Z": "+0000", "X": "Z"}[letter]
    raise script_error("IllegalArgumentException", f"Illegal pattern character '{letter}'")
